#include <map>
#include <pybind11/stl.h>
#include <string>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
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

    py::class_<net::Verification>(room, "Verification", "What a legal timetable amounts to.")
        .def_readonly("cycles", &net::Verification::cycles)
        .def_readonly("slot_count", &net::Verification::slot_count)
        .def_readonly("bytes_sent", &net::Verification::bytes_sent)
        .def_readonly("bytes_received", &net::Verification::bytes_received);
    room.def("verify", &net::verify, py::arg("topology"), py::arg("timetable"),
             py::call_guard<py::gil_scoped_release>());
}

} // namespace

void bind_net(py::module_& core) {
    auto room = core.def_submodule("net", "The fabric: topologies, timetables, collectives.");
    bind_net_topology(room);
    bind_timetable(room);
    bind_net_collectives(room);
}

} // namespace lpusim::bind
