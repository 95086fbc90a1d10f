#pragma once

#include <cstdint>

#include "lpusim/base/rng.h"

namespace lpusim::chip {

/// Random choices, one after another: a pure function of the seed.
class Draw {
  public:
    explicit Draw(std::uint64_t seed) : seed_(seed) {}

    [[nodiscard]] std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(random_bits(seed_, 11, drawn_++) %
                                         static_cast<std::uint64_t>(bound));
    }
    [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + below(high - low + 1);
    }
    [[nodiscard]] bool chance(std::int64_t percent) { return below(100) < percent; }

  private:
    std::uint64_t seed_;
    std::uint64_t drawn_ = 0;
};

} // namespace lpusim::chip
