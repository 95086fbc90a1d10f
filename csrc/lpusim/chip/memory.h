#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// The SRAM of one chip, or of several. Unwritten vectors read as zero. The vectors of a slice lie one after
/// the other; a slice costs memory only where it is written. Preconditions everywhere: slice < chips *
/// mem_slices (see slice_ordinal), address < mem_words_per_slice, in range.
class Memory {
  public:
    Memory() = default;
    explicit Memory(const ChipSpec& spec, std::int64_t chips = 1);
    Memory(const Memory& other);
    Memory& operator=(const Memory& other);
    Memory(Memory&&) noexcept = default;
    Memory& operator=(Memory&&) noexcept = default;
    ~Memory() = default;

    [[nodiscard]] std::int64_t lanes() const { return lanes_; }
    [[nodiscard]] std::int64_t slice_count() const { return static_cast<std::int64_t>(slices_.size()); }
    [[nodiscard]] std::int64_t words_per_slice() const { return words_; }

    /// One vector of lanes() bytes; where the slice is written, all vectors that follow it too. Valid until
    /// the next write to the slice.
    [[nodiscard]] const std::uint8_t* read(std::int64_t slice, std::int64_t address) const;
    /// One vector to be filled; what was there before is kept until overwritten. Valid until this Memory
    /// moves.
    [[nodiscard]] std::uint8_t* write(std::int64_t slice, std::int64_t address);
    /// The whole slice, words_per_slice() vectors, written or not. Valid until this Memory moves.
    [[nodiscard]] const std::uint8_t* whole_slice(std::int64_t slice);

    /// Equal vectors everywhere; an unwritten vector equals a written zero. Cost: the blocks that were
    /// written.
    friend bool operator==(const Memory& a, const Memory& b);

  private:
    /// Words that are remembered as written together.
    static constexpr std::int64_t kBlockWords = 64;
    /// Slices are allocated together until they have this size: C libraries ask the system for blocks as
    /// large as that, whose pages come as zeros and cost nothing before they are touched. Smaller ones are
    /// used again, and filled with zeros by hand.
    static constexpr std::int64_t kGroupBytes = std::int64_t{64} << 20U;

    struct Free {
        void operator()(std::uint8_t* bytes) const { std::free(bytes); }
    };
    struct Slice {
        std::uint8_t* bytes = nullptr; ///< in one of groups_; null before the first write
        std::vector<bool> written;     ///< by block
    };

    [[nodiscard]] Slice& allocated(std::int64_t slice);
    [[nodiscard]] std::size_t block_bytes(std::size_t block) const;
    [[nodiscard]] const std::uint8_t* block_of(const Slice& slice, std::size_t block) const;

    std::int64_t lanes_ = 0;
    std::int64_t words_ = 0;
    std::vector<Slice> slices_;
    std::int64_t group_slices_ = 1;
    std::vector<std::unique_ptr<std::uint8_t[], Free>> groups_;
    std::vector<std::uint8_t> zeros_; ///< one block of them
};

} // namespace lpusim::chip
