#include <array>
#include <pybind11/stl.h>
#include <string>
#include <tuple>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/all_to_all.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/traffic.h"

namespace lpusim::bind {
namespace {

using net::Collective;
using net::Production;
using net::ReduceCost;
using net::Topology;
using Chips = std::vector<std::int32_t>;
using Matrix = py::array_t<std::int64_t, py::array::c_style>;

template <class Spec>
void bind_spec(py::module_& room, const char* name, std::span<const Field<Spec>> fields, const char* doc) {
    py::class_<Spec> cls(room, name, doc);
    cls.def(py::init<>());
    bind_fields<Spec>(cls, fields);
}

/// What the Python layer hands over with every call, as one tuple: how, when it is made, symmetry, record.
using How = std::tuple<std::string, Production, std::string, bool>;

[[nodiscard]] net::Options options_of(const How& how) {
    const auto& [algorithm, made, symmetry, record] = how;
    return {net::algorithm_named(algorithm), record, made, net::symmetry_named(symmetry)};
}

[[nodiscard]] net::MessageOptions message_options_of(const How& how) {
    const auto& [routing, made, symmetry, record] = how;
    return {net::routing_named(routing), record, made, net::symmetry_named(symmetry)};
}

void bind_results(py::module_& room) {
    py::class_<Collective>(room, "Collective", "The cycles of an operation and its timetable.")
        .def_readonly("cycles", &Collective::cycles)
        .def_readonly("vector_count", &Collective::vector_count)
        .def_readonly("timetable", &Collective::timetable, "Of one turn, where the symmetry was used.")
        .def_property_readonly("turn_count",
                               [](const Collective& collective) { return collective.turning.turn_count; })
        .def_property_readonly("step_chips",
                               [](const Collective& collective) { return collective.turning.step_chips; })
        .def_property_readonly("algorithm",
                               [](const Collective& collective) {
                                   return std::string(net::algorithm_name(collective.algorithm));
                               })
        .def(
            "expand",
            [](const Collective& collective, const Topology& topology) {
                return net::expand(topology, collective.timetable, collective.turning);
            },
            py::arg("topology"), py::call_guard<py::gil_scoped_release>(), "The timetable of all turns.")
        .def(
            "verify",
            [](const Collective& collective, const Topology& topology) {
                return net::verify(topology, collective.timetable, collective.turning);
            },
            py::arg("topology"), py::call_guard<py::gil_scoped_release>(),
            "Proves all turns legal without expanding them.");
    py::class_<net::Traffic>(room, "Traffic", "Messages, when each is there, and their timetable.")
        .def_readonly("cycles", &net::Traffic::cycles)
        .def_readonly("vector_count", &net::Traffic::vector_count)
        .def_readonly("timetable", &net::Traffic::timetable)
        .def_property_readonly(
            "routing",
            [](const net::Traffic& traffic) { return std::string(net::routing_name(traffic.routing)); })
        .def("arrival_cycle", [](const net::Traffic& traffic) { return to_numpy(traffic.arrival_cycle); })
        .def("request_of", [](const net::Traffic& traffic) { return to_numpy(traffic.request_of); });
}

void bind_group_operations(py::module_& room) {
    const py::call_guard<py::gil_scoped_release> unlocked;
    room.def(
        "all_reduce",
        [](const Topology& topology, const Chips& chips, std::int64_t size_bytes, const ReduceCost& reduce,
           const How& how) { return net::all_reduce(topology, chips, size_bytes, reduce, options_of(how)); },
        py::arg("topology"), py::arg("chips"), py::arg("size_bytes"), py::arg("reduce"), py::arg("how"),
        unlocked);
    room.def(
        "reduce_scatter",
        [](const Topology& topology, const Chips& chips, std::int64_t size_bytes, const ReduceCost& reduce,
           const How& how) {
            return net::reduce_scatter(topology, chips, size_bytes, reduce, options_of(how));
        },
        py::arg("topology"), py::arg("chips"), py::arg("size_bytes"), py::arg("reduce"), py::arg("how"),
        unlocked);
    room.def(
        "all_gather",
        [](const Topology& topology, const Chips& chips, std::int64_t size_bytes, const How& how) {
            return net::all_gather(topology, chips, size_bytes, options_of(how));
        },
        py::arg("topology"), py::arg("chips"), py::arg("size_bytes"), py::arg("how"), unlocked);
    room.def(
        "broadcast",
        [](const Topology& topology, std::int32_t source, const Chips& chips, std::int64_t size_bytes,
           const How& how) { return net::broadcast(topology, source, chips, size_bytes, options_of(how)); },
        py::arg("topology"), py::arg("source"), py::arg("chips"), py::arg("size_bytes"), py::arg("how"),
        unlocked);
}

/// Entry (i, j) of a square matrix is what chips[i] sends chips[j]; the diagonal stays where it is.
[[nodiscard]] std::vector<net::PairVectors> pairs_of(const Chips& chips, const Matrix& vectors) {
    if (vectors.ndim() != 2 || vectors.shape(0) != std::ssize(chips) ||
        vectors.shape(1) != std::ssize(chips)) {
        throw ValueError("the matrix must have a row and a column for each of the " +
                         std::to_string(chips.size()) + " chips");
    }
    const auto entry = vectors.unchecked<2>();
    std::vector<net::PairVectors> pairs;
    for (std::size_t i = 0; i < chips.size(); ++i) {
        for (std::size_t j = 0; j < chips.size(); ++j) {
            const std::int64_t count = entry(static_cast<py::ssize_t>(i), static_cast<py::ssize_t>(j));
            if (i != j && count != 0)
                pairs.push_back({chips[i], chips[j], count});
        }
    }
    return pairs;
}

void bind_messages(py::module_& room) {
    const py::call_guard<py::gil_scoped_release> unlocked;
    room.def(
        "all_to_all",
        [](const Topology& topology, const Chips& chips, std::int64_t size_bytes, const How& how) {
            return net::all_to_all(topology, chips, size_bytes, message_options_of(how));
        },
        py::arg("topology"), py::arg("chips"), py::arg("size_bytes"), py::arg("how"), unlocked);
    room.def(
        "all_to_all_v",
        [](const Topology& topology, const Chips& chips, const Matrix& vectors, const How& how) {
            const auto pairs = pairs_of(chips, vectors);
            const py::gil_scoped_release released;
            return net::all_to_all_v(topology, pairs, message_options_of(how));
        },
        py::arg("topology"), py::arg("chips"), py::arg("vectors").noconvert(), py::arg("how"));
    room.def(
        "combine",
        [](const Topology& topology, const Chips& chips, const Matrix& vectors, const ReduceCost& reduce,
           const How& how) {
            const auto pairs = pairs_of(chips, vectors);
            const py::gil_scoped_release released;
            return net::combine(topology, pairs, reduce, message_options_of(how));
        },
        py::arg("topology"), py::arg("chips"), py::arg("vectors").noconvert(), py::arg("reduce"),
        py::arg("how"));
    room.def(
        "scatter",
        [](const Topology& topology, std::int32_t source, const Chips& chips, std::int64_t size_bytes,
           const How& how) {
            return net::scatter(topology, source, chips, size_bytes, message_options_of(how));
        },
        py::arg("topology"), py::arg("source"), py::arg("chips"), py::arg("size_bytes"), py::arg("how"),
        unlocked);
    room.def(
        "gather",
        [](const Topology& topology, std::int32_t target, const Chips& chips, std::int64_t size_bytes,
           const How& how) {
            return net::gather(topology, target, chips, size_bytes, message_options_of(how));
        },
        py::arg("topology"), py::arg("target"), py::arg("chips"), py::arg("size_bytes"), py::arg("how"),
        unlocked);
    room.def(
        "pipeline",
        [](const Topology& topology, const std::vector<Chips>& stages, std::int64_t size_bytes,
           const How& how) { return net::pipeline(topology, stages, size_bytes, message_options_of(how)); },
        py::arg("topology"), py::arg("stages"), py::arg("size_bytes"), py::arg("how"), unlocked);
}

void bind_traffic(py::module_& room) {
    const py::call_guard<py::gil_scoped_release> unlocked;
    py::class_<net::Request>(room, "Request", "One message of a traffic pattern.")
        .def(py::init([](std::int32_t source, std::int32_t target, std::int64_t size_bytes,
                         std::int64_t release_cycle, std::int64_t release_period_cycles,
                         std::vector<std::int64_t> after) {
                 return net::Request{
                     source, target, size_bytes, release_cycle, release_period_cycles, std::move(after)};
             }),
             py::arg("source"), py::arg("target"), py::arg("size_bytes"), py::arg("release_cycle"),
             py::arg("release_period_cycles"), py::arg("after"));
    room.def(
        "schedule",
        [](const Topology& topology, const std::vector<net::Request>& requests, const std::string& routing,
           bool record) { return net::schedule(topology, requests, {net::routing_named(routing), record}); },
        py::arg("topology"), py::arg("requests"), py::arg("routing"), py::arg("record"), unlocked);
    room.def(
        "send",
        [](const Topology& topology, std::int32_t source, std::int32_t target, std::int64_t size_bytes,
           const std::string& routing, bool record) {
            return net::send(topology, source, target, size_bytes, {net::routing_named(routing), record});
        },
        py::arg("topology"), py::arg("source"), py::arg("target"), py::arg("size_bytes"), py::arg("routing"),
        py::arg("record"), unlocked);
}

} // namespace

void bind_net_collectives(py::module_& room) {
    bind_spec<ReduceCost>(room, "ReduceCost", net::reduce_cost_fields(), "What adding costs a chip.");
    bind_spec<Production>(room, "Production", net::production_fields(), "How a chip makes what it sends.");
    bind_results(room);
    bind_group_operations(room);
    bind_messages(room);
    bind_traffic(room);
}

} // namespace lpusim::bind
