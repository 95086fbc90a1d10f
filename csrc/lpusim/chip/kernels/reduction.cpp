#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/kernels_rows.h"
#include "lpusim/chip/kernels/row_kernel.h"

namespace lpusim::chip {

namespace {

VxmOp operation_of(RowReduction reduction) {
    switch (reduction) {
    case RowReduction::Sum:
        return VxmOp::Add;
    case RowReduction::Max:
        return VxmOp::Max;
    case RowReduction::Min:
        break;
    }
    return VxmOp::Min;
}

/// The number that changes no greatest or least one.
VxmImmediate neutral(RowReduction reduction, DType dtype) {
    const bool max = reduction == RowReduction::Max;
    if (dtype == DType::Fp32) {
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        return number(max ? -kInfinity : kInfinity);
    }
    using limits = std::numeric_limits<std::int32_t>;
    return {max ? limits::min() : limits::max()};
}

} // namespace

Program reduce_rows(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype,
                    RowReduction reduction) {
    if (dtype != DType::Int32 && dtype != DType::Fp16 && dtype != DType::Fp32) {
        throw ValueError("rows are reduced in int32, fp16 and fp32, not in " + to_string(dtype));
    }
    enum : std::size_t { X, Out, Mask };
    const DType wide = dtype == DType::Int32 ? DType::Int32 : DType::Fp32;
    std::vector<RowTensor> tensors{{"x", Tensor::Role::Input, dtype},
                                   {"out", Tensor::Role::Output, wide, false, 1}};
    // Padding is zero, which changes no sum.
    const bool masked = reduction != RowReduction::Sum && columns % spec.lanes() != 0;
    if (masked) {
        tensors.push_back(column_mask(spec, columns, wide));
    }
    return row_kernel(spec, rows, columns, tensors, [&](RowWay& way) {
        const std::int64_t cycle = way.first_cycle();
        Flow x = wide == DType::Int32 ? way.read(X, cycle) : way.read_fp32(X, cycle);
        if (masked) {
            x = way.schedule().vxm(VxmOp::Select,
                                   {x, neutral(reduction, wide), way.read(Mask, way.ready(x))});
        }
        way.write(Out, way.reduce(operation_of(reduction), x));
    });
}

} // namespace lpusim::chip
