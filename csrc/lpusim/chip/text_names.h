#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "lpusim/chip/isa.h"

namespace lpusim::chip {

/// What the text form calls each VXM operation.
inline constexpr std::array<std::pair<VxmOp, std::string_view>, 14> kVxmOpNames{{
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
}};

} // namespace lpusim::chip
