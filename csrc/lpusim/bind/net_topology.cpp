#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <pybind11/stl.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/bisection.h"
#include "lpusim/net/faults.h"
#include "lpusim/net/measures.h"
#include "lpusim/net/rotation.h"
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

Columns cable_columns(const Topology& topology) {
    std::array<std::vector<std::int64_t>, kCableColumns.size()> columns;
    for (const Cable& cable : topology.cables()) {
        const LinkTiming forward = cable.forward.value_or(LinkTiming{0, 0});
        const LinkTiming backward = cable.backward.value_or(LinkTiming{0, 0});
        const std::array<std::int64_t, kCableColumns.size()> row{cable.a,
                                                                 cable.b,
                                                                 cable.links,
                                                                 forward.vector_cycles,
                                                                 forward.hop_cycles,
                                                                 backward.vector_cycles,
                                                                 backward.hop_cycles};
        for (std::size_t i = 0; i < row.size(); ++i)
            columns[i].push_back(row[i]);
    }
    Columns table;
    for (std::size_t i = 0; i < columns.size(); ++i)
        table[py::str(std::string(kCableColumns[i]))] = to_numpy(std::move(columns[i]));
    return table;
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

py::array_t<std::int64_t> chip_column(std::span<const std::int32_t> chips) {
    return to_numpy(std::vector<std::int64_t>(chips.begin(), chips.end()));
}

/// A timing as Python hands it over: vector_cycles and hop_cycles, 0 where the common one holds.
using OwnTiming = std::pair<std::int64_t, std::int64_t>;

net::CableTimings cable_timings(const LinkSpec& link, OwnTiming between_nodes, OwnTiming between_racks) {
    return {.between_nodes = own_timing(link, between_nodes.first, between_nodes.second),
            .between_racks = own_timing(link, between_racks.first, between_racks.second)};
}

void bind_makers(py::class_<Topology, std::shared_ptr<Topology>>& cls) {
    cls.def(py::init([](std::string name, std::int64_t chip_count,
                        const std::map<std::string, Column<std::int64_t>>& cables, const LinkSpec& link,
                        std::int32_t chips_per_node, std::vector<std::int32_t> axes,
                        std::vector<std::int32_t> down_chips, std::vector<std::int32_t> relay_chips,
                        std::vector<std::int32_t> physical_chips) {
                return Topology(std::move(name), chip_count, to_cables(cables, link), link,
                                {.chips_per_node = chips_per_node,
                                 .axes = std::move(axes),
                                 .down_chips = std::move(down_chips),
                                 .relay_chips = std::move(relay_chips),
                                 .physical_chips = std::move(physical_chips)});
            }),
            py::arg("name"), py::arg("chip_count"), py::arg("cables"), py::arg("link"), py::kw_only(),
            py::arg("chips_per_node"), py::arg("axes"), py::arg("down_chips"), py::arg("relay_chips"),
            py::arg("physical_chips"))
        .def_static("make", &net::make_topology, py::arg("kind"), py::arg("chip_count"), py::arg("link"))
        .def_static("full_mesh", &net::make_full_mesh, py::arg("chip_count"), py::arg("links"),
                    py::arg("link"))
        .def_static("switched", &net::make_switch, py::arg("chip_count"), py::arg("links"), py::arg("link"))
        .def_static("fat_tree", &net::make_fat_tree, py::arg("ports"), py::arg("levels"), py::arg("link"))
        .def_static(
            "grid",
            [](const std::vector<std::int64_t>& sizes, bool wraps, std::int64_t links, const LinkSpec& link) {
                return net::make_grid(sizes, wraps, links, link);
            },
            py::arg("sizes"), py::arg("wraps"), py::arg("links"), py::arg("link"))
        .def_static(
            "quadfour",
            [](std::int64_t chip_count, const LinkSpec& link, OwnTiming between_nodes) {
                return net::make_quadfour(chip_count, link, cable_timings(link, between_nodes, {}));
            },
            py::arg("chip_count"), py::arg("link"), py::arg("between_nodes"))
        .def_static(
            "dragonfly",
            [](std::int64_t chip_count, const LinkSpec& link, OwnTiming between_nodes,
               OwnTiming between_racks) {
                return net::make_dragonfly(chip_count, link,
                                           cable_timings(link, between_nodes, between_racks));
            },
            py::arg("chip_count"), py::arg("link"), py::arg("between_nodes"), py::arg("between_racks"))
        .def_static(
            "lpx",
            [](std::int64_t chip_count, const LinkSpec& link, const net::LpxWiring& wiring,
               OwnTiming between_nodes, OwnTiming between_racks) {
                return net::make_lpx(chip_count, link, wiring,
                                     cable_timings(link, between_nodes, between_racks));
            },
            py::arg("chip_count"), py::arg("link"), py::arg("wiring"), py::arg("between_nodes"),
            py::arg("between_racks"));
}

void bind_faults(py::class_<Topology, std::shared_ptr<Topology>>& cls) {
    cls.def(
           "without",
           [](const Topology& topology, std::vector<std::int32_t> chips, std::vector<std::int32_t> nodes,
              const std::vector<std::array<std::int32_t, 3>>& links) {
               net::Faults faults{.chips = std::move(chips), .nodes = std::move(nodes), .links = {}};
               for (const auto& [a, b, count] : links)
                   faults.links.push_back({a, b, count});
               return net::without(topology, faults);
           },
           py::arg("chips"), py::arg("nodes"), py::arg("links"))
        .def(
            "with_spares",
            [](const Topology& topology, const std::vector<std::int32_t>& nodes) {
                return net::with_spares(topology, nodes);
            },
            py::arg("nodes"))
        .def("nearest_spare", &net::nearest_spare, py::arg("node"))
        .def("substitute", &net::substitute, py::arg("node"), py::arg("spare"));
}

void bind_topology(py::module_& room) {
    const py::call_guard<py::gil_scoped_release> unlocked;
    py::class_<net::Bisection>(room, "Bisection", "A cut into halves and what crosses it.")
        .def_readonly("links", &net::Bisection::links)
        .def_readonly("bytes_per_s", &net::Bisection::bytes_per_s)
        .def_readonly("is_exact", &net::Bisection::is_exact)
        .def_property_readonly("chips", [](const net::Bisection& cut) { return chip_column(cut.chips); });
    py::class_<Topology, std::shared_ptr<Topology>> cls(room, "Topology",
                                                        "Chips and the links between them.");
    bind_makers(cls);
    bind_faults(cls);
    cls.def_property_readonly("name", &Topology::name)
        .def_property_readonly("link", &Topology::link)
        .def_property_readonly("chip_count", &Topology::chip_count)
        .def_property_readonly("chips_per_node", &Topology::chips_per_node)
        .def_property_readonly("symmetry_chips", &Topology::symmetry_chips)
        .def_property_readonly("axes", [](const Topology& topology) { return topology.arrangement().axes; })
        .def_property_readonly("link_count", &Topology::link_count)
        .def_property_readonly("directed_link_count", &Topology::directed_link_count)
        .def_property_readonly("links_per_chip_max", &Topology::links_per_chip_max)
        .def("up_chips", [](const Topology& topology) { return chip_column(topology.up_chips()); })
        .def("endpoints", [](const Topology& topology) { return chip_column(topology.endpoints()); })
        .def("down_chips",
             [](const Topology& topology) { return chip_column(topology.arrangement().down_chips); })
        .def("relay_chips",
             [](const Topology& topology) { return chip_column(topology.arrangement().relay_chips); })
        .def("physical_chips",
             [](const Topology& topology) { return chip_column(topology.arrangement().physical_chips); })
        .def(
            "rotation_chips",
            [](const Topology& topology) { return net::Rotation::finest(topology).step_chips(); }, unlocked)
        .def("diameter", &Topology::diameter, unlocked)
        .def("router_diameter", &net::router_diameter, unlocked)
        .def("bisection", &net::bisect, unlocked)
        .def("global_bytes_per_s", &net::global_bytes_per_s, unlocked)
        .def(
            "distances",
            [](const Topology& topology, std::int64_t source) {
                topology.require_chip("source", source);
                return chip_column(topology.distances(static_cast<std::int32_t>(source)));
            },
            py::arg("source"))
        .def("links", &link_columns,
             "Columns by directed link: the chip it leaves, the chip it enters, its slot and its hop.")
        .def("cables", &cable_columns, "Columns by cable, as the constructor takes them.");
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
