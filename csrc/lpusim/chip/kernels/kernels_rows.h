#pragma once

#include <cstdint>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Builders of what combines the elements of a row: a row is the unit of work, its v = ceil(columns / lanes)
/// vectors follow each other, and rows follow each other every `period` cycles on each of `ways` ways, so
/// that a program takes
///
///     (ceil(rows / ways) - 1) * period + depth
///
/// where depth is what one row takes. Rows are fp16 or fp32 in and out, fp32 inside. The builder takes the
/// faster of 1 and 2 ways, each with the least period that fits; with one way and enough ALUs the period
/// is v. Depth is dominated by the reductions over lanes: a trip from the VXM to an SXM and back for each
/// factor of the lane count (4 trips for 320 lanes, order of additions as in lane_reduction.h).
///
/// What is past the last column never counts. Sizes below 1 are a ValueError, rows that do not fit in SRAM a
/// CapacityError, a chip with too few SXM queues or ALUs a ValueError.
namespace lpusim::chip {

/// out[r] = x[r] * rsqrt(sum(x[r]^2) * (1 / columns) + epsilon) * gamma; inputs "x" and "gamma" (one row).
/// Sums add a row's vectors in order, lane by lane, then the lanes; the result is rounded once.
[[nodiscard]] Program rmsnorm(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype,
                              float epsilon);

/// out[r] = (d * rsqrt(sum(d^2) * (1 / columns) + epsilon)) * gamma + beta with d = x[r] - sum(x[r]) * (1 /
/// columns); inputs "x", "gamma" and "beta". Two passes: nothing cancels.
[[nodiscard]] Program layernorm(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype,
                                float epsilon);

/// out[r] = e * (1 / sum(e)) with e = exp(x[r] - max(x[r])), where 1 / s is rsqrt(s)^2; input "x".
[[nodiscard]] Program softmax(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype);

/// What is left of a row.
enum class RowReduction : std::uint8_t { Sum, Max, Min };

/// out[r] = all elements of x[r] combined, one number a row. Input "x" is int32, fp16 or fp32, "out" (rows x
/// 1) int32 (sums modulo 2^32) or fp32. Sums in fp32 add a row's vectors in order, lane by lane, then the
/// lanes (see lane_reduction.h).
[[nodiscard]] Program reduce_rows(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype,
                                  RowReduction reduction);

} // namespace lpusim::chip
