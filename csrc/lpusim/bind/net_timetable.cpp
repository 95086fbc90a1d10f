#include <array>
#include <map>
#include <pybind11/stl.h>
#include <string>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/net/replay.h"
#include "lpusim/net/verify.h"

namespace lpusim::bind {
namespace {

using IntColumn = py::array_t<std::int64_t, py::array::c_style>;

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
}

void bind_proof(py::module_& room) {
    using net::Violation;
    py::class_<net::ChipPorts> ports(room, "ChipPorts",
                                     "What a chip can do for vectors that pass through it.");
    ports.def(py::init<>());
    bind_fields<net::ChipPorts>(ports, net::chip_ports_fields());
    room.def("ports_for", &net::ports_for, py::arg("topology"),
             "The first-generation LPU's ports, with room for every link of a chip at once.");

    py::class_<net::Verification>(room, "Verification", "What a legal timetable amounts to.")
        .def_readonly("cycles", &net::Verification::cycles)
        .def_readonly("slot_count", &net::Verification::slot_count)
        .def_readonly("bytes_sent", &net::Verification::bytes_sent)
        .def_readonly("bytes_received", &net::Verification::bytes_received);
    py::class_<Violation>(room, "Violation", "One broken rule; -1 is said of what the rule does not have.")
        .def_property_readonly("is_at_end",
                               [](const Violation& seen) { return seen.cycle == Violation::kNever; })
        .def_readonly("cycle", &Violation::cycle)
        .def_property_readonly("rule",
                               [](const Violation& seen) { return std::string(net::rule_name(seen.rule)); })
        .def_readonly("place", &Violation::place)
        .def_readonly("link", &Violation::link)
        .def_readonly("transfer", &Violation::transfer)
        .def_readonly("hop", &Violation::hop)
        .def_readonly("vector", &Violation::vector)
        .def_readonly("other_transfer", &Violation::other_transfer)
        .def_readonly("other_hop", &Violation::other_hop)
        .def_readonly("other_vector", &Violation::other_vector);
    room.def("violation_text", &net::violation_text, py::arg("topology"), py::arg("timetable"),
             py::arg("ports"), py::arg("violation"), "The violation as one sentence.");

    const py::call_guard<py::gil_scoped_release> unlocked;
    py::class_<net::Proof>(room, "Proof", "What a timetable amounts to, or the first rule that it breaks.")
        .def_readonly("totals", &net::Proof::totals)
        .def_readonly("violation", &net::Proof::violation);
    room.def("prove", &net::prove, py::arg("topology"), py::arg("timetable"), py::arg("ports"), unlocked);
    py::class_<net::Replay>(room, "Replay", "What a replayed timetable came to.")
        .def_readonly("proof", &net::Replay::proof)
        .def_readonly("tick_count", &net::Replay::tick_count)
        .def_readonly("vectors_out_max", &net::Replay::vectors_out_max)
        .def_readonly("vectors_in_max", &net::Replay::vectors_in_max)
        .def_readonly("links_fed_max", &net::Replay::links_fed_max)
        .def_readonly("transit_bytes_max", &net::Replay::transit_bytes_max);
    room.def("replay", &net::replay, py::arg("topology"), py::arg("timetable"), py::arg("ports"), unlocked);
}

} // namespace

void bind_net_timetable(py::module_& room) {
    bind_timetable(room);
    bind_proof(room);
}

} // namespace lpusim::bind
