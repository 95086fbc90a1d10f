#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/base/rng.h"
#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_base(py::module_& core) {
    auto base = core.def_submodule("base", "Errors and counter-based random numbers.");

    // The exception types live in Python (lpusim.errors), so that they can carry fields and be pickled.
    // NOLINTNEXTLINE(performance-unnecessary-value-param): the signature is pybind11's
    py::register_exception_translator([](std::exception_ptr pending) {
        try {
            if (pending) {
                std::rethrow_exception(pending);
            }
        } catch (const CapacityError& error) {
            const py::object type = py::module_::import("lpusim.errors").attr("CapacityError");
            const py::object instance =
                type(error.what(), error.required_bytes, error.available_bytes, error.smallest_chip_count);
            PyErr_SetObject(type.ptr(), instance.ptr());
        } catch (const ScheduleError& error) {
            const py::object type = py::module_::import("lpusim.errors").attr("ScheduleError");
            PyErr_SetString(type.ptr(), error.what());
        }
    });

    base.def(
        "cycles_to_ps",
        [](const Column<std::int64_t>& cycles, std::int64_t clock_hz) {
            std::vector<std::int64_t> times_ps;
            times_ps.reserve(static_cast<std::size_t>(cycles.size()));
            for (const std::int64_t cycle : column_view("cycles", cycles))
                times_ps.push_back(cycles_to_ps(cycle, clock_hz));
            return to_numpy(std::move(times_ps));
        },
        py::arg("cycles").noconvert(), py::arg("clock_hz"),
        "Exact picoseconds of a column of cycles, rounded once each.");
    base.def("random_unit", &random_unit, py::arg("seed"), py::arg("stream"), py::arg("index"),
             "Uniform in (0, 1), a pure function of its three arguments (Philox4x32-10).");
}

} // namespace lpusim::bind
