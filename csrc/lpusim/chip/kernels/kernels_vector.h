#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Builders of what the VXM computes element by element. A matrix is rows x columns of any size, a row one
/// vector for each `lanes` columns. All passes `verify`; sizes below 1 are a ValueError, matrices that do not
/// fit in SRAM a CapacityError.
///
/// The rows (or, where that is faster, the vectors of a row) are shared among as many equal ways as ALUs,
/// streams and slices allow. With `ways` ways and v = ceil(columns / lanes) a program takes
///
///     steps - 1 + depth      with steps = min(ceil(rows / ways) * v, rows * ceil(v / ways))
///
/// where depth is what one vector takes: reading, the hops to and from the VXM, the operations, writing and
/// the superlanes. Bound by the ALUs (`ways` x operations of at most vxm_alus each cycle) or by SRAM slices.
namespace lpusim::chip {

/// One operation of a chain: on the value so far and `with`, inputs by name or numbers (bits of their type).
/// `result` is for operations that change the type.
struct PointwiseStep {
    using Operand = std::variant<std::string, VxmImmediate>;

    VxmOp op = VxmOp::Pass;
    std::vector<Operand> with{};
    DType result = DType::Int8;
};

/// The value so far starts as input "a", of type `dtype`; the chain's end is the output "out". Inputs have
/// the type of their operand. Throws ValueError also for an operation that does not take these operands.
[[nodiscard]] Program pointwise(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype,
                                const std::vector<PointwiseStep>& steps);

/// Activations, fp16 or fp32 in and out, fp32 inside. All are x * sigmoid(s), and
/// sigmoid(s) = rsqrt(1 + exp(-s))^2, so that nothing cancels and the error stays relative: before the last
/// rounding at most 4 ulp of fp32 (gelu: 4 + 2 |2 z|, of the tanh form). Where exp overflows, s < -88.7, the
/// result is 0, off by less than 2^-121. Output "out".
///     silu: x / (1 + exp(-x)) of "x"; 8 operations (fp16).
///     swiglu: silu(gate) * up of "gate" and "up"; 10 operations.
///     gelu: the tanh form x / (1 + exp(-2 z)), z = sqrt(2 / pi) * (x + 0.044715 x^3), of "x"; 12.
enum class Activation : std::uint8_t { Silu, Swiglu, Gelu };
[[nodiscard]] Program activation(const ChipSpec& spec, Activation kind, std::int64_t rows,
                                 std::int64_t columns, DType dtype);

} // namespace lpusim::chip
