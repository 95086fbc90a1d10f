#include <pybind11/stl.h>
#include <string>
#include <tuple>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/timeline/chakra.h"
#include "lpusim/timeline/perfetto.h"

namespace lpusim::bind {
namespace {

py::bytes perfetto(const std::vector<std::tuple<std::string, std::int64_t, std::string>>& tracks,
                   const std::vector<std::string>& names, const Column<std::int64_t>& track,
                   const Column<std::int64_t>& start_ps, const Column<std::int64_t>& duration_ps,
                   const Column<std::int64_t>& name, const Column<std::int64_t>& source_slice,
                   const Column<std::int64_t>& target_slice, const Column<std::int64_t>& counter_track,
                   const Column<std::int64_t>& counter_time_ps, const Column<double>& counter_value) {
    std::vector<timeline::Track> track_list;
    track_list.reserve(tracks.size());
    for (const auto& [track_name, parent, unit] : tracks) {
        track_list.push_back({track_name, parent, unit});
    }
    const timeline::Timeline rows{
        .tracks = track_list,
        .names = names,
        .slices = {column_view("track", track), column_view("start_ps", start_ps),
                   column_view("duration_ps", duration_ps), column_view("name", name)},
        .flows = {column_view("source_slice", source_slice), column_view("target_slice", target_slice)},
        .counters = {column_view("counter_track", counter_track),
                     column_view("counter_time_ps", counter_time_ps),
                     column_view("counter_value", counter_value)},
    };
    std::string trace;
    {
        // Safe: the spans point into arrays the caller's frame owns; no Python object is touched below.
        const py::gil_scoped_release unlocked;
        trace = timeline::to_perfetto(rows);
    }
    return py::bytes(trace);
}

py::bytes chakra(const std::vector<std::string>& names, const Column<std::int64_t>& kind,
                 const Column<std::int64_t>& name, const Column<std::int64_t>& start_ps,
                 const Column<std::int64_t>& duration_ps, const Column<std::int64_t>& size_bytes,
                 const Column<std::int64_t>& source, const Column<std::int64_t>& target,
                 const Column<std::int64_t>& tag, const Column<std::int64_t>& operation_count,
                 const Column<std::int64_t>& node, const Column<std::int64_t>& on) {
    const timeline::ExecutionTrace rows{
        .names = names,
        .nodes = {column_view("kind", kind), column_view("name", name), column_view("start_ps", start_ps),
                  column_view("duration_ps", duration_ps), column_view("size_bytes", size_bytes),
                  column_view("source", source), column_view("target", target), column_view("tag", tag),
                  column_view("operation_count", operation_count)},
        .waits = {column_view("node", node), column_view("on", on)},
    };
    std::string trace;
    {
        // Safe: as above.
        const py::gil_scoped_release unlocked;
        trace = timeline::to_chakra(rows);
    }
    return py::bytes(trace);
}

} // namespace

void bind_timeline(py::module_& core) {
    auto module = core.def_submodule("timeline", "What happened when, as files that other tools open.");
    const Column<std::int64_t> no_integers(0);
    const Column<double> no_reals(0);
    module.def(
        "perfetto", &perfetto, py::kw_only(), py::arg("tracks"), py::arg("names"),
        py::arg("track").noconvert(), py::arg("start_ps").noconvert(), py::arg("duration_ps").noconvert(),
        py::arg("name").noconvert(), py::arg("source_slice").noconvert() = no_integers,
        py::arg("target_slice").noconvert() = no_integers, py::arg("counter_track").noconvert() = no_integers,
        py::arg("counter_time_ps").noconvert() = no_integers, py::arg("counter_value").noconvert() = no_reals,
        R"(The bytes of a Perfetto protobuf trace.

Args:
    tracks: One (name, parent, unit) per track; parent is the index of an earlier track or -1; a track with
        a unit holds a counter, any other holds slices.
    names: What slices are called; the `name` column indexes it.
    track, start_ps, duration_ps, name: Columns of slices, int64, one length. Slices of a track must nest.
    source_slice, target_slice: Columns of flows: arrows from one slice's start to a later one's.
    counter_track, counter_time_ps, counter_value: Columns of counter samples.

Perfetto counts whole nanoseconds: times are floored, and the exact picoseconds stand beside each slice as the
annotations `start_ps` and `duration_ps`.

Raises:
    ValueError: An index points at nothing, a time is negative, or slices of one track overlap in part.)");
    module.def("chakra", &chakra, py::kw_only(), py::arg("names"), py::arg("kind").noconvert(),
               py::arg("name").noconvert(), py::arg("start_ps").noconvert(),
               py::arg("duration_ps").noconvert(), py::arg("size_bytes").noconvert(),
               py::arg("source").noconvert(), py::arg("target").noconvert(), py::arg("tag").noconvert(),
               py::arg("operation_count").noconvert(), py::arg("node").noconvert(), py::arg("on").noconvert(),
               R"(The bytes of a Chakra execution trace of one chip.

Args:
    names: What nodes are called; the `name` column indexes it.
    kind: 4 (compute), 5 (send) or 6 (receive), one row a node; the columns up to `operation_count` are of
        one length, int64.
    start_ps, duration_ps: Written in whole microseconds, and exactly as attributes.
    size_bytes: Of the message, or of what is computed on.
    source, target, tag: The chips of a message, and what pairs a send with its receive.
    operation_count: Operations computed.
    node, on: One row a wait, ordered by node: node starts after on, an earlier row.

Raises:
    ValueError: Lengths differ, a kind or name is none, a number is negative, a wait is not for an earlier
        node.)");
}

} // namespace lpusim::bind
