#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/clock.h"

namespace lpusim::net {

/// The jitter of links: whole cycles by which a latency misses its mean, drawn from a normal distribution cut
/// at the extremes. A draw is a pure function of seed and event, the same on every machine.
class Jitter {
  public:
    Jitter(const ClockSpec& clock, std::uint64_t seed);

    /// Of the exchange by which `chip` follows its parent before interval `interval`.
    [[nodiscard]] std::int64_t of_exchange(std::int32_t chip, std::int64_t interval) const;
    /// Of the vector whose slot on `link` is due in program cycle `cycle`.
    [[nodiscard]] std::int64_t of_vector(std::int64_t link, std::int64_t cycle) const;

    [[nodiscard]] std::uint64_t seed() const { return seed_; }

  private:
    [[nodiscard]] std::int64_t draw(std::uint64_t stream, std::int64_t index) const;

    std::uint64_t seed_;
    std::int64_t early_cycles_;
    /// 2^63 times the chance of at most -early + i cycles.
    std::vector<std::uint64_t> below_;
};

/// A chip's drift in parts per billion, uniform within the spec's range.
[[nodiscard]] std::int64_t drawn_drift_ppb(const ClockSpec& clock, std::uint64_t seed, std::int32_t chip);

} // namespace lpusim::net
