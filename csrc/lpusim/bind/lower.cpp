#include "lpusim/lower/plan.h"

#include <memory>
#include <optional>
#include <pybind11/stl.h>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/device/lpu.h"

namespace lpusim::bind {
namespace {

using namespace lpusim::lower;

moe::Strategy parse_strategy(const std::string& name) {
    if (name == "sliced") {
        return moe::Strategy::sliced;
    }
    if (name == "worst_case") {
        return moe::Strategy::worst_case;
    }
    throw ValueError("strategy must be \"sliced\" or \"worst_case\", got \"" + name + "\"");
}

std::unique_ptr<Plan> make_plan(const chip::ChipSpec& chip, std::shared_ptr<Fabric> fabric,
                                std::int64_t capacity_bytes, const model::Architecture& architecture,
                                const std::string& weights, const std::string& kv,
                                const std::string& strategy, const LowerSpec& spec,
                                const std::optional<std::pair<std::int64_t, std::int64_t>>& partition,
                                std::int64_t sequences, std::int64_t context_tokens) {
    const Machine machine{chip, std::move(fabric), capacity_bytes};
    const Formats formats{model::parse_format(weights), model::parse_format(kv)};
    const Blocks blocks(architecture);
    const Demand demand{sequences, context_tokens};
    const moe::Strategy how = parse_strategy(strategy);
    if (partition) {
        return std::make_unique<Plan>(machine, blocks, formats, how, spec,
                                      Partition{partition->first, partition->second}, demand);
    }
    return std::make_unique<Plan>(Plan::search(machine, blocks, formats, how, spec, demand));
}

Dict<py::int_> breakdown(const CategoryCycles& cost) {
    Dict<py::int_> result;
    for (std::size_t i = 0; i < kCategoryCount; ++i) {
        result[py::str(std::string(category_name(static_cast<Category>(i))))] = cost.cycles[i];
    }
    return result;
}

std::int64_t to_ps(const Plan& plan, std::int64_t cycles) {
    return cycles_to_ps(cycles, plan.machine().chip.clock_hz);
}

void require_item(std::int64_t tokens, std::int64_t context_tokens) {
    if (tokens < 1 || context_tokens < 0) {
        throw ValueError("a step needs at least 1 token and a context of at least 0, got " +
                         std::to_string(tokens) + " and " + std::to_string(context_tokens));
    }
}

void bind_plan(py::module_& lower) {
    py::class_<Plan>(lower, "Plan", "A model laid out on a machine: exact cycles of any item at any context.")
        .def(py::init(&make_plan), py::kw_only(), py::arg("chip"), py::arg("fabric"),
             py::arg("capacity_bytes"), py::arg("architecture"), py::arg("weights"), py::arg("kv"),
             py::arg("strategy"), py::arg("spec"), py::arg("partition") = py::none(),
             py::arg("sequences") = 1, py::arg("context_tokens") = 1,
             py::call_guard<py::gil_scoped_release>(),
             "Lays the model out; searches the partition (tensor_chips, stage_count) unless one is given.")
        .def_property_readonly("tensor_chips", [](const Plan& self) { return self.partition().tensor_chips; })
        .def_property_readonly("stage_count", [](const Plan& self) { return self.partition().stage_count; })
        .def_property_readonly("kv_page_count", &Plan::page_count, "KV pages of whole sequences that fit.")
        .def_property_readonly("page_tokens", [](const Plan& self) { return self.spec().page_tokens; })
        .def_property_readonly("chunk_tokens", &Plan::chunk_tokens, "Prompt tokens of one pipeline item.")
        .def_property_readonly("program_count", &Plan::program_count, "Verified matmul programs composed.")
        .def(
            "stages",
            [](const Plan& self) {
                std::vector<std::int64_t> first_block, block_count, first_chip, weight_bytes, page_bytes;
                for (const Stage& stage : self.stages()) {
                    first_block.push_back(stage.blocks.first_block);
                    block_count.push_back(stage.blocks.block_count);
                    first_chip.push_back(stage.first_chip);
                    weight_bytes.push_back(stage.weight_bytes);
                    page_bytes.push_back(stage.page_bytes);
                }
                Columns columns;
                columns["first_block"] = to_numpy(std::move(first_block));
                columns["block_count"] = to_numpy(std::move(block_count));
                columns["first_chip"] = to_numpy(std::move(first_chip));
                columns["weight_bytes_per_chip"] = to_numpy(std::move(weight_bytes));
                columns["page_bytes_per_chip"] = to_numpy(std::move(page_bytes));
                return columns;
            },
            "One row a pipeline stage, as int64 columns.")
        .def(
            "step_cycles",
            [](Plan& self, std::int64_t tokens, std::int64_t context_tokens) {
                require_item(tokens, context_tokens);
                const StepCost& step = self.step(tokens, self.pages(context_tokens));
                return py::make_tuple(step.latency.total(), step.occupancy_cycles, breakdown(step.latency));
            },
            py::arg("tokens"), py::arg("context_tokens"),
            "(latency, occupancy, latency by category) in cycles of one item of `tokens` tokens.")
        .def(
            "timeline",
            [](Plan& self, std::int64_t tokens, std::int64_t context_tokens) {
                require_item(tokens, context_tokens);
                std::vector<std::int64_t> stage, block, start, cycles;
                std::vector<std::string> name, category;
                for (const StepSlice& slice : self.timeline(tokens, self.pages(context_tokens))) {
                    stage.push_back(slice.stage);
                    block.push_back(slice.block);
                    name.emplace_back(slice.name);
                    category.emplace_back(category_name(slice.category));
                    start.push_back(slice.start_cycle);
                    cycles.push_back(slice.cycles);
                }
                Columns columns;
                columns["stage"] = to_numpy(std::move(stage));
                columns["block"] = to_numpy(std::move(block));
                columns["name"] = std::move(name);
                columns["category"] = std::move(category);
                columns["start_cycle"] = to_numpy(std::move(start));
                columns["cycles"] = to_numpy(std::move(cycles));
                return columns;
            },
            py::arg("tokens"), py::arg("context_tokens"),
            "Where one item is at every cycle of its latency: one row an operator, in order, without gaps.")
        .def(
            "decode_table",
            [](Plan& self, const py::array_t<std::int64_t, py::array::c_style>& contexts) {
                std::vector<std::int64_t> latency, occupancy;
                const std::int64_t* data = contexts.data();
                for (py::ssize_t i = 0; i < contexts.size(); ++i) {
                    if (data[i] < 0) {
                        throw ValueError("contexts must be at least 0, got " + std::to_string(data[i]));
                    }
                    const StepCost& step = self.step(1, self.pages(data[i]));
                    latency.push_back(to_ps(self, step.latency.total()));
                    occupancy.push_back(to_ps(self, step.occupancy_cycles));
                }
                return py::make_tuple(to_numpy(std::move(latency)), to_numpy(std::move(occupancy)));
            },
            py::arg("context_tokens").noconvert(),
            "(latency_ps, occupancy_ps) of one decode token, one row a context.")
        .def(
            "prefill_ps",
            [](Plan& self, std::int64_t input_tokens) {
                return to_ps(self, self.prefill_cycles(input_tokens));
            },
            py::arg("input_tokens"), "From arrival at an idle machine to the first token.")
        .def(
            "timing",
            [](Plan& self, std::int64_t context_tokens) {
                return device::pipeline_timing(self, context_tokens);
            },
            py::arg("context_tokens"), "The event clock's table for contexts up to `context_tokens`.");
}

} // namespace

void bind_lower(py::module_& core) {
    auto lower = core.def_submodule("lower", "Models laid out on machines, and what their steps cost.");
    auto spec =
        py::class_<LowerSpec>(lower, "LowerSpec", "How programs are laid out; choices nobody published.")
            .def(py::init<>())
            .def("validate", [](const LowerSpec& self) { validate(self); });
    bind_fields<LowerSpec>(spec, lower_fields());
    py::class_<WiringCosts, std::shared_ptr<WiringCosts>>(
        lower, "WiringCosts",
        "What collectives took among chips wired in some way; machines of any size share it.")
        .def(py::init<const net::LinkSpec&>(), py::arg("link"));
    py::class_<Fabric, std::shared_ptr<Fabric>>(
        lower, "Fabric", "The links of a machine, and what collectives took on them so far; plans share it.")
        .def(py::init<std::shared_ptr<const net::Topology>, std::shared_ptr<WiringCosts>>(),
             py::arg("topology"), py::arg("costs"));
    bind_plan(lower);
    lower.def(
        "stages_needed",
        [](std::int64_t capacity_bytes, const model::Architecture& architecture, const std::string& weights,
           const std::string& kv, const std::string& strategy, const LowerSpec& how,
           std::int64_t tensor_chips, std::int64_t sequences, std::int64_t context_tokens) {
            if (tensor_chips < 1 || sequences < 1 || context_tokens < 0) {
                throw ValueError(
                    "tensor_chips and sequences must be at least 1 and context_tokens at least 0, got " +
                    std::to_string(tensor_chips) + ", " + std::to_string(sequences) + " and " +
                    std::to_string(context_tokens));
            }
            const Layout layout{tensor_chips, model::parse_format(weights), model::parse_format(kv),
                                parse_strategy(strategy)};
            return stages_needed(Blocks(architecture), layout, how, capacity_bytes,
                                 {sequences, context_tokens});
        },
        py::kw_only(), py::arg("capacity_bytes"), py::arg("architecture"), py::arg("weights"), py::arg("kv"),
        py::arg("strategy"), py::arg("spec"), py::arg("tensor_chips"), py::arg("sequences"),
        py::arg("context_tokens"),
        "The fewest stages that hold the model and the demand; 0 when a single block does not fit a stage.");
}

} // namespace lpusim::bind
