#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/nearest_integer.h"

/// The element types of the VXM: how their bits become values to compute with, and back.
namespace lpusim::chip {

template <class Integer>
struct IntegerElement {
    using Value = Integer;
    using Bits = std::make_unsigned_t<Integer>;
    static Value decode(Bits bits) { return static_cast<Value>(bits); }
    static Bits encode(Value value) { return static_cast<Bits>(value); }
    static Bits round(double value) { return encode(nearest_integer<Integer>(value)); }
};

using Int8Element = IntegerElement<std::int8_t>;
using Int32Element = IntegerElement<std::int32_t>;

struct Fp32Element {
    using Value = float;
    using Bits = std::uint32_t;
    static Value decode(Bits bits) { return std::bit_cast<float>(bits); }
    static Bits encode(Value value) { return std::bit_cast<Bits>(canonical_nan(value)); }
    static Bits round(double value) { return encode(static_cast<float>(value)); }
};

/// Computes in fp32 and rounds once: sums and products come out as if rounded from the exact result.
struct Fp16Element {
    using Value = float;
    using Bits = std::uint16_t;
    static Value decode(Bits bits) { return fp32_from_fp16(bits); }
    static Bits encode(Value value) { return fp16_from_fp32(value); }
    static Bits round(double value) { return fp16_from_fp64(value); }
};

struct Fp8Element {
    using Value = float;
    using Bits = std::uint8_t;
    static Value decode(Bits bits) { return fp32_from_fp8(bits); }
    static Bits encode(Value value) { return fp8_from_fp32(value); }
    static Bits round(double value) { return fp8_from_fp64(value); }
};

} // namespace lpusim::chip
