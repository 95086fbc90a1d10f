#include <limits>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernels_rows.h"
#include "lpusim/chip/kernels/row_kernel.h"

namespace lpusim::chip {

namespace {

void check_real(const char* what, DType dtype) {
    if (dtype != DType::Fp16 && dtype != DType::Fp32) {
        throw ValueError(std::string(what) + " is for fp16 and fp32, not " + to_string(dtype));
    }
}

void check_epsilon(float epsilon) {
    if (!(epsilon >= 0) || epsilon == std::numeric_limits<float>::infinity()) {
        throw ValueError("epsilon must be 0 or more and finite in fp32, got " + std::to_string(epsilon));
    }
}

/// rsqrt(sum / columns + epsilon).
Flow reciprocal_deviation(RowWay& way, const Flow& sum, std::int64_t columns, float epsilon) {
    KernelSchedule& schedule = way.schedule();
    const Flow mean = schedule.vxm(VxmOp::Mul, {sum, number(1.0F / static_cast<float>(columns))});
    const Flow shifted = schedule.vxm(VxmOp::Add, {mean, number(epsilon)});
    return schedule.vxm(VxmOp::Rsqrt, {shifted});
}

} // namespace

Program rmsnorm(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype, float epsilon) {
    check_real("rmsnorm", dtype);
    check_epsilon(epsilon);
    enum : std::size_t { X, Gamma, Out };
    return row_kernel(
        spec, rows, columns,
        {{"x", Tensor::Role::Input, dtype},
         {"gamma", Tensor::Role::Input, dtype, true},
         {"out", Tensor::Role::Output, dtype}},
        [&](RowWay& way) {
            KernelSchedule& schedule = way.schedule();
            const Flow x = way.read_fp32(X, way.first_cycle());
            const Flow sum = way.reduce(VxmOp::Add, schedule.vxm(VxmOp::Mul, {x, x}));
            const Flow scale = way.for_each_part(reciprocal_deviation(way, sum, columns, epsilon));
            const Flow unit = schedule.vxm(VxmOp::Mul, {scale, way.read_fp32(X, way.ready(scale))});
            way.write(Out, schedule.vxm(VxmOp::Scale, {unit, way.read_fp32(Gamma, way.ready(unit))}, dtype));
        });
}

Program layernorm(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype, float epsilon) {
    check_real("layernorm", dtype);
    check_epsilon(epsilon);
    enum : std::size_t { X, Gamma, Beta, Out, Mask };
    std::vector<RowTensor> tensors{{"x", Tensor::Role::Input, dtype},
                                   {"gamma", Tensor::Role::Input, dtype, true},
                                   {"beta", Tensor::Role::Input, dtype, true},
                                   {"out", Tensor::Role::Output, dtype}};
    const bool ragged = columns % spec.lanes() != 0;
    if (ragged) {
        tensors.push_back(column_mask(spec, columns, DType::Fp32));
    }
    return row_kernel(spec, rows, columns, tensors, [&](RowWay& way) {
        KernelSchedule& schedule = way.schedule();
        const Flow sum = way.reduce(VxmOp::Add, way.read_fp32(X, way.first_cycle()));
        const Flow mean =
            way.for_each_part(schedule.vxm(VxmOp::Mul, {sum, number(1.0F / static_cast<float>(columns))}));
        Flow distance = schedule.vxm(VxmOp::Sub, {way.read_fp32(X, way.ready(mean)), mean});
        if (ragged) {
            distance = schedule.vxm(VxmOp::Mask, {distance, way.read(Mask, way.ready(distance))});
        }
        const std::size_t kept = way.keep(distance);
        const Flow squares = way.reduce(VxmOp::Add, schedule.vxm(VxmOp::Mul, {distance, distance}));
        const auto beside = way.for_each_part(reciprocal_deviation(way, squares, columns, epsilon), kept);
        const Flow unit = schedule.vxm(VxmOp::Mul, {beside.row_value, beside.kept});
        const Flow scaled = schedule.vxm(VxmOp::Mul, {unit, way.read_fp32(Gamma, way.ready(unit))});
        const Flow shifted = schedule.vxm(VxmOp::Add, {scaled, way.read_fp32(Beta, way.ready(scaled))});
        way.write(Out, dtype == DType::Fp32 ? shifted : schedule.vxm(VxmOp::Convert, {shifted}, dtype));
    });
}

Program softmax(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype) {
    check_real("softmax", dtype);
    enum : std::size_t { X, Out, Mask };
    std::vector<RowTensor> tensors{{"x", Tensor::Role::Input, dtype}, {"out", Tensor::Role::Output, dtype}};
    const bool ragged = columns % spec.lanes() != 0;
    if (ragged) {
        tensors.push_back(column_mask(spec, columns, DType::Fp32));
    }
    return row_kernel(spec, rows, columns, tensors, [&](RowWay& way) {
        KernelSchedule& schedule = way.schedule();
        // What is past the last column is the least number there is: its exponential is 0.
        const auto read = [&](std::int64_t cycle) {
            if (!ragged) {
                return way.read_fp32(X, cycle);
            }
            const Flow x = way.read_fp32(X, cycle - spec.vxm_alu_latency_cycles);
            return schedule.vxm(VxmOp::Select, {x, number(-std::numeric_limits<float>::infinity()),
                                                way.read(Mask, way.ready(x))});
        };
        const Flow greatest = way.for_each_part(way.reduce(VxmOp::Max, read(way.first_cycle())));
        const Flow power =
            schedule.vxm(VxmOp::Exp, {schedule.vxm(VxmOp::Sub, {read(way.ready(greatest)), greatest})});
        const std::size_t kept = way.keep(power);
        const Flow root = schedule.vxm(VxmOp::Rsqrt, {way.reduce(VxmOp::Add, power)});
        const auto beside = way.for_each_part(schedule.vxm(VxmOp::Mul, {root, root}), kept);
        way.write(Out, schedule.vxm(VxmOp::Scale, {beside.row_value, beside.kept}, dtype));
    });
}

} // namespace lpusim::chip
