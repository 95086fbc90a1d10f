#include <cstddef>
#include <pybind11/stl.h>
#include <string>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/move_values.h"

namespace lpusim::bind {
namespace {

/// The memory of a C-contiguous array; `mutable_data` refuses one that is read-only.
[[nodiscard]] std::span<const std::byte> bytes_of(const py::array& array) {
    return {static_cast<const std::byte*>(array.data()), static_cast<std::size_t>(array.nbytes())};
}
[[nodiscard]] std::span<std::byte> bytes_of(py::array& array) {
    return {static_cast<std::byte*>(array.mutable_data()), static_cast<std::size_t>(array.nbytes())};
}

} // namespace

void bind_net_values(py::module_& room) {
    room.def(
        "element_bytes",
        [](const std::string& carried) { return net::element_bytes(net::carried_named(carried)); },
        py::arg("carried"), "Bytes of one element on a link.");
    room.def(
        "move_values",
        [](const net::Topology& topology, const net::Timetable& timetable, const std::string& carried,
           const std::vector<std::int32_t>& input_chips, const std::vector<py::array>& inputs,
           const std::vector<std::int32_t>& output_chips, std::vector<py::array> outputs,
           std::int64_t threads) {
            if (input_chips.size() != inputs.size() || output_chips.size() != outputs.size()) {
                throw ValueError("one chip an array: got " + std::to_string(input_chips.size()) + " for " +
                                 std::to_string(inputs.size()) + " inputs and " +
                                 std::to_string(output_chips.size()) + " for " +
                                 std::to_string(outputs.size()) + " outputs");
            }
            const net::Carried format = net::carried_named(carried);
            std::vector<net::ChipInput> given;
            given.reserve(inputs.size());
            for (std::size_t i = 0; i < inputs.size(); ++i)
                given.push_back({input_chips[i], bytes_of(inputs[i])});
            std::vector<net::ChipOutput> kept;
            kept.reserve(outputs.size());
            for (std::size_t i = 0; i < outputs.size(); ++i)
                kept.push_back({output_chips[i], bytes_of(outputs[i])});
            // Safe: the arrays live in this frame, and no Python object is touched below.
            const py::gil_scoped_release unlocked;
            net::move_values(topology, timetable, format, given, kept, threads);
        },
        py::arg("topology"), py::arg("timetable"), py::arg("carried"), py::arg("input_chips"),
        py::arg("inputs"), py::arg("output_chips"), py::arg("outputs"), py::arg("threads"),
        "Runs a timetable with data; the arrays are C-contiguous and `outputs` are written to.");
}

} // namespace lpusim::bind
