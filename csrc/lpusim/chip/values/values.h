#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/chip/isa.h"

/// Element arithmetic, the same for both engines. Elements of more than a byte come as byte planes: byte i of
/// every element together, plane i after plane i - 1, little-endian, as they travel on stream s + i.
namespace lpusim::chip {

/// int32 elements to four byte planes of `values.size()` bytes each, and back.
void split_int32(std::span<const std::int32_t> values, std::uint8_t* planes);
void join_int32(const std::uint8_t* planes, std::span<std::int32_t> values);

/// Byte planes of the operands of one VXM instruction; null where it is absent or immediate.
struct VxmBytes {
    const std::uint8_t* a = nullptr;
    const std::uint8_t* b = nullptr;
    const std::uint8_t* c = nullptr;
};

/// One VXM instruction on `elements` lanes (any number of vectors, if planes are that long). Operands and
/// `out` are byte planes of their types; `out` must not overlap an operand. Every NaN that comes out is
/// canonical (float_formats.h). Abs and Neg of the least integer give it back. Conversions to integers give 0
/// for NaN. Preconditions: those of the instruction, see VxmOp.
void vxm_apply(const VxmCompute& compute, const VxmBytes& bytes, std::uint8_t* out, std::int64_t elements,
               SimdLevel level = best_simd_level());

} // namespace lpusim::chip
