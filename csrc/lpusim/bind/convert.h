#pragma once

#include <cstdint>
#include <memory>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/field.h"
#include "lpusim/base/progress.h"

/// What every binding file needs: memory handed over without copies, field tables as attributes, progress.
namespace lpusim::bind {

namespace py = pybind11;

/// A dict whose stub says what its values are.
template <class Value>
using Dict = py::typing::Dict<py::str, Value>;

/// Named int64 columns of one table.
using Columns = Dict<py::array_t<std::int64_t>>;

/// Hands `values` to NumPy without copying. The capsule keeps the vector alive as long as the array.
template <class T>
py::array_t<T> to_numpy(std::vector<T> values) {
    auto owner = std::make_unique<std::vector<T>>(std::move(values));
    T* data = owner->data();
    const auto size = static_cast<py::ssize_t>(owner->size());
    const py::capsule capsule(owner.release(), [](void* p) { delete static_cast<std::vector<T>*>(p); });
    return py::array_t<T>(size, data, capsule);
}

/// An argument's column; bound with `noconvert`, so that a wrong dtype is a TypeError and no hidden copy.
template <class T>
using Column = py::array_t<T, py::array::c_style>;

/// The values of a column. Throws ValueError, naming the argument, where there is not one dimension.
template <class T>
std::span<const T> column_view(const char* name, const Column<T>& column) {
    if (column.ndim() != 1) {
        throw ValueError(std::string(name) + " must have one dimension, got " +
                         std::to_string(column.ndim()));
    }
    return {column.data(), static_cast<std::size_t>(column.size())};
}

/// Makes every row of a spec's field table an attribute, and the table itself `Spec.fields()`.
template <class Spec, class PyClass>
void bind_fields(PyClass& cls, std::span<const Field<Spec>> fields) {
    for (const auto& field : fields) {
        const std::string name(field.name);
        const std::string doc = std::string(field.meaning) + " [" + std::string(field.unit) + "]";
        std::visit([&](auto member) { cls.def_readwrite(name.c_str(), member, doc.c_str()); }, field.member);
    }
    cls.def_static(
        "fields",
        [fields] {
            py::typing::List<Dict<py::object>> rows;
            for (const auto& field : fields) {
                rows.append(py::dict(py::arg("name") = field.name, py::arg("unit") = field.unit,
                                     py::arg("min") = field.min, py::arg("max") = field.max,
                                     py::arg("meaning") = field.meaning,
                                     py::arg("integer") = field.member.index() == 0));
            }
            return rows;
        },
        "One dict a field: name, unit, min, max, meaning, integer.");
}

/// A core-side progress function that serves Ctrl-C and, if not None, calls `callback(done, total)`.
/// To be called by code that runs without the GIL.
inline Progress make_progress(py::object callback) {
    return [callback = std::move(callback)](std::int64_t done, std::int64_t total) {
        const py::gil_scoped_acquire locked;
        if (PyErr_CheckSignals() != 0) {
            throw py::error_already_set();
        }
        if (!callback.is_none()) {
            callback(done, total);
        }
    };
}

} // namespace lpusim::bind
