#include "lpusim/net/jitter.h"

#include <algorithm>

#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"

namespace lpusim::net {
namespace {

constexpr std::uint64_t kDriftStream = 0;
constexpr std::uint64_t kExchangeStream = 1;
constexpr std::uint64_t kVectorStream = std::uint64_t{1} << 32U;

/// The bell curve between centre - 1/2 and centre + 1/2, by Simpson's rule on 64 strips.
[[nodiscard]] double weight(double centre, double sigma) {
    constexpr int strips = 64;
    double sum = 0;
    for (int i = 0; i <= strips; ++i) {
        const double x = (centre - 0.5 + static_cast<double>(i) / strips) / sigma;
        const double factor = i == 0 || i == strips ? 1.0 : (i % 2 == 1 ? 4.0 : 2.0);
        sum += factor * real_exp(-0.5 * x * x);
    }
    return sum;
}

} // namespace

Jitter::Jitter(const ClockSpec& clock, std::uint64_t seed)
    : seed_(seed), early_cycles_(clock.jitter_early_cycles) {
    std::vector<double> upto;
    double total = 0;
    for (std::int64_t cycles = -clock.jitter_early_cycles; cycles <= clock.jitter_late_cycles; ++cycles) {
        const double sigma = static_cast<double>(clock.jitter_sigma_millicycles) / 1000.0;
        total += sigma > 0 ? weight(static_cast<double>(cycles), sigma) : (cycles == 0 ? 1.0 : 0.0);
        upto.push_back(total);
    }
    for (const double part : upto)
        below_.push_back(static_cast<std::uint64_t>(part / total * 0x1p63));
}

std::int64_t Jitter::draw(std::uint64_t stream, std::int64_t index) const {
    const std::uint64_t bits = random_bits(seed_, stream, static_cast<std::uint64_t>(index)) >> 1U;
    const auto found = std::ranges::upper_bound(below_, bits);
    return std::min<std::int64_t>(found - below_.begin(), static_cast<std::int64_t>(below_.size()) - 1) -
           early_cycles_;
}

std::int64_t Jitter::of_exchange(std::int32_t chip, std::int64_t interval) const {
    return draw(kExchangeStream + static_cast<std::uint64_t>(chip), interval);
}

std::int64_t Jitter::of_vector(std::int64_t link, std::int64_t cycle) const {
    return draw(kVectorStream + static_cast<std::uint64_t>(link), cycle);
}

std::int64_t drawn_drift_ppb(const ClockSpec& clock, std::uint64_t seed, std::int32_t chip) {
    const auto choices = static_cast<std::uint64_t>(2 * clock.drift_ppb_max + 1);
    return static_cast<std::int64_t>(random_bits(seed, kDriftStream, static_cast<std::uint64_t>(chip)) %
                                     choices) -
           clock.drift_ppb_max;
}

} // namespace lpusim::net
