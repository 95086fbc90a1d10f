#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lpusim::chip {

/// Bytes of the vectors on streams. A vector is dropped once the cycle it was made in is so long ago that
/// it must have left the line.
class VectorPool {
  public:
    VectorPool(std::int64_t lanes, std::int64_t lifetime_cycles)
        : lanes_(static_cast<std::size_t>(lanes)), generations_(static_cast<std::size_t>(lifetime_cycles)) {}

    void begin_cycle(std::int64_t tau) {
        current_ = static_cast<std::size_t>(tau) % generations_.size();
        generations_[current_].clear();
    }

    std::int64_t store(const std::uint8_t* bytes) {
        auto& generation = generations_[current_];
        const std::size_t row = generation.size() / lanes_;
        generation.insert(generation.end(), bytes, bytes + lanes_);
        return static_cast<std::int64_t>((current_ << 32U) | row);
    }

    [[nodiscard]] const std::uint8_t* at(std::int64_t handle) const {
        const auto bits = static_cast<std::uint64_t>(handle);
        return generations_[bits >> 32U].data() + (bits & 0xffffffffU) * lanes_;
    }

  private:
    std::size_t lanes_;
    std::size_t current_ = 0;
    std::vector<std::vector<std::uint8_t>> generations_;
};

} // namespace lpusim::chip
