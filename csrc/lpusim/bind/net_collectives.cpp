#include <pybind11/stl.h>
#include <string>
#include <tuple>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/collective.h"

namespace lpusim::bind {
namespace {

using Chips = std::vector<std::int32_t>;

} // namespace

void bind_net_collectives(py::module_& room) {
    using net::Topology;
    py::class_<net::ReduceCost> reduce_cost(room, "ReduceCost", "What adding costs a chip.");
    reduce_cost.def(py::init<>());
    bind_fields<net::ReduceCost>(reduce_cost, net::reduce_cost_fields());
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

} // namespace lpusim::bind
