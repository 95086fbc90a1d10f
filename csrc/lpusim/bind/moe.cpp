#include <algorithm>
#include <pybind11/native_enum.h>
#include <pybind11/stl.h>
#include <tuple>
#include <utility>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/moe_routing.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/moe/plan.h"
#include "lpusim/moe/strategy.h"

namespace lpusim::bind {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> view(const Array<T>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
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

} // namespace

void bind_moe(py::module_& core) {
    auto m = core.def_submodule("moe", "Sparse expert dispatch: routers, generators, plans, strategies.");
    bind_moe_routing(m);
    bind_plan(m);
    bind_strategy(m);
    bind_moe_engine(m);
}

} // namespace lpusim::bind
