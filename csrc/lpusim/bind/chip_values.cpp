#include <algorithm>
#include <pybind11/stl.h>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/vector_functions.h"
#include "lpusim/base/values/wide_sum.h"
#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"

// The chip's arithmetic on plain arrays, so that a reference in NumPy can use it element by element. fp16 and
// fp8 travel as their bits, in uint16 and uint8.
namespace lpusim::bind {
namespace {

template <class T>
using Matrix = py::array_t<T, py::array::c_style>;

template <class Bits>
float widened(Bits bits) {
    if constexpr (std::is_same_v<Bits, std::uint16_t>) {
        return fp32_from_fp16(bits);
    } else {
        return fp32_from_fp8(bits);
    }
}

/// What an MXM with `lanes` lanes and accumulators in fp32 make of a @ w: see column_sums.h. Slow and exact:
/// every product is added in whole numbers.
template <class Bits>
Matrix<float> matmul(const Matrix<Bits>& a, const Matrix<Bits>& w, std::int64_t lanes, std::int64_t roundings,
                     bool wide) {
    if (a.ndim() != 2 || w.ndim() != 2 || a.shape(1) != w.shape(0)) {
        throw ValueError("a must be m x k and w k x n matrices with the same k");
    }
    if (lanes < 1 || roundings < 1 || lanes % roundings != 0) {
        throw ValueError("lanes must be a positive multiple of roundings, got lanes = " +
                         std::to_string(lanes) + " and roundings = " + std::to_string(roundings));
    }
    const std::int64_t m = a.shape(0), k = a.shape(1), n = w.shape(1);
    Matrix<float> product({static_cast<py::ssize_t>(m), static_cast<py::ssize_t>(n)});
    const std::span<const Bits> left(a.data(), static_cast<std::size_t>(m * k));
    const std::span<const Bits> right(w.data(), static_cast<std::size_t>(k * n));
    const std::span<float> out(product.mutable_data(), static_cast<std::size_t>(m * n));
    // Safe: the spans point into arrays that this frame holds.
    const py::gil_scoped_release unlocked;
    const auto sum_of = [&](std::int64_t row, std::int64_t column, std::int64_t begin, std::int64_t end) {
        WideSum sum;
        for (std::int64_t i = begin; i < std::min(end, k); ++i) {
            sum.add(static_cast<double>(widened(left[static_cast<std::size_t>(row * k + i)])) *
                    static_cast<double>(widened(right[static_cast<std::size_t>(i * n + column)])));
        }
        return sum.to_fp32();
    };
    for (std::int64_t row = 0; row < m; ++row) {
        for (std::int64_t column = 0; column < n; ++column) {
            float total = 0.0F;
            for (std::int64_t pass = 0; pass < k && !wide; pass += lanes) {
                float sum = sum_of(row, column, pass, pass + lanes / roundings);
                for (std::int64_t part = 1; part < roundings; ++part) {
                    const std::int64_t begin = pass + part * (lanes / roundings);
                    sum += sum_of(row, column, begin, begin + lanes / roundings);
                }
                total = pass == 0 ? sum : total + sum;
            }
            total = wide ? sum_of(row, column, 0, k) : total;
            out[static_cast<std::size_t>(row * n + column)] = canonical_nan(total);
        }
    }
    return product;
}

/// `through(x)` for every element, in the array's shape.
template <class T, class Function>
py::array_t<T> map(const Matrix<T>& x, const Function& through) {
    py::array_t<T> result(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
    std::transform(x.data(), x.data() + x.size(), result.mutable_data(), through);
    return result;
}

[[noreturn]] void refuse_function(const std::string& name) {
    throw ValueError("the VXM has functions exp, rsqrt and tanh, not '" + name + "'");
}

py::array_t<float> function_fp32(const std::string& name, const Matrix<float>& x) {
    if (name == "exp") {
        return map(x, exp_fp32);
    }
    if (name == "rsqrt") {
        return map(x, rsqrt_fp32);
    }
    if (name == "tanh") {
        return map(x, tanh_fp32);
    }
    refuse_function(name);
}

py::array_t<std::uint16_t> function_fp16(const std::string& name, const Matrix<std::uint16_t>& x) {
    if (name == "exp") {
        return map(x, exp_fp16);
    }
    if (name == "rsqrt") {
        return map(x, rsqrt_fp16);
    }
    if (name == "tanh") {
        return map(x, tanh_fp16);
    }
    refuse_function(name);
}

} // namespace

void bind_chip_values(py::module_& chip_room) {
    chip_room.def("vector_function", &function_fp32, py::arg("name"), py::arg("x").noconvert(),
                  "exp, rsqrt or tanh of float32 elements, bit for bit as the VXM computes it.");
    chip_room.def("vector_function", &function_fp16, py::arg("name"), py::arg("x").noconvert(),
                  "The same of fp16 elements, bits in and out as uint16.");
    constexpr const char* kMatmul =
        "The fp32 product of two matrices of fp16 (uint16 bits) or fp8 (uint8 bits), slowly and exactly: "
        "each "
        "pass of `lanes` products is summed in `roundings` parts, each rounded once; parts, then passes, are "
        "added in fp32 in order. With `wide`, one rounding over all.";
    chip_room.def("exact_matmul", &matmul<std::uint16_t>, py::arg("a").noconvert(), py::arg("w").noconvert(),
                  py::kw_only(), py::arg("lanes") = 320, py::arg("roundings") = 1, py::arg("wide") = false,
                  kMatmul);
    chip_room.def("exact_matmul", &matmul<std::uint8_t>, py::arg("a").noconvert(), py::arg("w").noconvert(),
                  py::kw_only(), py::arg("lanes") = 320, py::arg("roundings") = 1, py::arg("wide") = false,
                  kMatmul);
    chip_room.def(
        "fp8_from_fp32",
        [](const Matrix<float>& x) {
            py::array_t<std::uint8_t> bits(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
            std::transform(x.data(), x.data() + x.size(), bits.mutable_data(), fp8_from_fp32);
            return bits;
        },
        py::arg("x").noconvert(), "The bits of the nearest fp8 e4m3, saturating.");
    chip_room.def(
        "fp32_from_fp8",
        [](const Matrix<std::uint8_t>& bits) {
            py::array_t<float> x(std::vector<py::ssize_t>(bits.shape(), bits.shape() + bits.ndim()));
            std::transform(bits.data(), bits.data() + bits.size(), x.mutable_data(), fp32_from_fp8);
            return x;
        },
        py::arg("bits").noconvert(), "The values of fp8 e4m3 bits.");
}

} // namespace lpusim::bind
