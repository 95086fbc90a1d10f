#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// The SRAM of one chip, or of several. Unwritten vectors read as zero and cost nothing until they are
/// written. Preconditions everywhere: slice < chips * mem_slices (see slice_ordinal), address <
/// mem_words_per_slice, in range.
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
    [[nodiscard]] std::int64_t slice_count() const;
    [[nodiscard]] std::int64_t words_per_slice() const { return words_; }

    /// One vector of lanes() bytes; valid until the next write.
    [[nodiscard]] const std::uint8_t* read(std::int64_t slice, std::int64_t address) const;
    /// One vector to be filled; what was there before is kept until overwritten. Valid until this Memory
    /// moves.
    [[nodiscard]] std::uint8_t* write(std::int64_t slice, std::int64_t address);

    /// Equal vectors everywhere; an unwritten vector equals a written zero.
    friend bool operator==(const Memory& a, const Memory& b);

  private:
    static constexpr std::int64_t kPageWords = 64;
    using Page = std::unique_ptr<std::uint8_t[]>;

    [[nodiscard]] const Page& page(std::int64_t slice, std::int64_t address) const;

    std::int64_t lanes_ = 0;
    std::int64_t words_ = 0;
    std::int64_t pages_per_slice_ = 0;
    std::vector<Page> pages_;
    std::vector<std::uint8_t> zeros_; ///< one page of them, what unwritten pages read as
};

} // namespace lpusim::chip
