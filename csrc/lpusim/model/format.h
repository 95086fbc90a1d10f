#pragma once

#include <cstdint>
#include <string_view>

/// Number formats as exact widths.
namespace lpusim::model {

/// `bits_numerator / bits_denominator` bits an element, scales included where they grow with the elements.
struct NumberFormat {
    std::string_view name;
    std::int64_t bits_numerator = 0;
    std::int64_t bits_denominator = 1;
};

/// One of fp32, fp16, bf16, fp8, int8, fp4. fp4 is the OCP microscaling form MXFP4: 4 bits and one 8-bit
/// scale for 32 elements, 4.25 bits. Scales of fp8 and int8 (one for a block of 128 x 128 or for a column)
/// are below 0.4 % and not counted. Throws ValueError naming the known formats.
[[nodiscard]] NumberFormat parse_format(std::string_view name);

/// Bytes of `element_count` >= 0 elements, rounded up once.
[[nodiscard]] std::int64_t size_bytes(const NumberFormat& format, std::int64_t element_count);

/// The format of what stays wide when weights are quantised: `format` from 16 bits up, else bf16.
[[nodiscard]] NumberFormat unquantised(const NumberFormat& format);

} // namespace lpusim::model
