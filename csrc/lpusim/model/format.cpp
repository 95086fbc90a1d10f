#include "lpusim/model/format.h"

#include <array>
#include <string>

#include "lpusim/base/integers.h"

namespace lpusim::model {

namespace {

constexpr std::array<NumberFormat, 6> kFormats{{
    {"fp32", 32, 1},
    {"fp16", 16, 1},
    {"bf16", 16, 1},
    {"fp8", 8, 1},
    {"int8", 8, 1},
    {"fp4", 17, 4},
}};

} // namespace

NumberFormat parse_format(std::string_view name) {
    std::string known;
    for (const NumberFormat& format : kFormats) {
        if (format.name == name) {
            return format;
        }
        known += (known.empty() ? "" : ", ") + std::string(format.name);
    }
    throw ValueError("unknown number format '" + std::string(name) + "'; known: " + known);
}

std::int64_t size_bytes(const NumberFormat& format, std::int64_t element_count) {
    return multiply_divide_ceil(element_count, format.bits_numerator, 8 * format.bits_denominator);
}

NumberFormat unquantised(const NumberFormat& format) {
    return format.bits_numerator >= 16 * format.bits_denominator ? format : parse_format("bf16");
}

} // namespace lpusim::model
