#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lpusim/bind/convert.h"

/// Arrays of any dtype as arguments: read and written where they are, refused by name where that cannot be.
namespace lpusim::bind {

using Shape = std::vector<py::ssize_t>;

inline std::string text_of(const Shape& shape) {
    std::string text = "(";
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        text += (axis == 0 ? "" : ", ") + std::to_string(shape[axis]);
    }
    return text + (shape.size() == 1 ? ",)" : ")");
}

inline Shape shape_of(const py::array& array) {
    return {array.shape(), array.shape() + array.ndim()};
}

/// How NumPy calls the elements of a span. fp16 and fp8 are bits here; an array of fp8 is one of uint8.
template <class Element>
constexpr const char* dtype_name() {
    if constexpr (std::same_as<Element, float>) {
        return "float32";
    } else if constexpr (std::same_as<Element, std::uint16_t>) {
        return "float16";
    } else if constexpr (std::same_as<Element, std::uint8_t>) {
        return "uint8";
    } else if constexpr (std::same_as<Element, std::int8_t>) {
        return "int8";
    } else if constexpr (std::same_as<Element, std::int32_t>) {
        return "int32";
    } else {
        static_assert(std::same_as<Element, std::int64_t>);
        return "int64";
    }
}

template <class Element>
bool holds(const py::array& array) {
    return array.dtype().equal(py::dtype(dtype_name<Element>()));
}

/// Throws ValueError unless the array has that shape and lies in C order. `why` says where the shape is from.
inline void check_layout(const std::string& name, const py::array& array, const Shape& shape,
                         const char* why = nullptr) {
    if (shape_of(array) != shape) {
        throw ValueError(name + " must have shape " + text_of(shape) + (why ? std::string(", ") + why : "") +
                         "; got " + text_of(shape_of(array)));
    }
    if ((array.flags() & py::array::c_style) == 0) {
        throw ValueError(name + " must be C-contiguous (rows in order); pass numpy.ascontiguousarray(" +
                         name + ")");
    }
}

/// Throws TypeError unless the array holds such elements.
template <class Element>
void check_dtype(const std::string& name, const py::array& array) {
    if (!holds<Element>(array)) {
        throw py::type_error(name + " must be an array of " + dtype_name<Element>() + ", got " +
                             std::string(py::str(array.dtype())));
    }
}

template <class Element>
std::span<const Element> elements_of(const py::array& array) {
    return {static_cast<const Element*>(array.data()), static_cast<std::size_t>(array.size())};
}

template <class Element>
std::span<const Element> checked(const std::string& name, const py::array& array, const Shape& shape,
                                 const char* why = nullptr) {
    check_dtype<Element>(name, array);
    check_layout(name, array, shape, why);
    return elements_of<Element>(array);
}

/// Nothing where there is none.
template <class Element>
std::span<const Element> checked(const std::string& name, const std::optional<py::array>& array,
                                 const Shape& shape, const char* why = nullptr) {
    return array ? checked<Element>(name, *array, shape, why) : std::span<const Element>{};
}

/// The array to write to: `out`, which must be writable and apart from all `inputs`, or a new one.
inline py::array output_array(const std::optional<py::array>& out, const py::dtype& dtype, const Shape& shape,
                              const std::vector<std::pair<const char*, py::array>>& inputs) {
    if (!out) {
        return py::array(dtype, shape);
    }
    if (!out->dtype().equal(dtype)) {
        throw py::type_error("out must be an array of " + std::string(py::str(dtype)) + ", got " +
                             std::string(py::str(out->dtype())));
    }
    check_layout("out", *out, shape);
    if (!out->writeable()) {
        throw ValueError("out must be writable");
    }
    const auto* first = static_cast<const std::byte*>(out->data());
    for (const auto& [name, input] : inputs) {
        const auto* other = static_cast<const std::byte*>(input.data());
        if (first < other + input.nbytes() && other < first + out->nbytes()) {
            throw ValueError(std::string("out must not share memory with ") + name);
        }
    }
    return *out;
}

template <class Element>
std::span<Element> mutable_elements_of(py::array& array) {
    return {static_cast<Element*>(array.mutable_data()), static_cast<std::size_t>(array.size())};
}

} // namespace lpusim::bind
