#include <algorithm>
#include <pybind11/native_enum.h>
#include <pybind11/stl.h>
#include <tuple>
#include <utility>

#include "lpusim/base/integers.h"
#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/moe/closed_forms.h"
#include "lpusim/moe/generator.h"
#include "lpusim/moe/plan.h"
#include "lpusim/moe/router.h"
#include "lpusim/moe/statistics.h"
#include "lpusim/moe/strategy.h"

namespace lpusim::bind {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> view(const Array<T>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
}

template <class T>
std::span<T> mutable_view(Array<T>& array) {
    return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

std::pair<Array<std::int32_t>, Array<float>> route(const moe::RouterSpec& spec, const Array<float>& logits,
                                                   const Array<float>& bias) {
    moe::validate(spec);
    if (logits.ndim() != 2 || logits.shape(1) != spec.experts) {
        std::string shape;
        for (py::ssize_t axis = 0; axis < logits.ndim(); ++axis) {
            shape += axis == 0 ? "" : ", ";
            shape += std::to_string(logits.shape(axis));
        }
        throw ValueError("route: logits must have shape (tokens, " + std::to_string(spec.experts) +
                         "), got (" + shape + ")");
    }
    Array<std::int32_t> ids({logits.shape(0), static_cast<py::ssize_t>(spec.experts_per_token)});
    Array<float> weights({logits.shape(0), static_cast<py::ssize_t>(spec.experts_per_token)});
    const auto ids_out = mutable_view(ids);
    const auto weights_out = mutable_view(weights);
    {
        // Safe: the spans point into arrays this frame and the caller's own; no Python object is touched
        // below.
        const py::gil_scoped_release unlocked;
        moe::route(spec, view(logits), view(bias), ids_out, weights_out);
    }
    return {std::move(ids), std::move(weights)};
}

std::pair<Array<std::int32_t>, Array<float>> generate(const moe::GeneratorSpec& spec, std::int64_t layer,
                                                      std::int64_t first_token, std::int64_t tokens) {
    moe::validate(spec);
    if (tokens < 0) {
        throw ValueError("generate: tokens must be at least 0, got " + std::to_string(tokens));
    }
    static_cast<void>(checked_multiply(tokens, 4 * spec.experts_per_token));
    Array<std::int32_t> ids(
        {static_cast<py::ssize_t>(tokens), static_cast<py::ssize_t>(spec.experts_per_token)});
    Array<float> weights(
        {static_cast<py::ssize_t>(tokens), static_cast<py::ssize_t>(spec.experts_per_token)});
    const auto ids_out = mutable_view(ids);
    const auto weights_out = mutable_view(weights);
    {
        const py::gil_scoped_release unlocked;
        moe::generate(spec, layer, first_token, ids_out, weights_out);
    }
    return {std::move(ids), std::move(weights)};
}

std::tuple<Array<std::int32_t>, Array<std::int32_t>, Array<std::int64_t>>
order_by_expert(const Array<std::int32_t>& ids, std::int64_t experts) {
    if (ids.ndim() != 2) {
        throw ValueError("plan: ids must have shape (tokens, experts_per_token), got " +
                         std::to_string(ids.ndim()) + " dimensions");
    }
    const auto experts_per_token = static_cast<std::int64_t>(ids.shape(1));
    moe::ExpertOrder order;
    {
        const py::gil_scoped_release unlocked;
        order = moe::order_by_expert(view(ids), experts, experts_per_token);
    }
    return {to_numpy(std::move(order.permutation)), to_numpy(std::move(order.inverse)),
            to_numpy(std::move(order.offsets))};
}

void check_tile_rows(std::int64_t tile_rows) {
    if (tile_rows < 1) {
        throw ValueError("tile_rows must be at least 1, got " + std::to_string(tile_rows));
    }
}

std::int64_t tile_bound(std::int64_t rows, std::int64_t experts, std::int64_t tile_rows) {
    check_tile_rows(tile_rows);
    if (rows < 0 || experts < 0) {
        throw ValueError("tile_bound: rows and experts must be at least 0, got " + std::to_string(rows) +
                         " and " + std::to_string(experts));
    }
    return moe::tile_bound(rows, experts, tile_rows);
}

/// A non-empty, non-decreasing column: what the plan functions take as `offsets`.
std::span<const std::int64_t> offsets_view(const Array<std::int64_t>& offsets) {
    const auto values = view(offsets);
    if (values.size() < 2 || !std::is_sorted(values.begin(), values.end()) || values.front() < 0) {
        throw ValueError(
            "offsets must hold one value an expert plus one, from 0 upwards and never decreasing");
    }
    return values;
}

std::int64_t tile_count(const Array<std::int64_t>& offsets, std::int64_t tile_rows) {
    check_tile_rows(tile_rows);
    return moe::tile_count(offsets_view(offsets), tile_rows);
}

void bind_router(py::module_& m) {
    py::native_enum<moe::Score>(m, "Score", "enum.Enum", "How a logit becomes a score.")
        .value("softmax", moe::Score::softmax)
        .value("sigmoid", moe::Score::sigmoid)
        .finalize();
    py::native_enum<moe::GroupScore>(m, "GroupScore", "enum.Enum", "How a group of experts is ranked.")
        .value("max", moe::GroupScore::max)
        .value("top2_sum", moe::GroupScore::top2_sum)
        .finalize();
    py::class_<moe::RouterSpec> spec(m, "RouterSpec", "One router; see lpusim.moe.RouterSpec.");
    spec.def(py::init<>());
    bind_fields(spec, moe::router_fields());
    spec.def_readwrite("score", &moe::RouterSpec::score)
        .def_readwrite("group_score", &moe::RouterSpec::group_score)
        .def_readwrite("renormalise", &moe::RouterSpec::renormalise)
        .def("validate", [](const moe::RouterSpec& self) { moe::validate(self); });
    m.def("route", &route, py::arg("spec"), py::arg("logits").noconvert(), py::arg("bias").noconvert(),
          "(ids, weights), each [tokens, experts_per_token].");
}

void bind_generator(py::module_& m) {
    py::class_<moe::GeneratorSpec> spec(m, "GeneratorSpec", "A source of synthetic routing.");
    spec.def(py::init<>());
    bind_fields(spec, moe::generator_fields());
    spec.def_readwrite("shuffled", &moe::GeneratorSpec::shuffled);
    m.def("generate", &generate, py::arg("spec"), py::kw_only(), py::arg("layer"), py::arg("first_token"),
          py::arg("tokens"), "(ids, weights), each [tokens, experts_per_token].");
    m.def(
        "expert_popularity",
        [](const moe::GeneratorSpec& generator, std::int64_t layer) {
            return to_numpy(moe::expert_popularity(generator, layer));
        },
        py::arg("spec"), py::kw_only(), py::arg("layer"));
}

void bind_plan(py::module_& m) {
    m.def("order_by_expert", &order_by_expert, py::arg("ids").noconvert(), py::arg("experts"),
          "(permutation, inverse, offsets) of the stable sort by expert, token, slot.");
    m.def("tile_bound", &tile_bound, py::kw_only(), py::arg("rows"), py::arg("experts"),
          py::arg("tile_rows"));
    m.def("tile_count", &tile_count, py::arg("offsets").noconvert(), py::kw_only(), py::arg("tile_rows"));
    m.def(
        "contiguous_experts",
        [](std::int64_t experts, std::int64_t chips, std::int64_t chip) {
            if (experts < 1 || chips < 1 || chip < 0 || chip >= chips) {
                throw ValueError("contiguous_experts: chip must be from 0 to chips - 1, got chip = " +
                                 std::to_string(chip) + ", chips = " + std::to_string(chips) +
                                 ", experts = " + std::to_string(experts));
            }
            const moe::ExpertRange range = moe::contiguous_experts(experts, chips, chip);
            return py::make_tuple(range.first, range.last);
        },
        py::kw_only(), py::arg("experts"), py::arg("chips"), py::arg("chip"),
        "(first, last + 1) of the experts that live on a chip.");
}

void bind_strategy(py::module_& m) {
    py::native_enum<moe::Strategy>(m, "Strategy", "enum.Enum", "How room is reserved for unknown routing.")
        .value("sliced", moe::Strategy::sliced)
        .value("worst_case", moe::Strategy::worst_case)
        .finalize();
    py::class_<moe::StrategyCost>(m, "StrategyCost", "What one MoE layer reserves on each chip.")
        .def_readonly("rows_per_chip", &moe::StrategyCost::rows_per_chip)
        .def_readonly("column_split", &moe::StrategyCost::column_split)
        .def_readonly("experts_per_chip", &moe::StrategyCost::experts_per_chip)
        .def_readonly("weight_reads_per_chip", &moe::StrategyCost::weight_reads_per_chip)
        .def_readonly("exact", &moe::StrategyCost::exact);
    m.def("reserved", &moe::reserved, py::arg("strategy"), py::kw_only(), py::arg("tokens"),
          py::arg("experts"), py::arg("experts_per_token"), py::arg("chips"));
    m.def(
        "rows_reserved",
        [](moe::Strategy strategy, std::int64_t tokens, std::int64_t experts, std::int64_t experts_per_token,
           std::int64_t chips) {
            return to_numpy(moe::rows_reserved(strategy, tokens, experts, experts_per_token, chips));
        },
        py::arg("strategy"), py::kw_only(), py::arg("tokens"), py::arg("experts"),
        py::arg("experts_per_token"), py::arg("chips"), "Rows reserved on each chip.");
    m.def(
        "rows_used",
        [](moe::Strategy strategy, const Array<std::int64_t>& offsets, std::int64_t chips) {
            return to_numpy(moe::rows_used(strategy, offsets_view(offsets), chips));
        },
        py::arg("strategy"), py::arg("offsets").noconvert(), py::kw_only(), py::arg("chips"),
        "Rows one routing puts on each chip.");
}

void bind_statistics(py::module_& m) {
    py::class_<moe::LoadStatistics>(m, "LoadStatistics", "How evenly load falls on experts or chips.")
        .def_readonly("total", &moe::LoadStatistics::total)
        .def_readonly("max", &moe::LoadStatistics::max)
        .def_readonly("distinct", &moe::LoadStatistics::distinct)
        .def_readonly("max_over_mean", &moe::LoadStatistics::max_over_mean)
        .def_readonly("gini", &moe::LoadStatistics::gini);
    m.def(
        "load_statistics", [](const Array<std::int64_t>& load) { return moe::load_statistics(view(load)); },
        py::arg("load").noconvert());
    m.def("expected_distinct",
          py::overload_cast<std::int64_t, std::int64_t, std::int64_t>(&moe::expected_distinct), py::kw_only(),
          py::arg("experts"), py::arg("experts_per_token"), py::arg("tokens"));
    m.def(
        "expected_distinct_weighted",
        [](const Array<double>& inclusion, std::int64_t tokens) {
            return moe::expected_distinct(view(inclusion), tokens);
        },
        py::arg("inclusion").noconvert(), py::kw_only(), py::arg("tokens"));
    m.def("expected_max_load", &moe::expected_max_load, py::kw_only(), py::arg("experts"),
          py::arg("experts_per_token"), py::arg("tokens"));
    m.def(
        "inclusion_probabilities",
        [](const Array<double>& popularity, std::int64_t experts_per_token) {
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

void bind_moe(py::module_& core) {
    auto m = core.def_submodule("moe", "Sparse expert dispatch: routers, generators, plans, strategies.");
    bind_router(m);
    bind_generator(m);
    bind_plan(m);
    bind_strategy(m);
    bind_statistics(m);
}

} // namespace lpusim::bind
