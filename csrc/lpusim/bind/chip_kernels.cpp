#include <algorithm>
#include <pybind11/stl.h>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/bind/chip_kernels.h"
#include "lpusim/chip/kernels/kernels_model.h"
#include "lpusim/chip/kernels/kernels_move.h"
#include "lpusim/chip/kernels/kernels_rows.h"
#include "lpusim/chip/kernels/kernels_vector.h"
#include "lpusim/chip/text/names.h"

namespace lpusim::bind {

chip::DType dtype_of(const std::string& name) {
    using chip::DType;
    for (const DType known :
         {DType::Int8, DType::Int32, DType::Fp32, DType::Fp16, DType::Fp8, DType::Int16}) {
        if (name == chip::to_string(known)) {
            return known;
        }
    }
    throw ValueError("dtype must be 'int8', 'int16', 'int32', 'fp8', 'fp16' or 'fp32', got '" + name + "'");
}

namespace {

/// (operation, operands: input names or the bits of numbers, result type).
using StepRow = std::tuple<std::string, std::vector<std::variant<std::string, std::int32_t>>, std::string>;

chip::PointwiseStep step_of(const StepRow& row) {
    const auto& [name, operands, result] = row;
    chip::PointwiseStep step;
    const auto* known =
        std::ranges::find(chip::kVxmOpNames, name, &std::pair<chip::VxmOp, std::string_view>::second);
    if (known == chip::kVxmOpNames.end()) {
        throw ValueError("no VXM operation is named '" + name + "'");
    }
    step.op = known->first;
    step.result = dtype_of(result);
    for (const auto& operand : operands) {
        if (const auto* bits = std::get_if<std::int32_t>(&operand)) {
            step.with.emplace_back(chip::VxmImmediate{*bits});
        } else {
            step.with.emplace_back(std::get<std::string>(operand));
        }
    }
    return step;
}

chip::Program pointwise(const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                        const std::string& dtype, const std::vector<StepRow>& steps) {
    std::vector<chip::PointwiseStep> chain;
    chain.reserve(steps.size());
    for (const StepRow& row : steps) {
        chain.push_back(step_of(row));
    }
    return chip::pointwise(spec, rows, columns, dtype_of(dtype), chain);
}

template <chip::Activation kind>
chip::Program activation(const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                         const std::string& dtype) {
    return chip::activation(spec, kind, rows, columns, dtype_of(dtype));
}

template <chip::RowReduction reduction>
chip::Program reduced(const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                      const std::string& dtype) {
    return chip::reduce_rows(spec, rows, columns, dtype_of(dtype), reduction);
}

} // namespace

void bind_chip_kernels(py::module_& room) {
    const auto matrix = [&room](const char* name, const auto& build, const auto&... more) {
        room.def(name, build, py::arg("spec"), py::kw_only(), py::arg("rows"), py::arg("columns"),
                 py::arg("dtype"), more...);
    };
    room.def(
        "vxm_operations",
        [] {
            std::vector<std::string> names;
            names.reserve(chip::kVxmOpNames.size());
            for (const auto& [op, name] : chip::kVxmOpNames) {
                names.emplace_back(name);
            }
            return names;
        },
        "Names of what the VXM computes.");
    matrix("pointwise", &pointwise, py::arg("steps"));
    matrix("silu", &activation<chip::Activation::Silu>);
    matrix("swiglu", &activation<chip::Activation::Swiglu>);
    matrix("gelu", &activation<chip::Activation::Gelu>);
    matrix(
        "rmsnorm",
        [](const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns, const std::string& dtype,
           float epsilon) { return chip::rmsnorm(spec, rows, columns, dtype_of(dtype), epsilon); },
        py::arg("epsilon"));
    matrix(
        "layernorm",
        [](const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns, const std::string& dtype,
           float epsilon) { return chip::layernorm(spec, rows, columns, dtype_of(dtype), epsilon); },
        py::arg("epsilon"));
    matrix("softmax",
           [](const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns, const std::string& dtype) {
               return chip::softmax(spec, rows, columns, dtype_of(dtype));
           });
    matrix("row_sum", &reduced<chip::RowReduction::Sum>);
    matrix("row_max", &reduced<chip::RowReduction::Max>);
    matrix("row_min", &reduced<chip::RowReduction::Min>);
    matrix("transpose",
           [](const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns, const std::string& dtype) {
               return chip::transpose(spec, rows, columns, dtype_of(dtype));
           });
    matrix("transpose_cost",
           [](const chip::ChipSpec& spec, std::int64_t rows, std::int64_t columns, const std::string& dtype) {
               const chip::TransposePlan plan = chip::plan_transpose(spec, rows, columns, dtype_of(dtype));
               return std::tuple(plan.cycles, plan.steps, plan.sxm_cycles);
           });
    room.def(
        "embedding",
        [](const chip::ChipSpec& spec, std::int64_t tokens, std::int64_t entries, std::int64_t columns,
           const std::string& dtype) {
            return chip::embedding(spec, tokens, entries, columns, dtype_of(dtype));
        },
        py::arg("spec"), py::kw_only(), py::arg("tokens"), py::arg("entries"), py::arg("columns"),
        py::arg("dtype"));
    room.def("rope_vector_columns", &chip::rope_vector_columns, py::arg("spec"), py::arg("head_columns"));
    room.def(
        "rope",
        [](const chip::ChipSpec& spec, std::int64_t rows, std::int64_t heads, std::int64_t head_columns,
           bool interleaved) {
            using chip::RopePairing;
            return chip::rope(spec, rows, heads, head_columns,
                              interleaved ? RopePairing::Interleaved : RopePairing::Halves);
        },
        py::arg("spec"), py::kw_only(), py::arg("rows"), py::arg("heads"), py::arg("head_columns"),
        py::arg("interleaved"));
    room.def(
        "top_k_gate",
        [](const chip::ChipSpec& spec, std::int64_t tokens, std::int64_t experts, std::int64_t chosen,
           bool sigmoid) {
            using chip::GateScore;
            return chip::top_k_gate(spec, tokens, experts, chosen,
                                    sigmoid ? GateScore::Sigmoid : GateScore::Softmax);
        },
        py::arg("spec"), py::kw_only(), py::arg("tokens"), py::arg("experts"), py::arg("chosen"),
        py::arg("sigmoid"));
}

} // namespace lpusim::bind
