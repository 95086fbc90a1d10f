#include <map>
#include <pybind11/stl.h>
#include <string>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

namespace lpusim::bind {
namespace {

using IntColumn = py::array_t<std::int64_t, py::array::c_style>;
using Chips = std::vector<std::int32_t>;

template <class Row, std::size_t Count>
Columns to_columns(const std::vector<Row>& rows, const std::array<net::Column<Row>, Count>& columns) {
    Columns table;
    for (const auto& column : columns) {
        std::vector<std::int64_t> values(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i)
            values[i] = rows[i].*(column.member);
        table[py::str(std::string(column.name))] = to_numpy(std::move(values));
    }
    return table;
}

template <class Row, std::size_t Count>
std::vector<Row> to_rows(std::string_view table_name, const std::map<std::string, IntColumn>& table,
                         const std::array<net::Column<Row>, Count>& columns) {
    std::vector<Row> rows;
    for (std::size_t c = 0; c < Count; ++c) {
        const auto found = table.find(std::string(columns[c].name));
        if (found == table.end()) {
            throw ValueError(std::string(table_name) + " has no column '" + std::string(columns[c].name) +
                             "'");
        }
        if (found->second.ndim() != 1) {
            throw ValueError(std::string(table_name) + "." + found->first + " must have one dimension, got " +
                             std::to_string(found->second.ndim()));
        }
        const auto values = found->second.unchecked<1>();
        if (c == 0)
            rows.resize(static_cast<std::size_t>(values.shape(0)));
        if (static_cast<std::size_t>(values.shape(0)) != rows.size()) {
            throw ValueError(std::string(table_name) + "." + found->first + " has " +
                             std::to_string(values.shape(0)) + " rows, but " + std::string(columns[0].name) +
                             " has " + std::to_string(rows.size()));
        }
        for (std::size_t i = 0; i < rows.size(); ++i)
            rows[i].*(columns[c].member) = values(static_cast<py::ssize_t>(i));
    }
    return rows;
}

template <class Spec>
void bind_spec(py::module_& room, const char* name, std::span<const Field<Spec>> fields, const char* doc) {
    py::class_<Spec> cls(room, name, doc);
    cls.def(py::init<>());
    bind_fields<Spec>(cls, fields);
}

void bind_topology(py::module_& room) {
    using net::Topology;
    py::class_<Topology, std::shared_ptr<Topology>>(room, "Topology", "Chips and the links between them.")
        .def(py::init([](std::string name, std::int64_t chip_count,
                         const std::vector<std::array<std::int32_t, 3>>& edges, const net::LinkSpec& link) {
                 std::vector<net::Cable> cables;
                 cables.reserve(edges.size());
                 for (const auto& [a, b, links] : edges)
                     cables.push_back({a, b, links});
                 return Topology(std::move(name), chip_count, cables, link);
             }),
             py::arg("name"), py::arg("chip_count"), py::arg("edges"), py::arg("link"))
        .def_static("make", &net::make_topology, py::arg("kind"), py::arg("chip_count"), py::arg("link"))
        .def_static("lpx", &net::make_lpx, py::arg("chip_count"), py::arg("link"), py::arg("wiring"))
        .def_property_readonly("name", &Topology::name)
        .def_property_readonly("link", &Topology::link)
        .def_property_readonly("chip_count", &Topology::chip_count)
        .def_property_readonly("link_count", &Topology::link_count)
        .def_property_readonly("directed_link_count", &Topology::directed_link_count)
        .def_property_readonly("links_per_chip_max", &Topology::links_per_chip_max)
        .def("diameter", &Topology::diameter, py::call_guard<py::gil_scoped_release>())
        .def("bisection_links", &Topology::bisection_links, py::call_guard<py::gil_scoped_release>())
        .def("bisection_bytes_per_s", &Topology::bisection_bytes_per_s,
             py::call_guard<py::gil_scoped_release>())
        .def(
            "distances",
            [](const Topology& topology, std::int64_t source) {
                topology.require_chip("source", source);
                const auto hops = topology.distances(static_cast<std::int32_t>(source));
                return to_numpy(std::vector<std::int64_t>(hops.begin(), hops.end()));
            },
            py::arg("source"))
        .def(
            "link_ends",
            [](const Topology& topology) {
                std::vector<std::int64_t> from, to;
                for (const net::Bundle& bundle : topology.bundles()) {
                    from.insert(from.end(), static_cast<std::size_t>(bundle.width), bundle.from);
                    to.insert(to.end(), static_cast<std::size_t>(bundle.width), bundle.to);
                }
                return py::make_tuple(to_numpy(std::move(from)), to_numpy(std::move(to)));
            },
            "Two columns by directed link: the chip it leaves, the chip it enters.");
}

void bind_timetable(py::module_& room) {
    using net::Timetable;
    py::class_<Timetable>(room, "Timetable", "Transfers, the slots they hold and what they wait for.")
        .def(py::init([](const std::map<std::string, IntColumn>& transfers,
                         const std::map<std::string, IntColumn>& runs,
                         const std::map<std::string, IntColumn>& dependencies) {
                 return Timetable{to_rows("transfers", transfers, net::kTransferColumns),
                                  to_rows("runs", runs, net::kRunColumns),
                                  to_rows("dependencies", dependencies, net::kDependencyColumns)};
             }),
             py::arg("transfers"), py::arg("runs"), py::arg("dependencies"))
        .def("transfers",
             [](const Timetable& table) { return to_columns(table.transfers, net::kTransferColumns); })
        .def("runs", [](const Timetable& table) { return to_columns(table.runs, net::kRunColumns); })
        .def("dependencies",
             [](const Timetable& table) { return to_columns(table.dependencies, net::kDependencyColumns); });

    py::class_<net::Verification>(room, "Verification", "What a legal timetable amounts to.")
        .def_readonly("cycles", &net::Verification::cycles)
        .def_readonly("slot_count", &net::Verification::slot_count)
        .def_readonly("bytes_sent", &net::Verification::bytes_sent)
        .def_readonly("bytes_received", &net::Verification::bytes_received);
    room.def("verify", &net::verify, py::arg("topology"), py::arg("timetable"),
             py::call_guard<py::gil_scoped_release>());
}

void bind_collectives(py::module_& room) {
    using net::Topology;
    const auto options = [](const std::string& algorithm, bool record) {
        return net::Options{net::algorithm_named(algorithm), record};
    };
    const py::call_guard<py::gil_scoped_release> unlocked;
    py::class_<net::Collective>(room, "Collective", "The cycles of an operation and its timetable.")
        .def_readonly("cycles", &net::Collective::cycles)
        .def_readonly("vector_count", &net::Collective::vector_count)
        .def_readonly("timetable", &net::Collective::timetable)
        .def_property_readonly("algorithm", [](const net::Collective& collective) {
            return std::string(net::algorithm_name(collective.algorithm));
        });
    room.def(
        "all_reduce",
        [options](const Topology& topology, const Chips& chips, std::int64_t size_bytes,
                  const net::ReduceCost& reduce, const std::string& algorithm, bool record) {
            return net::all_reduce(topology, chips, size_bytes, reduce, options(algorithm, record));
        },
        py::arg("topology"), py::arg("chips"), py::arg("size_bytes"), py::arg("reduce"), py::arg("algorithm"),
        py::arg("record"), unlocked);
    room.def(
        "reduce_scatter",
        [](const Topology& topology, const Chips& chips, std::int64_t size_bytes,
           const net::ReduceCost& reduce, bool record) {
            return net::reduce_scatter(topology, chips, size_bytes, reduce, {.record = record});
        },
        py::arg("topology"), py::arg("chips"), py::arg("size_bytes"), py::arg("reduce"), py::arg("record"),
        unlocked);
    room.def(
        "all_gather",
        [](const Topology& topology, const Chips& chips, std::int64_t size_bytes, bool record) {
            return net::all_gather(topology, chips, size_bytes, {.record = record});
        },
        py::arg("topology"), py::arg("chips"), py::arg("size_bytes"), py::arg("record"), unlocked);
    room.def(
        "broadcast",
        [](const Topology& topology, std::int32_t source, const Chips& chips, std::int64_t size_bytes,
           bool record) { return net::broadcast(topology, source, chips, size_bytes, {.record = record}); },
        py::arg("topology"), py::arg("source"), py::arg("chips"), py::arg("size_bytes"), py::arg("record"),
        unlocked);
    room.def(
        "send",
        [](const Topology& topology, std::int32_t source, std::int32_t target, std::int64_t size_bytes,
           bool record) { return net::send(topology, source, target, size_bytes, {.record = record}); },
        py::arg("topology"), py::arg("source"), py::arg("target"), py::arg("size_bytes"), py::arg("record"),
        unlocked);
    room.def(
        "schedule",
        [](const Topology& topology,
           const std::vector<std::tuple<std::int32_t, std::int32_t, std::int64_t, std::int64_t>>& rows,
           bool record) {
            std::vector<net::Request> requests;
            requests.reserve(rows.size());
            for (const auto& [source, target, size_bytes, release_cycle] : rows)
                requests.push_back({source, target, size_bytes, release_cycle});
            return net::schedule(topology, requests, {.record = record});
        },
        py::arg("topology"), py::arg("requests"), py::arg("record"), unlocked);
}

} // namespace

void bind_net(py::module_& core) {
    auto room = core.def_submodule("net", "The fabric: topologies, timetables, collectives.");
    bind_spec<net::LinkSpec>(room, "LinkSpec", net::link_spec_fields(), "One link in one direction.");
    bind_spec<net::ReduceCost>(room, "ReduceCost", net::reduce_cost_fields(), "What adding costs a chip.");
    bind_spec<net::LpxWiring>(room, "LpxWiring", net::lpx_wiring_fields(), "How an LPX system is wired.");
    room.def("link_from_ps", &net::link_from_ps, py::arg("vector_bytes"), py::arg("vector_ps"),
             py::arg("hop_ps"), py::arg("clock_hz"));
    bind_topology(room);
    bind_timetable(room);
    bind_collectives(room);
}

} // namespace lpusim::bind
