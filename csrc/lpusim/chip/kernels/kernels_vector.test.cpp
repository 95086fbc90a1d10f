#include "lpusim/chip/kernels/kernels_vector.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <numbers>

#include "lpusim/base/errors.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/kernel_test.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

VxmImmediate one() {
    return {std::bit_cast<std::int32_t>(1.0F)};
}

/// steps - 1 + depth of kernels_vector.h, depth measured on a single vector a way.
void check_cycles(const ChipSpec& spec, std::int64_t ways, const auto& build) {
    const std::int64_t single = program_cycles(build(ways, spec.lanes()), spec);
    CHECK(program_cycles(build(5 * ways, spec.lanes()), spec) == single + 4);
    CHECK(program_cycles(build(6 * ways, spec.lanes()), spec) == single + 5);
    CHECK(program_cycles(build(ways, 3 * spec.lanes() + 1), spec) == single + 3);
    CHECK(program_cycles(build(1, 5 * ways * spec.lanes()), spec) == single + 4);
}

} // namespace

TEST_CASE("a chain of operations equals the same operations on each element, in both engines") {
    const ChipSpec spec = small_kernel_spec();
    const std::vector<PointwiseStep> steps{{VxmOp::Mul, {"b"}, DType::Fp32},
                                           {VxmOp::Add, {"a"}, DType::Fp32},
                                           {VxmOp::Max, {one()}, DType::Fp32}};
    for (const std::int64_t rows : {1, 2, 7, 33}) {
        for (const std::int64_t columns : {1, 8, 9, 30}) {
            CAPTURE(rows);
            CAPTURE(columns);
            const auto a = numbers<float>(rows * columns, 1);
            const auto b = numbers<float>(rows * columns, 2);
            const Program program = pointwise(spec, rows, columns, DType::Fp32, steps);
            const auto out = outcome<float>(program, spec, {{"a", bytes_of(a)}, {"b", bytes_of(b)}});
            for (std::size_t i = 0; i < a.size(); ++i) {
                CHECK(out[i] == std::max(a[i] * b[i] + a[i], 1.0F));
            }
        }
    }
}

TEST_CASE("an addition uses every ALU or every slice, and one vector more a way is one cycle more") {
    const ChipSpec spec;
    const auto add = [&](DType dtype) {
        return [&spec, dtype](std::int64_t rows, std::int64_t columns) {
            return pointwise(spec, rows, columns, dtype, {{VxmOp::Add, {"b"}, dtype}});
        };
    };
    check_cycles(spec, 16, add(DType::Int8)); // 16 ALUs
    check_cycles(spec, 14, add(DType::Fp16)); // 88 slices, 6 a way
    check_cycles(spec, 7, add(DType::Fp32));  // 88 slices, 12 a way
}

TEST_CASE("activation functions are within 4 ulp of fp32 before the last rounding") {
    const ChipSpec spec = small_kernel_spec();
    const std::int64_t count = 23;
    auto x = numbers<float>(count, 5);
    x[0] = 0;
    x[1] = -30;
    x[2] = 1000;
    x[3] = -1000;
    const auto up = numbers<float>(count, 6);
    for (const Activation kind : {Activation::Silu, Activation::Swiglu, Activation::Gelu}) {
        const Program program = activation(spec, kind, 1, count, DType::Fp32);
        Inputs inputs{{kind == Activation::Swiglu ? "gate" : "x", bytes_of(x)}};
        if (kind == Activation::Swiglu) {
            inputs.push_back({"up", bytes_of(up)});
        }
        const auto out = outcome<float>(program, spec, inputs);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double v = static_cast<double>(x[i]);
            const double s = kind == Activation::Gelu
                                 ? 2 * std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)
                                 : v;
            double exact = v / (1 + std::exp(-s));
            if (kind == Activation::Swiglu) {
                exact *= static_cast<double>(up[i]);
            }
            CAPTURE(x[i]);
            CAPTURE(exact);
            const double ulps = kind == Activation::Gelu ? 4 + 2 * std::abs(s) : 4;
            CHECK(std::abs(static_cast<double>(out[i]) - exact) <=
                  std::abs(exact) * 0x1p-23 * ulps + 0x1p-121);
        }
    }
}

TEST_CASE("what is no chain, or does not fit, is refused") {
    const ChipSpec spec = small_kernel_spec();
    CHECK_THROWS_WITH_AS((void)pointwise(spec, 1, 1, DType::Int8, {}),
                         "a chain of pointwise operations needs at least one", ValueError);
    CHECK_THROWS_WITH_AS((void)pointwise(spec, 1, 1, DType::Int8,
                                         {{VxmOp::Add, {"b"}, DType::Int8},
                                          {VxmOp::Convert, {}, DType::Int32},
                                          {VxmOp::Add, {"b"}, DType::Int32}}),
                         "input b is used as int8 and as int32", ValueError);
    CHECK_THROWS_AS((void)pointwise(spec, 1, 1, DType::Int8, {{VxmOp::Add, {}, DType::Int8}}), ValueError);
    CHECK_THROWS_AS((void)pointwise(spec, 0, 1, DType::Int8, {{VxmOp::Abs, {}, DType::Int8}}), ValueError);
    CHECK_THROWS_AS((void)pointwise(spec, 4000, 8, DType::Fp32, {{VxmOp::Abs, {}, DType::Fp32}}),
                    CapacityError);
    CHECK_THROWS_WITH_AS((void)activation(spec, Activation::Silu, 1, 1, DType::Int8),
                         "an activation function is for fp16 and fp32, not int8", ValueError);
}
