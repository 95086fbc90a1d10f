#include "lpusim/moe/router/score_rows.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

#include "lpusim/base/values/vector_functions.h"

namespace lpusim::moe {
namespace {

/// e^x for x <= 0, taken as at least -690, where nothing is subnormal yet.
inline double exponential_of(double x) {
    const detail::ExpParts parts = detail::exp_parts(x < -690.0 ? -690.0 : x);
    return parts.power + parts.power * parts.fraction;
}

inline double sigmoid_of(double z) {
    const double decay = exponential_of(z < 0 ? z : -z);
    return (z < 0 ? decay : 1.0) / (1.0 + decay);
}

/// log(1 + e^z) = max(z, 0) + log(1 + e), e = e^-|z|; log(1 + e) = 2 atanh(e / (2 + e)), an odd series in at
/// most 1/3: beyond r^35 it is below 2^-58.
inline double sqrt_softplus_of(double z) {
    const double decay = exponential_of(z < 0 ? z : -z);
    const double r = decay / (2.0 + decay);
    const double r2 = r * r;
    double tail = 1.0 / 35;
    tail = tail * r2 + 1.0 / 33;
    tail = tail * r2 + 1.0 / 31;
    tail = tail * r2 + 1.0 / 29;
    tail = tail * r2 + 1.0 / 27;
    tail = tail * r2 + 1.0 / 25;
    tail = tail * r2 + 1.0 / 23;
    tail = tail * r2 + 1.0 / 21;
    tail = tail * r2 + 1.0 / 19;
    tail = tail * r2 + 1.0 / 17;
    tail = tail * r2 + 1.0 / 15;
    tail = tail * r2 + 1.0 / 13;
    tail = tail * r2 + 1.0 / 11;
    tail = tail * r2 + 1.0 / 9;
    tail = tail * r2 + 1.0 / 7;
    tail = tail * r2 + 1.0 / 5;
    tail = tail * r2 + 1.0 / 3;
    return std::sqrt((z < 0 ? 0.0 : z) + 2.0 * (r + r * r2 * tail));
}

inline void sigmoids_body(std::span<double> values) {
    for (double& value : values) {
        value = sigmoid_of(value);
    }
}
LPUSIM_AVX2_TWIN void sigmoids_avx2(std::span<double> values) {
    sigmoids_body(values);
}
LPUSIM_AVX512_TWIN void sigmoids_avx512(std::span<double> values) {
    sigmoids_body(values);
}

inline void sqrt_softpluses_body(std::span<double> values) {
    for (double& value : values) {
        value = sqrt_softplus_of(value);
    }
}
LPUSIM_AVX2_TWIN void sqrt_softpluses_avx2(std::span<double> values) {
    sqrt_softpluses_body(values);
}
LPUSIM_AVX512_TWIN void sqrt_softpluses_avx512(std::span<double> values) {
    sqrt_softpluses_body(values);
}

inline void exponentials_body(std::span<double> values) {
    for (double& value : values) {
        value = exponential_of(value);
    }
}
LPUSIM_AVX2_TWIN void exponentials_avx2(std::span<double> values) {
    exponentials_body(values);
}
LPUSIM_AVX512_TWIN void exponentials_avx512(std::span<double> values) {
    exponentials_body(values);
}

inline double lane_sum_body(std::span<const double> values) {
    constexpr std::size_t kLanes = 8;
    double lanes[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= values.size(); i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            lanes[lane] += values[i + lane];
        }
    }
    for (std::size_t lane = 0; i < values.size(); ++i, ++lane) {
        lanes[lane] += values[i];
    }
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}
LPUSIM_AVX2_TWIN double lane_sum_avx2(std::span<const double> values) {
    return lane_sum_body(values);
}
LPUSIM_AVX512_TWIN double lane_sum_avx512(std::span<const double> values) {
    return lane_sum_body(values);
}

} // namespace

void sigmoids(std::span<double> values, SimdLevel level) {
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return sigmoids_avx512(values);
    case SimdLevel::Avx2:
        return sigmoids_avx2(values);
    case SimdLevel::Portable:
        return sigmoids_body(values);
    }
}

void sqrt_softpluses(std::span<double> values, SimdLevel level) {
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return sqrt_softpluses_avx512(values);
    case SimdLevel::Avx2:
        return sqrt_softpluses_avx2(values);
    case SimdLevel::Portable:
        return sqrt_softpluses_body(values);
    }
}

void exponentials(std::span<double> values, SimdLevel level) {
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return exponentials_avx512(values);
    case SimdLevel::Avx2:
        return exponentials_avx2(values);
    case SimdLevel::Portable:
        return exponentials_body(values);
    }
}

double lane_sum(std::span<const double> values, SimdLevel level) {
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return lane_sum_avx512(values);
    case SimdLevel::Avx2:
        return lane_sum_avx2(values);
    case SimdLevel::Portable:
        break;
    }
    return lane_sum_body(values);
}

double top2_sum(std::span<const double> scores) {
    assert(scores.size() >= 2);
    constexpr double kNone = -std::numeric_limits<double>::infinity();
    constexpr std::size_t kLanes = 4;
    double first[kLanes] = {kNone, kNone, kNone, kNone};
    double second[kLanes] = {kNone, kNone, kNone, kNone};
    const auto offer = [&](std::size_t lane, double score) {
        second[lane] = std::max(second[lane], std::min(first[lane], score));
        first[lane] = std::max(first[lane], score);
    };
    for (std::size_t i = 0; i < scores.size(); ++i) {
        offer(i % kLanes, scores[i]);
    }
    for (std::size_t lane = 1; lane < kLanes; ++lane) {
        offer(0, first[lane]);
        offer(0, second[lane]);
    }
    return first[0] + second[0];
}

std::size_t first_not_finite(std::span<const float> logits) {
    constexpr std::uint32_t kInfinity = 0x7f800000;
    const auto magnitude = [](float z) { return std::bit_cast<std::uint32_t>(z) & 0x7fffffffU; };
    std::uint32_t most = 0;
    for (const float z : logits) {
        most = std::max(most, magnitude(z));
    }
    if (most < kInfinity) {
        return logits.size();
    }
    const auto found = std::ranges::find_if(logits, [&](float z) { return magnitude(z) >= kInfinity; });
    return static_cast<std::size_t>(found - logits.begin());
}

} // namespace lpusim::moe
