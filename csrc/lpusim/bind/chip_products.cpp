#include "lpusim/bind/chip_products.h"

#include <pybind11/stl.h>
#include <string>
#include <tuple>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/kernels_matmul.h"

namespace lpusim::bind {
namespace {

using chip::ChipSpec;
using chip::DType;
using chip::ExpertShape;

/// Cycles of a program, and the least that its planes and its streams need.
using Cost = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

template <class Plan>
Cost cost_of(const Plan& plan) {
    return {plan.cycles, plan.bound.taker_cycles, plan.bound.stream_cycles};
}

/// Throws ValueError for a name that is no type of an operand.
DType operand_type(const std::string& name) {
    for (const DType known : {DType::Int8, DType::Fp8, DType::Fp16}) {
        if (name == chip::to_string(known))
            return known;
    }
    throw ValueError("dtype must be 'int8', 'fp8' or 'fp16', got '" + name + "'");
}

} // namespace

void bind_chip_products(py::module_& room) {
    const auto sized = [&room](const char* name, auto build) {
        room.def(
            name,
            [build](const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k,
                    const std::string& dtype) { return build(spec, m, n, k, operand_type(dtype)); },
            py::arg("spec"), py::kw_only(), py::arg("m"), py::arg("n"), py::arg("k"), py::arg("dtype"));
    };
    sized("gemm", &chip::gemm);
    sized("gemm_cost", [](const auto&... shape) { return cost_of(chip::plan_gemm(shape...)); });
    sized("gemm_resident", &chip::gemm_resident);
    sized("gemm_resident_cost",
          [](const auto&... shape) { return cost_of(chip::plan_gemm_resident(shape...)); });
    room.def("gemv_chain", &chip::gemv_chain, py::arg("spec"), py::kw_only(), py::arg("widths"),
             py::arg("scales"));
    room.def(
        "gemv_chain_cost",
        [](const ChipSpec& spec, const std::vector<std::int64_t>& widths) {
            return cost_of(chip::plan_gemv_chain(spec, widths));
        },
        py::arg("spec"), py::kw_only(), py::arg("widths"));
    const auto expert = [&room](const char* name, auto build) {
        room.def(
            name,
            [build](const ChipSpec& spec, std::int64_t experts, std::int64_t slots, std::int64_t rows,
                    std::int64_t n, std::int64_t k, const std::string& dtype) {
                return build(spec, ExpertShape{experts, slots, rows, n, k, operand_type(dtype)});
            },
            py::arg("spec"), py::kw_only(), py::arg("experts"), py::arg("slots"), py::arg("rows"),
            py::arg("n"), py::arg("k"), py::arg("dtype"));
    };
    expert("expert_gemm", &chip::expert_gemm);
    expert("expert_gemm_cost", [](const ChipSpec& spec, const ExpertShape& shape) {
        return cost_of(chip::plan_expert_gemm(spec, shape));
    });
}

} // namespace lpusim::bind
