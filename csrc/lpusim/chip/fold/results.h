#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

namespace lpusim::chip {

/// The results of a run that somebody still has to read, in blocks of instances: [plane][instance][row
/// bytes]. A row is one byte plane of a vector; column sums are one row of int32.
class Results {
  public:
    /// Instances of a block; no batch is larger or crosses its end.
    static constexpr std::int64_t kBlock = 256;

    Results() = default;
    Results(std::int64_t count, std::int64_t planes, std::int64_t row_bytes)
        : rows_(std::min(count, kBlock)), planes_(planes), row_bytes_(row_bytes),
          blocks_(static_cast<std::size_t>((count + kBlock - 1) / kBlock)) {}

    void expect(std::int64_t instance, std::int64_t readers) { block(instance).readers += readers; }
    [[nodiscard]] bool wanted(std::int64_t instance) { return block(instance).readers > 0; }

    /// The row of `instance` in `plane`, to be filled; rows of one block follow each other.
    [[nodiscard]] std::uint8_t* fill(std::int64_t instance, std::int64_t plane) {
        Block& at = block(instance);
        if (at.bytes.empty())
            at.bytes.resize(static_cast<std::size_t>(planes_ * rows_ * row_bytes_));
        return at.bytes.data() + row(instance, plane);
    }
    [[nodiscard]] const std::uint8_t* read(std::int64_t instance, std::int64_t plane) {
        return block(instance).bytes.data() + row(instance, plane);
    }
    /// `readers` reads of this instance's block are done; the last one frees it.
    void done(std::int64_t instance, std::int64_t readers) {
        Block& at = block(instance);
        at.readers -= readers;
        assert(at.readers >= 0);
        if (at.readers == 0)
            std::vector<std::uint8_t>().swap(at.bytes);
    }
    [[nodiscard]] std::int64_t planes() const { return planes_; }
    [[nodiscard]] std::int64_t row_bytes() const { return row_bytes_; }

  private:
    struct Block {
        std::int64_t readers = 0;
        std::vector<std::uint8_t> bytes;
    };

    [[nodiscard]] Block& block(std::int64_t instance) {
        return blocks_[static_cast<std::size_t>(instance / kBlock)];
    }
    [[nodiscard]] std::size_t row(std::int64_t instance, std::int64_t plane) const {
        return static_cast<std::size_t>((plane * rows_ + instance % kBlock) * row_bytes_);
    }

    std::int64_t rows_ = 0;
    std::int64_t planes_ = 0;
    std::int64_t row_bytes_ = 0;
    std::vector<Block> blocks_;
};

} // namespace lpusim::chip
