#include <optional>
#include <pybind11/stl.h>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/chip/kernels/attention.h"
#include "lpusim/chip/kernels/kv_append.h"

namespace lpusim::bind {
namespace {

chip::AttentionShape shape_of(std::int64_t queries, std::int64_t context, std::int64_t heads,
                              std::int64_t kv_heads, std::int64_t qk_dim, std::int64_t v_dim, bool causal,
                              std::optional<float> scale, const std::string& output, std::int64_t capacity) {
    if (output != "fp16" && output != "fp32") {
        throw ValueError("output must be 'fp16' or 'fp32', got '" + output + "'");
    }
    chip::AttentionShape shape;
    shape.queries = queries;
    shape.context = context;
    shape.heads = heads;
    shape.kv = {capacity, kv_heads, qk_dim, v_dim};
    shape.causal = causal;
    shape.scale = scale;
    shape.output = output == "fp16" ? chip::DType::Fp16 : chip::DType::Fp32;
    return shape;
}

/// Binds a function of spec and shape under `name`, with the shape's fields as keywords.
template <class Function>
void bind_attention(py::module_& room, const char* name, const char* what, const Function& function) {
    room.def(
        name,
        [function](const chip::ChipSpec& spec, std::int64_t queries, std::int64_t context, std::int64_t heads,
                   std::int64_t kv_heads, std::int64_t qk_dim, std::int64_t v_dim, bool causal,
                   std::optional<float> scale, const std::string& output, std::int64_t capacity) {
            return function(spec, shape_of(queries, context, heads, kv_heads, qk_dim, v_dim, causal, scale,
                                           output, capacity));
        },
        py::arg("spec"), py::kw_only(), py::arg("queries"), py::arg("context"), py::arg("heads"),
        py::arg("kv_heads"), py::arg("qk_dim"), py::arg("v_dim"), py::arg("causal"), py::arg("scale"),
        py::arg("output"), py::arg("capacity"), what);
}

} // namespace

void bind_chip_attention(py::module_& chip_room) {
    bind_attention(chip_room, "attention", "Attention as a schedule.", &chip::attention);
    bind_attention(chip_room, "plan_attention", "Cycles of that schedule and its bounds.",
                   [](const chip::ChipSpec& spec, const chip::AttentionShape& shape) {
                       const chip::AttentionPlan plan = chip::plan_attention(spec, shape);
                       return Dict<std::int64_t>(py::arg("cycles") = plan.cycles,
                                                 py::arg("stream_bound_cycles") = plan.stream_bound_cycles,
                                                 py::arg("mxm_bound_cycles") = plan.mxm_bound_cycles,
                                                 py::arg("tile_keys") = plan.kv.tile_keys,
                                                 py::arg("k_step_lanes") = plan.kv.k_step_lanes);
                   });
    chip_room.def(
        "kv_append",
        [](const chip::ChipSpec& spec, std::int64_t capacity, std::int64_t kv_heads, std::int64_t qk_dim,
           std::int64_t v_dim, std::int64_t position, std::int64_t tokens) {
            return chip::kv_append(spec, {{capacity, kv_heads, qk_dim, v_dim}, position, tokens});
        },
        py::arg("spec"), py::kw_only(), py::arg("capacity"), py::arg("kv_heads"), py::arg("qk_dim"),
        py::arg("v_dim"), py::arg("position"), py::arg("tokens"), "New keys and values as a schedule.");
}

} // namespace lpusim::bind
