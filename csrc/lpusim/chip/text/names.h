#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "lpusim/chip/isa.h"

namespace lpusim::chip {

/// What queues' names begin with.
inline constexpr std::array<std::string_view, 5> kUnitNames{"mem", "mxm", "vxm", "sxm", "c2c"};

/// In the order of DType.
inline constexpr std::array<std::string_view, 6> kDTypeNames{"int8", "int32", "fp32", "fp16", "fp8", "int16"};

/// In the order of Tensor::Role.
inline constexpr std::array<std::string_view, 3> kRoleNames{"input", "output", "constant"};

/// Which axis of a matrix the lanes of its vectors run along.
inline constexpr std::array<std::string_view, 2> kAxisNames{"rows", "columns"};

/// What the text form calls each VXM operation.
inline constexpr std::array<std::pair<VxmOp, std::string_view>, 26> kVxmOpNames{{
    {VxmOp::Pass, "pass"},
    {VxmOp::Add, "add"},
    {VxmOp::AddSat, "add_sat"},
    {VxmOp::Sub, "sub"},
    {VxmOp::SubSat, "sub_sat"},
    {VxmOp::Mul, "mul"},
    {VxmOp::MulSat, "mul_sat"},
    {VxmOp::Max, "max"},
    {VxmOp::Min, "min"},
    {VxmOp::Relu, "relu"},
    {VxmOp::Mask, "mask"},
    {VxmOp::Convert, "convert"},
    {VxmOp::ShiftRight, "shift_right"},
    {VxmOp::Scale, "scale"},
    {VxmOp::Abs, "abs"},
    {VxmOp::Neg, "neg"},
    {VxmOp::And, "and"},
    {VxmOp::Or, "or"},
    {VxmOp::Xor, "xor"},
    {VxmOp::Equal, "equal"},
    {VxmOp::Less, "less"},
    {VxmOp::LessEqual, "less_equal"},
    {VxmOp::Select, "select"},
    {VxmOp::Exp, "exp"},
    {VxmOp::Rsqrt, "rsqrt"},
    {VxmOp::Tanh, "tanh"},
}};

/// What the text form calls each lane move.
inline constexpr std::array<std::pair<SxmOp, std::string_view>, 6> kSxmOpNames{{
    {SxmOp::Shift, "shift"},
    {SxmOp::Select, "select"},
    {SxmOp::Permute, "permute"},
    {SxmOp::Distribute, "distribute"},
    {SxmOp::Rotate, "rotate"},
    {SxmOp::Transpose, "transpose"},
}};

} // namespace lpusim::chip
