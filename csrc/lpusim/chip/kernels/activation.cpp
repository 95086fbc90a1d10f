#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/elementwise.h"
#include "lpusim/chip/kernels/kernels_vector.h"

namespace lpusim::chip {

namespace {

/// sigmoid(s) from -s, and the cycle in which it is ready: 1 + exp, then rsqrt, squared.
Flow sigmoid_of_negated(KernelSchedule& schedule, const Flow& negated) {
    const Flow exponential = schedule.vxm(VxmOp::Exp, {negated});
    const Flow root = schedule.vxm(VxmOp::Rsqrt, {schedule.vxm(VxmOp::Add, {exponential, number(1)})});
    return schedule.vxm(VxmOp::Mul, {root, root});
}

Flow minus_x(ElementwiseWay& way) {
    return way.schedule().vxm(VxmOp::Neg, {way.read_fp32(0, 0)});
}

/// -2 z = x * (x^2 * a + b), with the factors of the tanh form of GELU.
Flow minus_two_z(ElementwiseWay& way) {
    constexpr float kFactor = -1.5957691216057308F; // -2 sqrt(2 / pi)
    KernelSchedule& schedule = way.schedule();
    const Flow x = way.read_fp32(0, 0);
    const Flow square = schedule.vxm(VxmOp::Mul, {x, x});
    const Flow scaled = schedule.vxm(VxmOp::Mul, {square, number(kFactor * 0.044715F)});
    const Flow sum = schedule.vxm(VxmOp::Add, {scaled, number(kFactor)});
    return schedule.vxm(VxmOp::Mul, {sum, way.read_fp32(0, way.ready(sum))});
}

} // namespace

Program activation(const ChipSpec& spec, Activation kind, std::int64_t rows, std::int64_t columns,
                   DType dtype) {
    if (dtype != DType::Fp16 && dtype != DType::Fp32) {
        throw ValueError("an activation function is for fp16 and fp32, not " + to_string(dtype));
    }
    const bool gated = kind == Activation::Swiglu;
    std::vector<ElementwiseInput> inputs{{gated ? "gate" : "x", dtype}};
    if (gated) {
        inputs.push_back({"up", dtype});
    }
    return elementwise(spec, rows, columns, inputs, dtype, [&](ElementwiseWay& way) {
        KernelSchedule& schedule = way.schedule();
        const Flow gate =
            sigmoid_of_negated(schedule, kind == Activation::Gelu ? minus_two_z(way) : minus_x(way));
        Flow value = gate;
        for (std::size_t input = 0; input < inputs.size(); ++input) {
            // Scale multiplies and rounds to the result's type in one operation.
            const bool last = input + 1 == inputs.size();
            value = schedule.vxm(VxmOp::Scale, {value, way.read_fp32(input, way.ready(value))},
                                 last ? dtype : DType::Fp32);
        }
        return value;
    });
}

} // namespace lpusim::chip
