#include <algorithm>
#include <optional>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/elementwise.h"
#include "lpusim/chip/kernels/kernels_vector.h"

namespace lpusim::chip {

namespace {

/// The inputs a chain names, "a" first, each with the type its place in the chain gives it.
std::vector<ElementwiseInput> inputs_of(DType dtype, const std::vector<PointwiseStep>& steps) {
    std::vector<ElementwiseInput> inputs{{"a", dtype}};
    DType value = dtype;
    for (const PointwiseStep& step : steps) {
        VxmCompute compute;
        compute.op = step.op;
        compute.dtype = value;
        for (std::size_t i = 0; i < step.with.size(); ++i) {
            const auto* name = std::get_if<std::string>(&step.with[i]);
            if (name == nullptr) {
                continue;
            }
            const DType needed = i == 0 ? operand_b_dtype(compute) : value;
            const auto known = std::ranges::find(inputs, *name, &ElementwiseInput::name);
            if (known == inputs.end()) {
                inputs.push_back({*name, needed});
            } else if (known->dtype != needed) {
                throw ValueError("input " + *name + " is used as " + to_string(known->dtype) + " and as " +
                                 to_string(needed));
            }
        }
        value = step.result;
    }
    return inputs;
}

} // namespace

Program pointwise(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype,
                  const std::vector<PointwiseStep>& steps) {
    if (steps.empty()) {
        throw ValueError("a chain of pointwise operations needs at least one");
    }
    for (const PointwiseStep& step : steps) {
        if (step.with.size() > 2) {
            throw ValueError("an operation takes at most two operands beside the value so far, got " +
                             std::to_string(step.with.size()));
        }
    }
    const std::vector<ElementwiseInput> inputs = inputs_of(dtype, steps);
    Program program = elementwise(spec, rows, columns, inputs, steps.back().result, [&](ElementwiseWay& way) {
        Flow value = way.read(0, 0);
        for (const PointwiseStep& step : steps) {
            std::vector<Operand> operands{value};
            for (const PointwiseStep::Operand& other : step.with) {
                if (const auto* name = std::get_if<std::string>(&other)) {
                    const auto input = std::ranges::find(inputs, *name, &ElementwiseInput::name);
                    operands.emplace_back(
                        way.read(static_cast<std::size_t>(input - inputs.begin()), way.ready(value)));
                } else {
                    operands.emplace_back(std::get<VxmImmediate>(other));
                }
            }
            value = way.schedule().vxm(step.op, operands, step.result);
        }
        return value;
    });
    validate(program, spec);
    return program;
}

} // namespace lpusim::chip
