#pragma once

#include <cstdint>
#include <span>

#include "lpusim/chip/isa.h"

/// Element arithmetic, the same for both engines. Elements of more than a byte come as byte planes: byte i of
/// every element together, plane i after plane i - 1, little-endian, as they travel on stream s + i.
namespace lpusim::chip {

/// int32 elements to four byte planes of `values.size()` bytes each, and back.
void split_int32(std::span<const std::int32_t> values, std::uint8_t* planes);
void join_int32(const std::uint8_t* planes, std::span<std::int32_t> values);

/// One VXM instruction on `elements` lanes (any number of vectors, if planes are that long). `a`, `b` and
/// `out` are byte planes of the operands' and the result's type; a null operand is absent or immediate
/// (`compute` says which). Every fp32 NaN that comes out is 0x7fc00000.
void vxm_apply(const VxmCompute& compute, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out,
               std::int64_t elements);

} // namespace lpusim::chip
