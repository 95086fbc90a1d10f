#include <pybind11/native_enum.h>
#include <pybind11/stl.h>
#include <string>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/model/counts.h"

namespace lpusim::bind {

namespace {

using namespace lpusim::model;

void bind_architecture(py::module_& model) {
    py::native_enum<OperatorKind>(model, "OperatorKind", "enum.Enum")
        .value("embedding", OperatorKind::embedding)
        .value("norm", OperatorKind::norm)
        .value("matmul", OperatorKind::matmul)
        .value("rope", OperatorKind::rope)
        .value("attention", OperatorKind::attention)
        .value("activation", OperatorKind::activation)
        .value("router", OperatorKind::router)
        .value("expert_matmul", OperatorKind::expert_matmul)
        .value("residual_add", OperatorKind::residual_add)
        .value("head", OperatorKind::head)
        .finalize();
    py::native_enum<Shard>(model, "Shard", "enum.Enum")
        .value("replicated", Shard::replicated)
        .value("column", Shard::column)
        .value("row", Shard::row)
        .value("heads", Shard::heads)
        .value("experts", Shard::experts)
        .finalize();
    py::native_enum<FfnKind>(model, "FfnKind", "enum.Enum")
        .value("dense", FfnKind::dense)
        .value("moe", FfnKind::moe)
        .finalize();
    py::class_<Operator>(model, "Operator", "One operator; k and n are the widths of one copy.")
        .def_property_readonly("name", [](const Operator& op) { return std::string(op.name); })
        .def_readonly("kind", &Operator::kind)
        .def_readonly("shard", &Operator::shard)
        .def_readonly("k", &Operator::k)
        .def_readonly("n", &Operator::n)
        .def_readonly("copies", &Operator::copies)
        .def_readonly("active_copies", &Operator::active_copies)
        .def_readonly("parameters", &Operator::parameters)
        .def_readonly("is_quantised", &Operator::is_quantised)
        .def_property_readonly("macs_per_token", &macs_per_token);
    py::class_<AttentionShape>(model, "AttentionShape", "One layer's attention over its cache.")
        .def_readonly("is_latent", &AttentionShape::is_latent)
        .def_readonly("heads", &AttentionShape::heads)
        .def_readonly("kv_heads", &AttentionShape::kv_heads)
        .def_readonly("key_width", &AttentionShape::key_width)
        .def_readonly("value_width", &AttentionShape::value_width)
        .def_readonly("cache_elements", &AttentionShape::cache_elements)
        .def_readonly("window_tokens", &AttentionShape::window_tokens);
    py::class_<LayerGroup>(model, "LayerGroup", "Layers equal in everything but their weights' values.")
        .def_readonly("count", &LayerGroup::count)
        .def_readonly("attention", &LayerGroup::attention)
        .def_readonly("ffn", &LayerGroup::ffn)
        .def_readonly("operators", &LayerGroup::operators);
    py::class_<Architecture>(model, "Architecture", "An architecture as operators.")
        .def_readonly("prologue", &Architecture::prologue)
        .def_readonly("groups", &Architecture::groups)
        .def_readonly("layer_group", &Architecture::layer_group)
        .def_readonly("epilogue", &Architecture::epilogue);
}

void bind_load(py::module_& model) {
    py::class_<Load>(model, "Load", "What a device needs to know of a model: bytes and FLOPs.")
        .def(py::init<>())
        .def_readwrite("weight_bytes", &Load::weight_bytes)
        .def_readwrite("always_read_bytes", &Load::always_read_bytes)
        .def_readwrite("expert_bytes", &Load::expert_bytes)
        .def_readwrite("moe_layers", &Load::moe_layers)
        .def_readwrite("experts", &Load::experts)
        .def_readwrite("experts_per_token", &Load::experts_per_token)
        .def_readwrite("flops_per_token", &Load::flops_per_token)
        .def_readwrite("attention_flops_per_context_token", &Load::attention_flops_per_context_token)
        .def_readwrite("kv_bytes_per_token", &Load::kv_bytes_per_token)
        .def_readwrite("window_tokens", &Load::window_tokens)
        .def_readwrite("window_kv_bytes_per_token", &Load::window_kv_bytes_per_token)
        .def_readwrite("layers", &Load::layers)
        .def_readwrite("hidden", &Load::hidden);
}

} // namespace

void bind_model(py::module_& core) {
    auto model = core.def_submodule("model", "Architectures as operators; parameters, bytes and FLOPs.");

    py::class_<ModelSpec> spec(model, "ModelSpec", "The dimensions of a decoder-only transformer.");
    spec.def(py::init<>())
        .def_readwrite("moe_layers", &ModelSpec::moe_layers, "Indices of layers with experts.")
        .def_readwrite("window_layers", &ModelSpec::window_layers, "Indices of sliding-window layers.")
        .def("validate", [](const ModelSpec& self) { validate(self); });
    bind_fields(spec, model_fields());

    bind_architecture(model);
    bind_load(model);
    model.def("operators", &operators, py::arg("spec"), "The operators that one token passes through.");
    model.def(
        "total_parameters", [](const ModelSpec& s) { return total_parameters(operators(s)); },
        py::arg("spec"), "Every stored parameter once, norms and biases included.");
    model.def(
        "active_parameters", [](const ModelSpec& s) { return active_parameters(operators(s)); },
        py::arg("spec"), "Parameters with only the chosen experts, the embedding table whole.");
    model.def(
        "state_bytes",
        [](const ModelSpec& s, std::int64_t context_tokens, const std::string& kv) {
            return state_bytes(operators(s), context_tokens, parse_format(kv));
        },
        py::arg("spec"), py::kw_only(), py::arg("context_tokens"), py::arg("kv"),
        "Cache bytes of one sequence of `context_tokens` tokens.");
    model.def(
        "load",
        [](const ModelSpec& s, const std::string& weights, const std::string& kv) {
            return load(s, parse_format(weights), parse_format(kv));
        },
        py::arg("spec"), py::kw_only(), py::arg("weights"), py::arg("kv"),
        "The whole model as a device sees it.");
}

} // namespace lpusim::bind
