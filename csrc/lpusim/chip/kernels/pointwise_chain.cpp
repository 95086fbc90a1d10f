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

/// Throws ValueError naming the step where an operation does not take these operands or types.
void check_steps(const ChipSpec& spec, DType dtype, const std::vector<PointwiseStep>& steps) {
    DType value = dtype;
    for (std::size_t number = 0; number < steps.size(); ++number) {
        const PointwiseStep& step = steps[number];
        const std::string place = "steps[" + std::to_string(number) + "]: ";
        const std::size_t taken = static_cast<std::size_t>(operand_count(step.op)) - 1;
        if (step.with.size() != taken) {
            throw ValueError(place + "operands beside the value so far must be " + std::to_string(taken) +
                             ", got " + std::to_string(step.with.size()));
        }
        VxmCompute compute{step.op, value, step.result, VxmImmediate{}, {}, {}, {}};
        if (taken >= 1) {
            compute.b = VxmImmediate{};
        }
        if (taken == 2) {
            compute.c = VxmImmediate{};
        }
        try {
            validate(Program{{{{Unit::Vxm, Hemisphere::West, 0}, 0, compute, {}, {}}}, {}}, spec);
        } catch (const ValueError& error) {
            const std::string what = error.what(); // "run 0 on vxm.0: ..."
            throw ValueError(place + what.substr(what.find(": ") + 2));
        }
        value = step.result;
    }
}

} // namespace

Program pointwise(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype,
                  const std::vector<PointwiseStep>& steps) {
    if (steps.empty()) {
        throw ValueError("a chain of pointwise operations needs at least one");
    }
    check_steps(spec, dtype, steps);
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
