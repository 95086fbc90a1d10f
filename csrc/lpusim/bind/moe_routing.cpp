#include "lpusim/bind/moe_routing.h"

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>
#include <utility>

#include "lpusim/base/integers.h"
#include "lpusim/bind/convert.h"
#include "lpusim/moe/closed_forms.h"
#include "lpusim/moe/generator.h"
#include "lpusim/moe/router/router.h"
#include "lpusim/moe/statistics.h"

namespace lpusim::bind {
namespace {

/// [tokens, experts_per_token] each.
using Routing = std::pair<Column<std::int32_t>, Column<float>>;

template <class T>
std::span<const T> view(const Column<T>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
}

template <class T>
std::span<T> mutable_view(Column<T>& array) {
    return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

Routing empty_routing(std::int64_t tokens, std::int64_t experts_per_token) {
    const auto rows = static_cast<py::ssize_t>(tokens);
    const auto columns = static_cast<py::ssize_t>(experts_per_token);
    return {Column<std::int32_t>({rows, columns}), Column<float>({rows, columns})};
}

template <class T>
std::string shape_text(const Column<T>& array) {
    std::string shape;
    for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
        shape += axis == 0 ? "" : ", ";
        shape += std::to_string(array.shape(axis));
    }
    return "(" + shape + ")";
}

template <class T>
void check_matrix(const char* name, const char* rows, const Column<T>& array, std::int64_t columns) {
    if (array.ndim() != 2 || array.shape(1) != columns) {
        throw ValueError(std::string("route: ") + name + " must have shape (" + rows + ", " +
                         std::to_string(columns) + "), got " + shape_text(array));
    }
}

Routing route(const moe::RouterSpec& spec, const Column<float>& logits, const Column<float>& bias,
              const Column<std::int32_t>& token_ids, const Column<std::int32_t>& table) {
    moe::validate(spec);
    check_matrix("logits", "tokens", logits, spec.experts);
    if (table.size() > 0) {
        check_matrix("table", "token ids", table, spec.experts_per_token);
    }
    Routing routing = empty_routing(logits.shape(0), spec.experts_per_token);
    const auto ids = mutable_view(routing.first);
    const auto weights = mutable_view(routing.second);
    const moe::RouterInput input{
        .logits = view(logits), .bias = view(bias), .token_ids = view(token_ids), .table = view(table)};
    {
        // Safe: the spans point into arrays this frame and the caller's own; no Python object is touched
        // below.
        const py::gil_scoped_release unlocked;
        moe::route(spec, input, ids, weights);
    }
    return routing;
}

Routing generate(const moe::GeneratorSpec& spec, std::int64_t layer, std::int64_t first_token,
                 std::int64_t tokens) {
    moe::validate(spec);
    if (tokens < 0) {
        throw ValueError("generate: tokens must be at least 0, got " + std::to_string(tokens));
    }
    static_cast<void>(checked_multiply(tokens, 4 * spec.experts_per_token));
    Routing routing = empty_routing(tokens, spec.experts_per_token);
    const auto ids = mutable_view(routing.first);
    const auto weights = mutable_view(routing.second);
    {
        const py::gil_scoped_release unlocked;
        moe::generate(spec, layer, first_token, ids, weights);
    }
    return routing;
}

void bind_router_choices(py::module_& m) {
    py::native_enum<moe::Score>(m, "Score", "enum.Enum", "How logits become scores.")
        .value("softmax", moe::Score::softmax)
        .value("softmax_after_topk", moe::Score::softmax_after_topk)
        .value("sigmoid", moe::Score::sigmoid)
        .value("sigmoid_after_topk", moe::Score::sigmoid_after_topk)
        .value("sqrt_softplus", moe::Score::sqrt_softplus)
        .value("sparsemixer", moe::Score::sparsemixer)
        .finalize();
    py::native_enum<moe::Selection>(m, "Selection", "enum.Enum", "Who names the experts of a token.")
        .value("scores", moe::Selection::scores)
        .value("token_table", moe::Selection::token_table)
        .finalize();
    py::native_enum<moe::GroupScore>(m, "GroupScore", "enum.Enum", "How a group of experts is ranked.")
        .value("max", moe::GroupScore::max)
        .value("top2_sum", moe::GroupScore::top2_sum)
        .finalize();
    py::native_enum<moe::DroppedGroups>(m, "DroppedGroups", "enum.Enum",
                                        "What the score of an expert in a dropped group becomes.")
        .value("minus_infinity", moe::DroppedGroups::minus_infinity)
        .value("zero", moe::DroppedGroups::zero)
        .finalize();
    py::native_enum<moe::ScoreType>(m, "ScoreType", "enum.Enum", "What scores and weights are rounded to.")
        .value("fp64", moe::ScoreType::fp64)
        .value("fp32", moe::ScoreType::fp32)
        .value("bf16", moe::ScoreType::bf16)
        .finalize();
}

void bind_router(py::module_& m) {
    bind_router_choices(m);
    py::class_<moe::RouterSpec> spec(m, "RouterSpec", "One router; see lpusim.moe.RouterSpec.");
    spec.def(py::init<>());
    bind_fields(spec, moe::router_fields());
    spec.def_readwrite("score", &moe::RouterSpec::score)
        .def_readwrite("selection", &moe::RouterSpec::selection)
        .def_readwrite("group_score", &moe::RouterSpec::group_score)
        .def_readwrite("dropped_groups", &moe::RouterSpec::dropped_groups)
        .def_readwrite("score_type", &moe::RouterSpec::score_type)
        .def_readwrite("renormalise", &moe::RouterSpec::renormalise)
        .def_readwrite("scales_input", &moe::RouterSpec::scales_input)
        .def("validate", [](const moe::RouterSpec& self) { moe::validate(self); });
    m.def("route", &route, py::arg("spec"), py::arg("logits").noconvert(), py::arg("bias").noconvert(),
          py::arg("token_ids").noconvert(), py::arg("table").noconvert(),
          "(ids, weights), each [tokens, experts_per_token]. Empty: no bias, no token ids, no table.");
}

void bind_generator(py::module_& m) {
    py::native_enum<moe::Popularity>(m, "Popularity", "enum.Enum", "Where popularities of experts come from.")
        .value("zipf", moe::Popularity::zipf)
        .value("dirichlet", moe::Popularity::dirichlet)
        .value("given", moe::Popularity::given)
        .value("round_robin", moe::Popularity::round_robin)
        .finalize();
    py::class_<moe::GeneratorSpec> spec(m, "GeneratorSpec", "A source of synthetic routing.");
    spec.def(py::init<>());
    bind_fields(spec, moe::generator_fields());
    spec.def_readwrite("popularity", &moe::GeneratorSpec::popularity)
        .def_readwrite("shuffled", &moe::GeneratorSpec::shuffled)
        .def_readwrite("weights", &moe::GeneratorSpec::weights)
        .def("validate", [](const moe::GeneratorSpec& self) { moe::validate(self); });
    m.def("generate", &generate, py::arg("spec"), py::kw_only(), py::arg("layer"), py::arg("first_token"),
          py::arg("tokens"), "(ids, weights), each [tokens, experts_per_token].");
    m.def(
        "expert_popularity",
        [](const moe::GeneratorSpec& generator, std::int64_t layer, std::int64_t domain) {
            return to_numpy(moe::expert_popularity(generator, layer, domain));
        },
        py::arg("spec"), py::kw_only(), py::arg("layer"), py::arg("domain"));
}

void bind_statistics(py::module_& m) {
    py::class_<moe::LoadStatistics>(m, "LoadStatistics", "How evenly load falls on experts or chips.")
        .def_readonly("total", &moe::LoadStatistics::total)
        .def_readonly("max", &moe::LoadStatistics::max)
        .def_readonly("distinct", &moe::LoadStatistics::distinct)
        .def_readonly("max_over_mean", &moe::LoadStatistics::max_over_mean)
        .def_readonly("gini", &moe::LoadStatistics::gini)
        .def_readonly("cv", &moe::LoadStatistics::cv)
        .def_readonly("entropy_ratio", &moe::LoadStatistics::entropy_ratio)
        .def_readonly("rank_slope", &moe::LoadStatistics::rank_slope);
    m.def(
        "load_statistics", [](const Column<std::int64_t>& load) { return moe::load_statistics(view(load)); },
        py::arg("load").noconvert());
    m.def("excess_cv", &moe::excess_cv, py::kw_only(), py::arg("cv"), py::arg("mean"), py::arg("experts"),
          py::arg("experts_per_token"));
    m.def("dirichlet_alpha_of", &moe::dirichlet_alpha_of, py::kw_only(), py::arg("cv"), py::arg("experts"));
    m.def("zipf_exponent_of", &moe::zipf_exponent_of, py::kw_only(), py::arg("experts"),
          py::arg("experts_per_token"), py::arg("top"), py::arg("share"),
          py::call_guard<py::gil_scoped_release>());
    m.def("expected_distinct",
          py::overload_cast<std::int64_t, std::int64_t, std::int64_t>(&moe::expected_distinct), py::kw_only(),
          py::arg("experts"), py::arg("experts_per_token"), py::arg("tokens"));
    m.def(
        "expected_distinct_weighted",
        [](const Column<double>& inclusion, std::int64_t tokens) {
            return moe::expected_distinct(view(inclusion), tokens);
        },
        py::arg("inclusion").noconvert(), py::kw_only(), py::arg("tokens"));
    m.def("expected_max_load", &moe::expected_max_load, py::kw_only(), py::arg("experts"),
          py::arg("experts_per_token"), py::arg("tokens"));
    m.def(
        "inclusion_probabilities",
        [](const Column<double>& popularity, std::int64_t experts_per_token) {
            std::vector<double> inclusion;
            {
                const py::gil_scoped_release unlocked;
                inclusion = moe::inclusion_probabilities(view(popularity), experts_per_token);
            }
            return to_numpy(std::move(inclusion));
        },
        py::arg("popularity").noconvert(), py::kw_only(), py::arg("experts_per_token"));
}

} // namespace

void bind_moe_routing(py::module_& room) {
    bind_router(room);
    bind_generator(room);
    bind_statistics(room);
}

} // namespace lpusim::bind
