#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <pybind11/stl.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/wiring.h"

namespace lpusim::bind {
namespace {

using net::Bundle;
using net::Cable;
using net::LinkSpec;
using net::LinkTiming;
using net::Topology;

template <class Spec>
void bind_spec(py::module_& room, const char* name, std::span<const Field<Spec>> fields, const char* doc) {
    py::class_<Spec> cls(room, name, doc);
    cls.def(py::init<>());
    bind_fields<Spec>(cls, fields);
}

/// The columns of a cable list, each a row long. A timing column is 0 where the common timing holds.
constexpr std::array<std::string_view, 7> kCableColumns{
    "a", "b", "links", "vector_cycles", "hop_cycles", "back_vector_cycles", "back_hop_cycles"};

std::optional<LinkTiming> own_timing(const LinkSpec& link, std::int64_t vector_cycles,
                                     std::int64_t hop_cycles) {
    if (vector_cycles == 0 && hop_cycles == 0)
        return std::nullopt;
    return LinkTiming{vector_cycles == 0 ? link.vector_cycles : vector_cycles,
                      hop_cycles == 0 ? link.hop_cycles : hop_cycles};
}

std::vector<Cable> to_cables(const std::map<std::string, Column<std::int64_t>>& columns,
                             const LinkSpec& link) {
    std::array<std::span<const std::int64_t>, kCableColumns.size()> views;
    for (std::size_t i = 0; i < views.size(); ++i) {
        const std::string name(kCableColumns[i]);
        views[i] = column_view(name.c_str(), columns.at(name));
        if (views[i].size() != views[0].size())
            throw ValueError("the cables' columns differ in length");
    }
    const auto& [a, b, links, vector_cycles, hop_cycles, back_vector_cycles, back_hop_cycles] = views;
    std::vector<Cable> cables;
    cables.reserve(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        cables.push_back({static_cast<std::int32_t>(a[i]), static_cast<std::int32_t>(b[i]),
                          static_cast<std::int32_t>(links[i]),
                          own_timing(link, vector_cycles[i], hop_cycles[i]),
                          own_timing(link, back_vector_cycles[i], back_hop_cycles[i])});
    }
    return cables;
}

/// One value a directed link.
template <class Value>
py::array_t<std::int64_t> link_column(const Topology& topology, const Value& value_of) {
    std::vector<std::int64_t> column;
    column.reserve(static_cast<std::size_t>(topology.directed_link_count()));
    for (const Bundle& bundle : topology.bundles())
        column.insert(column.end(), static_cast<std::size_t>(bundle.width), value_of(bundle));
    return to_numpy(std::move(column));
}

Columns link_columns(const Topology& topology) {
    Columns columns;
    columns["source"] = link_column(topology, [](const Bundle& bundle) { return bundle.from; });
    columns["target"] = link_column(topology, [](const Bundle& bundle) { return bundle.to; });
    columns["vector_cycles"] =
        link_column(topology, [](const Bundle& bundle) { return bundle.timing.vector_cycles; });
    columns["hop_cycles"] =
        link_column(topology, [](const Bundle& bundle) { return bundle.timing.hop_cycles; });
    return columns;
}

void bind_topology(py::module_& room) {
    const py::call_guard<py::gil_scoped_release> unlocked;
    py::class_<Topology, std::shared_ptr<Topology>>(room, "Topology", "Chips and the links between them.")
        .def(py::init([](std::string name, std::int64_t chip_count,
                         const std::map<std::string, Column<std::int64_t>>& cables, const LinkSpec& link,
                         std::int32_t chips_per_node, std::vector<std::int32_t> down_chips) {
                 return Topology(std::move(name), chip_count, to_cables(cables, link), link,
                                 {.chips_per_node = chips_per_node, .down_chips = std::move(down_chips)});
             }),
             py::arg("name"), py::arg("chip_count"), py::arg("cables"), py::arg("link"), py::kw_only(),
             py::arg("chips_per_node") = 1, py::arg("down_chips") = std::vector<std::int32_t>{})
        .def_static("make", &net::make_topology, py::arg("kind"), py::arg("chip_count"), py::arg("link"))
        .def_static("lpx", &net::make_lpx, py::arg("chip_count"), py::arg("link"), py::arg("wiring"))
        .def_property_readonly("name", &Topology::name)
        .def_property_readonly("link", &Topology::link)
        .def_property_readonly("chip_count", &Topology::chip_count)
        .def_property_readonly("chips_per_node", &Topology::chips_per_node)
        .def_property_readonly("symmetry_chips", &Topology::symmetry_chips)
        .def_property_readonly("down_chips",
                               [](const Topology& topology) {
                                   const auto down = topology.down_chips();
                                   return std::vector<std::int32_t>(down.begin(), down.end());
                               })
        .def_property_readonly("link_count", &Topology::link_count)
        .def_property_readonly("directed_link_count", &Topology::directed_link_count)
        .def_property_readonly("links_per_chip_max", &Topology::links_per_chip_max)
        .def("diameter", &Topology::diameter, unlocked)
        .def("bisection_links", &Topology::bisection_links, unlocked)
        .def("bisection_bytes_per_s", &Topology::bisection_bytes_per_s, unlocked)
        .def(
            "distances",
            [](const Topology& topology, std::int64_t source) {
                topology.require_chip("source", source);
                const auto hops = topology.distances(static_cast<std::int32_t>(source));
                return to_numpy(std::vector<std::int64_t>(hops.begin(), hops.end()));
            },
            py::arg("source"))
        .def("links", &link_columns,
             "Columns by directed link: the chip it leaves, the chip it enters, its slot and its hop.");
}

} // namespace

void bind_net_topology(py::module_& net_room) {
    // The exception type lives in Python (lpusim.errors), beside the others.
    // NOLINTNEXTLINE(performance-unnecessary-value-param): the signature is pybind11's
    py::register_exception_translator([](std::exception_ptr pending) {
        try {
            if (pending)
                std::rethrow_exception(pending);
        } catch (const net::DisconnectedError& error) {
            const py::object type = py::module_::import("lpusim.errors").attr("DisconnectedError");
            PyErr_SetString(type.ptr(), error.what());
        }
    });
    bind_spec<LinkSpec>(net_room, "LinkSpec", net::link_spec_fields(), "What all links have in common.");
    bind_spec<net::LpxWiring>(net_room, "LpxWiring", net::lpx_wiring_fields(), "How an LPX system is wired.");
    net_room.def("link_from_ps", &net::link_from_ps, py::arg("vector_bytes"), py::arg("vector_ps"),
                 py::arg("hop_ps"), py::arg("clock_hz"));
    bind_topology(net_room);
}

} // namespace lpusim::bind
