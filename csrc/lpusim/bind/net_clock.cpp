#include <pybind11/stl.h>
#include <string>
#include <tuple>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/drift_run.h"

namespace lpusim::bind {
namespace {

using net::ClockSpec;
using net::Topology;

[[nodiscard]] std::tuple<std::int64_t, std::int64_t, std::int64_t> parts_of(const net::Margin& margin) {
    return {margin.jitter_cycles, margin.alignment_cycles, margin.drift_cycles};
}

void bind_margins(py::module_& room) {
    room.def("deskew_cycles", &net::deskew_cycles, py::arg("hac"), py::arg("epoch_cycles"));
    room.def("runtime_deskew_cycles", &net::runtime_deskew_cycles, py::arg("wait_cycles"), py::arg("sac"),
             py::arg("hac"), py::arg("epoch_cycles"));
    room.def(
        "largest_margin",
        [](const ClockSpec& clock, const Topology& topology, std::int64_t root) {
            return parts_of(net::largest_margin(clock, topology, net::grow_sync_tree(topology, root)));
        },
        py::arg("clock"), py::arg("topology"), py::arg("root"), "Jitter, alignment and drift, in cycles.");
    room.def(
        "link_margins",
        [](const ClockSpec& clock, const Topology& topology, std::int64_t root) {
            const net::SyncTree tree = net::grow_sync_tree(topology, root);
            std::vector<std::int64_t> cycles;
            for (const net::Bundle& bundle : topology.bundles()) {
                const net::Margin margin = net::link_margin(clock, tree, bundle.from, bundle.to);
                cycles.insert(cycles.end(), static_cast<std::size_t>(bundle.width), margin.cycles());
            }
            return to_numpy(std::move(cycles));
        },
        py::arg("clock"), py::arg("topology"), py::arg("root"), "By directed link, in cycles.");
    room.def(
        "resync_cycles",
        [](const ClockSpec& clock, const Topology& topology, std::int64_t root) {
            return net::resync_cycles(clock, net::grow_sync_tree(topology, root));
        },
        py::arg("clock"), py::arg("topology"), py::arg("root"));
    room.def(
        "start_cycles",
        [](const ClockSpec& clock, const Topology& topology, std::int64_t root) {
            return net::start_cycles(clock, net::grow_sync_tree(topology, root));
        },
        py::arg("clock"), py::arg("topology"), py::arg("root"));
}

void bind_drift_run(py::module_& room) {
    using net::DriftRun;
    using net::MissedVector;
    py::class_<MissedVector>(room, "MissedVector", "A vector that came too late, or too early to be held.")
        .def_readonly("interval", &MissedVector::interval)
        .def_readonly("iteration", &MissedVector::iteration)
        .def_readonly("cycle", &MissedVector::cycle)
        .def_readonly("link", &MissedVector::link)
        .def_readonly("transfer", &MissedVector::transfer)
        .def_readonly("hop", &MissedVector::hop)
        .def_readonly("vector", &MissedVector::vector)
        .def_readonly("late_nanocycles", &MissedVector::late_nanocycles);
    py::class_<DriftRun>(room, "DriftRun", "A timetable run over and over on clocks that drift.")
        .def_readonly("interval_count", &DriftRun::interval_count)
        .def_readonly("iterations_per_interval", &DriftRun::iterations_per_interval)
        .def_readonly("vector_count", &DriftRun::vector_count)
        .def_readonly("resync_cycles", &DriftRun::resync_cycles)
        .def_readonly("skew_nanocycles_max", &DriftRun::skew_nanocycles_max)
        .def_readonly("spare_nanocycles_min", &DriftRun::spare_nanocycles_min)
        .def_readonly("wait_nanocycles_max", &DriftRun::wait_nanocycles_max)
        .def_readonly("exchange_count", &DriftRun::exchange_count)
        .def_readonly("exchange_mean_cycles", &DriftRun::exchange_mean_cycles)
        .def_readonly("exchange_sigma_cycles", &DriftRun::exchange_sigma_cycles)
        .def_readonly("exchange_min_cycles", &DriftRun::exchange_min_cycles)
        .def_readonly("exchange_max_cycles", &DriftRun::exchange_max_cycles)
        .def_readonly("first_missed", &DriftRun::first_missed);
    room.def(
        "run_drift",
        [](const Topology& topology, const net::Timetable& timetable, const ClockSpec& clock,
           std::int64_t margin_cycles, std::int64_t interval_count, std::uint64_t seed, std::int64_t root,
           std::vector<std::int64_t> drift_ppb) {
            return net::run_drift(topology, timetable, clock,
                                  {margin_cycles, interval_count, seed, root, std::move(drift_ppb)});
        },
        py::arg("topology"), py::arg("timetable"), py::arg("clock"), py::arg("margin_cycles"),
        py::arg("interval_count"), py::arg("seed"), py::arg("root"), py::arg("drift_ppb"),
        py::call_guard<py::gil_scoped_release>());
    room.def("missed_text", &net::missed_text, py::arg("topology"), py::arg("timetable"), py::arg("clock"),
             py::arg("missed"), "The missed vector as one sentence.");
}

} // namespace

void bind_net_clock(py::module_& room) {
    py::class_<ClockSpec> clock(room, "ClockSpec", "What clocks and links may do.");
    clock.def(py::init<>());
    bind_fields<ClockSpec>(clock, net::clock_spec_fields());
    bind_margins(room);
    bind_drift_run(room);
}

} // namespace lpusim::bind
