#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace lpusim::chip {

/// What bounds the rounding error of double sums with some fp16 numbers.
struct Fp16Range {
    double largest = 0.0; ///< at least every magnitude
    double unit = 1.0;    ///< a power of two of which every number is a whole multiple
};

/// Of `count` fp16 numbers as fp32. Without meaning if there is a NaN or infinity. Cost: one pass.
[[nodiscard]] inline Fp16Range fp16_range(const float* values, std::int64_t count) {
    std::int32_t most = 0, least = std::numeric_limits<std::int32_t>::max();
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t magnitude = std::bit_cast<std::int32_t>(values[i]) & 0x7fffffff;
        most = std::max(most, magnitude);
        least = std::min(least, magnitude == 0 ? std::numeric_limits<std::int32_t>::max() : magnitude);
    }
    // The last place of the least magnitude: ten bits below its first one, but never below 2^-24.
    const std::int32_t exponent = std::clamp((least >> 23) - 127, -14, 15) - 10;
    return {static_cast<double>(std::bit_cast<float>(most)),
            std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52U)};
}

} // namespace lpusim::chip
