#include <algorithm>
#include <pybind11/operators.h>
#include <pybind11/stl.h>
#include <string>
#include <string_view>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/bind/chip_kernels.h"
#include "lpusim/bind/chip_products.h"
#include "lpusim/bind/chip_views.h"
#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/chip/text/position.h"
#include "lpusim/chip/text/program_binary.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::bind {
namespace {

using ByteMatrix = py::array_t<std::uint8_t, py::array::c_style>;

/// A run together with the spec it belongs to, which says where tensors are.
struct FinishedRun {
    chip::ChipSpec spec;
    chip::Run run;
};

ByteMatrix fetch(const FinishedRun& done, const chip::Program& program, const std::string& name) {
    const chip::Tensor& tensor = chip::find_tensor(program, name);
    ByteMatrix matrix({static_cast<py::ssize_t>(tensor.rows),
                       static_cast<py::ssize_t>(tensor.columns * chip::dtype_bytes(tensor.dtype))});
    chip::fetch_tensor(tensor, done.spec, done.run.memory, matrix.mutable_data(), matrix.nbytes());
    return matrix;
}

/// `count` vectors from `address` of SRAM slice `index` of one chip: a view that keeps the run alive.
ByteMatrix read_vectors(const py::object& self, const std::string& hemisphere, std::int64_t index,
                        std::int64_t address, std::int64_t count, std::int64_t chip) {
    auto& done = self.cast<FinishedRun&>();
    if (done.run.memory.slice_count() == 0) {
        throw ValueError("a run without values leaves no memory");
    }
    if (hemisphere != "w" && hemisphere != "e") {
        throw ValueError("hemisphere must be 'w' or 'e', got '" + hemisphere + "'");
    }
    if (index < 0 || index >= done.spec.mem_slices_per_hemisphere) {
        throw ValueError("the slice must be from 0 to " +
                         std::to_string(done.spec.mem_slices_per_hemisphere - 1) + ", got " +
                         std::to_string(index));
    }
    const std::int64_t chips = done.run.memory.slice_count() / done.spec.mem_slices();
    if (chip < 0 || chip >= chips) {
        throw ValueError("the chip must be from 0 to " + std::to_string(chips - 1) + ", got " +
                         std::to_string(chip));
    }
    const std::int64_t words = done.spec.mem_words_per_slice;
    if (address < 0 || address >= words || count < 0 || count > words - address) {
        throw ValueError(std::to_string(count) + " vectors from address " + std::to_string(address) +
                         " on must lie in addresses 0 to " + std::to_string(words - 1));
    }
    const auto side = hemisphere == "w" ? chip::Hemisphere::West : chip::Hemisphere::East;
    const std::int64_t slice = chip::slice_ordinal(done.spec, side, index, chip);
    ByteMatrix vectors({static_cast<py::ssize_t>(count), static_cast<py::ssize_t>(done.spec.lanes())},
                       done.run.memory.whole_slice(slice) + address * done.spec.lanes(), self);
    vectors.attr("flags").attr("writeable") = false;
    return vectors;
}

/// Stores the inputs, runs the program and refuses one that breaks a rule.
FinishedRun run_program(const chip::Program& program, const chip::ChipSpec& spec,
                        const std::vector<std::pair<std::string, ByteMatrix>>& inputs,
                        const std::string& engine, bool values, py::object callback) {
    if (engine != "fold" && engine != "tick") {
        throw ValueError("engine must be 'fold' or 'tick', got '" + engine + "'");
    }
    chip::validate(program, spec);
    struct Input {
        const chip::Tensor& tensor;
        const std::uint8_t* bytes;
        std::int64_t size_bytes;
    };
    std::vector<Input> stored;
    stored.reserve(inputs.size());
    for (const auto& [name, matrix] : inputs) {
        stored.push_back(
            {chip::find_tensor(program, name), matrix.data(), static_cast<std::int64_t>(matrix.nbytes())});
    }
    const Progress progress = make_progress(std::move(callback));
    FinishedRun done{spec, {}};
    {
        // Safe: the arrays are held by the caller's frame and the program and spec by its arguments.
        const py::gil_scoped_release unlocked;
        chip::Memory memory;
        if (values) {
            memory = chip::Memory(spec, program.chips);
            for (const Input& input : stored) {
                chip::store_tensor(input.tensor, spec, memory, input.bytes, input.size_bytes);
            }
        }
        done.run = engine == "fold" ? chip::fold(program, spec, std::move(memory), values, progress)
                                    : chip::tick(program, spec, std::move(memory), values, progress);
    }
    if (done.run.error) {
        throw ScheduleError(chip::describe(*done.run.error, program, spec));
    }
    return done;
}

void bind_spec(py::module_& room) {
    using chip::ChipSpec;
    py::class_<ChipSpec> spec(room, "ChipSpec", "Geometry, clock and latencies of one chip.");
    spec.def(py::init<>()).def(py::self == py::self);
    bind_fields<ChipSpec>(spec, chip::chip_fields());
    spec.def("validate", [](const ChipSpec& self) { chip::validate(self); })
        .def(
            "position",
            [](const ChipSpec& self, const std::string& name) { return chip::position_of(name, self); },
            py::arg("name"), "Where a unit stands on the line.")
        .def_property_readonly("lanes", &ChipSpec::lanes, "Bytes of one vector.")
        .def_property_readonly("mem_bytes", &ChipSpec::mem_bytes, "SRAM of the chip [bytes].")
        .def_property_readonly("stream_bytes_per_cycle", &ChipSpec::stream_bytes_per_cycle,
                               "All streams, both directions [bytes/cycle].")
        .def_property_readonly("mem_bytes_per_cycle", &ChipSpec::mem_bytes_per_cycle,
                               "One read and one write a slice [bytes/cycle].")
        .def_property_readonly("int8_macs_per_cycle", &ChipSpec::int8_macs_per_cycle,
                               "All planes [multiply-adds/cycle].");
}

/// The elements of one of a program's lists, not copied: each keeps the program alive.
template <class Element>
py::typing::List<Element> elements(const py::object& program, const std::vector<Element>& values) {
    py::typing::List<Element> list;
    for (const Element& value : values) {
        list.append(py::cast(&value, py::return_value_policy::reference_internal, program));
    }
    return list;
}

/// `values` as they are, not copied and not writable: the array keeps `owner` alive.
template <class T>
py::array_t<T> view_of(const std::vector<T>& values, const py::object& owner) {
    py::array_t<T> view(static_cast<py::ssize_t>(values.size()), values.data(), owner);
    view.attr("flags").attr("writeable") = false;
    return view;
}

py::bytes program_bytes(const chip::Program& program) {
    std::vector<std::uint8_t> bytes;
    {
        // Safe: the program is the caller's argument and not changed.
        const py::gil_scoped_release unlocked;
        bytes = chip::encode(program);
    }
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

chip::Program program_of_bytes(const py::bytes& bytes) {
    const auto text = static_cast<std::string_view>(bytes);
    // Safe: the caller's frame holds the bytes, which cannot change.
    const py::gil_scoped_release unlocked;
    return chip::decode({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void bind_program(py::module_& room) {
    using chip::Program;
    using chip::Tensor;
    py::class_<Tensor>(room, "Tensor", "A named matrix in SRAM.")
        .def_readonly("name", &Tensor::name)
        .def_property_readonly("role",
                               [](const Tensor& self) {
                                   constexpr const char* kRoles[] = {"input", "output", "constant"};
                                   return kRoles[static_cast<std::size_t>(self.role)];
                               })
        .def_property_readonly("dtype", [](const Tensor& self) { return chip::to_string(self.dtype); })
        .def_readonly("rows", &Tensor::rows)
        .def_readonly("columns", &Tensor::columns)
        .def_property_readonly(
            "data", [](const py::object& self) { return view_of(self.cast<const Tensor&>().data, self); },
            "A constant's bytes, row-major and little-endian; read-only.");
    py::class_<chip::LaneMap>(room, "LaneMap", "Which input lane each output lane takes.")
        .def_readonly("name", &chip::LaneMap::name)
        .def_property_readonly("lanes", [](const py::object& self) {
            return view_of(self.cast<const chip::LaneMap&>().lanes, self);
        });
    py::class_<Program>(room, "Program", "A whole schedule.")
        .def_static(
            "parse", [](const std::string& text) { return chip::parse(text); }, py::arg("text"),
            py::call_guard<py::gil_scoped_release>())
        .def("text", &chip::to_text, py::call_guard<py::gil_scoped_release>())
        .def_static("from_bytes", &program_of_bytes, py::arg("data"))
        .def("to_bytes", &program_bytes)
        .def(py::self == py::self)
        .def_property_readonly("run_count", [](const Program& self) { return self.runs.size(); })
        .def_readonly("chips", &Program::chips)
        .def_property_readonly(
            "tensors",
            [](const py::object& self) { return elements(self, self.cast<const Program&>().tensors); })
        .def_property_readonly(
            "maps", [](const py::object& self) { return elements(self, self.cast<const Program&>().maps); })
        .def(
            "cycles",
            [](const Program& self, const chip::ChipSpec& spec) {
                chip::validate(self, spec);
                return chip::program_cycles(self, spec);
            },
            py::arg("spec"))
        .def(
            "fetch_bytes",
            [](const Program& self, const chip::ChipSpec& spec) {
                chip::validate(self, spec);
                return chip::fetch_bytes(self, spec);
            },
            py::arg("spec"));
}

void bind_run(py::module_& room) {
    py::class_<FinishedRun>(room, "FinishedRun", "What a legal program did.")
        .def_property_readonly("cycles", [](const FinishedRun& self) { return self.run.cycles; })
        .def_property_readonly("pieces", [](const FinishedRun& self) { return self.run.pieces; })
        .def_property_readonly("accounting",
                               [](const FinishedRun& self) { return accounting_rows(self.run.accounting); })
        .def("fetch", &fetch, py::arg("program"), py::arg("name"),
             "The bytes of a tensor, one row a matrix row, little-endian.")
        .def("read_vectors", &read_vectors, py::arg("hemisphere"), py::arg("slice"), py::arg("address"),
             py::arg("count"), py::arg("chip") = 0);
}

} // namespace

void bind_chip(py::module_& core) {
    auto room =
        core.def_submodule("chip", "One statically scheduled chip: specs, programs, engines, builders.");
    bind_spec(room);
    bind_program(room);
    bind_run(room);
    bind_chip_attention(room);
    bind_chip_values(room);
    room.def("run", &run_program, py::arg("program"), py::arg("spec"), py::kw_only(), py::arg("inputs"),
             py::arg("engine"), py::arg("values"), py::arg("progress") = py::none(),
             "Runs a program; raises ScheduleError with the first broken rule.");
    bind_chip_views(room);
    bind_chip_products(room);
    bind_chip_kernels(room);
    room.def("pointwise_add", &chip::pointwise_add, py::arg("spec"), py::kw_only(), py::arg("vectors"));
}

} // namespace lpusim::bind
