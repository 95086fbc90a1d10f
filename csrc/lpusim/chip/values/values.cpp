#include "lpusim/chip/values/values.h"

namespace lpusim::chip {

void split_int32(std::span<const std::int32_t> values, std::uint8_t* planes) {
    const std::size_t count = values.size();
    for (std::size_t byte = 0; byte < 4; ++byte) {
        for (std::size_t i = 0; i < count; ++i) {
            planes[byte * count + i] =
                static_cast<std::uint8_t>(static_cast<std::uint32_t>(values[i]) >> (8 * byte));
        }
    }
}

void join_int32(const std::uint8_t* planes, std::span<std::int32_t> values) {
    const std::size_t count = values.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t bits = planes[i] | (std::uint32_t{planes[count + i]} << 8U) |
                                   (std::uint32_t{planes[2 * count + i]} << 16U) |
                                   (std::uint32_t{planes[3 * count + i]} << 24U);
        values[i] = static_cast<std::int32_t>(bits);
    }
}

} // namespace lpusim::chip
