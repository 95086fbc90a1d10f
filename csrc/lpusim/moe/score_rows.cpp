#include "lpusim/moe/score_rows.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <limits>

namespace lpusim::moe {
namespace {

/// Below this the double nearest to e^x is 0.
constexpr double kExponentMin = -750.0;

/// e^x for kExponentMin <= x <= 0, without a branch.
inline double exp_nonpositive(double x) {
    constexpr double kLog2E = 1.44269504088896340736;
    constexpr double kLn2High = 6.93147180369123816490e-01;
    constexpr double kLn2Low = 1.90821492927058770002e-10;
    constexpr double kRounder =
        6755399441055744.0;                 // 1.5 * 2^52: adding it rounds to an integer in the low bits.
    const auto power = [](double rounded) { // 2^n from n + kRounder
        return std::bit_cast<double>((std::bit_cast<std::uint64_t>(rounded) + 1023U) << 52U);
    };
    const double n = (x * kLog2E + kRounder) - kRounder;
    const double r = (x - n * kLn2High) - n * kLn2Low; // |r| <= 0.35
    double sum = 1.0 / 6227020800;                     // Taylor to r^13 / 13!: the rest is below 2^-57.
    sum = sum * r + 1.0 / 479001600;
    sum = sum * r + 1.0 / 39916800;
    sum = sum * r + 1.0 / 3628800;
    sum = sum * r + 1.0 / 362880;
    sum = sum * r + 1.0 / 40320;
    sum = sum * r + 1.0 / 5040;
    sum = sum * r + 1.0 / 720;
    sum = sum * r + 1.0 / 120;
    sum = sum * r + 1.0 / 24;
    sum = sum * r + 1.0 / 6;
    sum = sum * r + 0.5;
    sum = sum * (r * r) + r + 1.0;
    // Two factors, so that a subnormal result rounds once: the first product is exact.
    const double half = n * 0.5 + kRounder;
    return sum * power(half) * power((n - (half - kRounder)) + kRounder);
}

} // namespace

void sigmoid_row(std::span<const float> logits, std::span<double> scores) {
    assert(logits.size() == scores.size());
    // Comparisons of floating-point numbers would become branches and keep the loop scalar: compare bits.
    constexpr auto kLargest = std::bit_cast<std::int32_t>(static_cast<float>(-kExponentMin));
    const float* z = logits.data();
    double* out = scores.data();
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const auto bits = std::bit_cast<std::int32_t>(z[i]);
        const std::int32_t magnitude = bits & 0x7fffffff;
        const double x = std::bit_cast<float>(magnitude < kLargest ? magnitude : kLargest);
        const double e = exp_nonpositive(-x);
        // e / (1 + e) for a negative logit, 1 / (1 + e) otherwise.
        const double negative = (bits >> 31) & 1;
        out[i] = (1.0 - negative + negative * e) / (1.0 + e);
    }
}

double exponential_sum(std::span<const float> logits, float largest) {
    const auto exponential = [largest](float z) {
        const double x = static_cast<double>(z) - largest;
        return exp_nonpositive(x < kExponentMin ? kExponentMin : x);
    };
    double lanes[4] = {0, 0, 0, 0};
    std::size_t i = 0;
    for (; i + 4 <= logits.size(); i += 4) {
        for (std::size_t lane = 0; lane < 4; ++lane) {
            lanes[lane] += exponential(logits[i + lane]);
        }
    }
    for (std::size_t lane = 0; i < logits.size(); ++i, ++lane) {
        lanes[lane] += exponential(logits[i]);
    }
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

double top2_sum(std::span<const double> scores) {
    assert(scores.size() >= 2);
    constexpr double kNone = -std::numeric_limits<double>::infinity();
    constexpr std::size_t kLanes = 4;
    double first[kLanes] = {kNone, kNone, kNone, kNone};
    double second[kLanes] = {kNone, kNone, kNone, kNone};
    const auto larger = [](double a, double b) { return a > b ? a : b; };
    const auto smaller = [](double a, double b) { return a < b ? a : b; };
    const auto offer = [&](std::size_t lane, double score) {
        second[lane] = larger(second[lane], smaller(first[lane], score));
        first[lane] = larger(first[lane], score);
    };
    std::size_t i = 0;
    for (; i + kLanes <= scores.size(); i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            offer(lane, scores[i + lane]);
        }
    }
    for (; i < scores.size(); ++i) {
        offer(0, scores[i]);
    }
    for (std::size_t lane = 1; lane < kLanes; ++lane) {
        offer(0, first[lane]);
        offer(0, second[lane]);
    }
    return first[0] + second[0];
}

std::size_t first_not_finite(std::span<const float> logits) {
    constexpr float kLargest = std::numeric_limits<float>::max();
    int bad = 0;
    for (const float z : logits) {
        bad |= static_cast<int>(!((z < 0 ? -z : z) <= kLargest));
    }
    if (bad == 0) {
        return logits.size();
    }
    const auto found =
        std::ranges::find_if(logits, [](float z) { return !(z >= -kLargest && z <= kLargest); });
    return static_cast<std::size_t>(found - logits.begin());
}

} // namespace lpusim::moe
