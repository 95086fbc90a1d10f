#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <numeric>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/kernel_test.h"
#include "lpusim/chip/kernels/kernels_move.h"
#include "lpusim/chip/proof/verify.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

template <class T>
std::vector<T> transposed(const std::vector<T>& x, std::int64_t rows, std::int64_t columns) {
    std::vector<T> result(x.size());
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t column = 0; column < columns; ++column) {
            result[static_cast<std::size_t>(column * rows + row)] =
                x[static_cast<std::size_t>(row * columns + column)];
        }
    }
    return result;
}

/// Every bit pattern of T in turn, from another one on for each shape.
template <class T>
void check_transpose(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype) {
    CAPTURE(rows);
    CAPTURE(columns);
    CAPTURE(to_string(dtype));
    std::vector<T> x(static_cast<std::size_t>(rows * columns));
    std::iota(x.begin(), x.end(), static_cast<T>(31 * rows));
    const Program program = transpose(spec, rows, columns, dtype);
    CHECK(outcome<T>(program, spec, {{"x", bytes_of(x)}}) == transposed(x, rows, columns));
    CHECK(program_cycles(program, spec) == plan_transpose(spec, rows, columns, dtype).cycles);
}

/// Lanes 32: four superlanes of eight.
ChipSpec lanes_32() {
    ChipSpec spec;
    spec.superlanes = 4;
    spec.lanes_per_superlane = 8;
    return spec;
}

} // namespace

TEST_CASE("a transpose moves every bit pattern to its place") {
    for (const ChipSpec& spec : {small_kernel_spec(), lanes_32()}) {
        for (const auto& [rows, columns] : {std::array<std::int64_t, 2>{1, 1},
                                            {1, 50},
                                            {50, 1},
                                            {3, 5},
                                            {8, 8},
                                            {9, 7},
                                            {32, 32},
                                            {33, 65},
                                            {70, 41}}) {
            check_transpose<std::uint8_t>(spec, rows, columns, DType::Int8);
            check_transpose<std::uint16_t>(spec, rows, columns, DType::Fp16);
        }
    }
}

TEST_CASE("a transpose goes on in other banks and slices") {
    ChipSpec spec = small_kernel_spec(); // banks of 32 words, 16 tiles of 8 x 8: 32 tiles a slice
    check_transpose<std::uint8_t>(spec, 264, 11, DType::Fp8);
    spec.mem_words_per_slice = 10; // banks of five words: two tiles, and one word left
    check_transpose<std::uint8_t>(spec, 20, 19, DType::Int8);
    check_transpose<std::uint16_t>(spec, 20, 19, DType::Fp16);
    spec.mem_words_per_slice = 3 << 16; // banks of 98,304 words, of which addresses reach the first 65,536
    CHECK(plan_transpose(spec, 1 << 18, 8).sets == 1);
    CHECK(plan_transpose(spec, (1 << 18) + 1, 8).sets == 2);
    check_transpose<std::uint8_t>(spec, 20, 19, DType::Int8);
}

TEST_CASE("superlanes of any width are transposed") {
    for (const std::int64_t lanes : {1, 2, 5, 12, 16}) {
        CAPTURE(lanes);
        ChipSpec spec = small_kernel_spec();
        spec.superlanes = 3;
        spec.lanes_per_superlane = lanes;
        spec.streams_per_direction = 64;
        spec.vxm_alu_latency_cycles = 3;
        spec.sxm_transpose_latency_cycles = 1;
        check_transpose<std::uint8_t>(spec, 17, 40, DType::Int8);
    }
}

TEST_CASE("a transpose costs one cycle for sixteen vectors") {
    const ChipSpec spec;
    const auto plan = plan_transpose(spec, 3200, 3200);
    CHECK(plan.steps == 100 * 20);
    // 21 hops four times, 10 of the addresses, 20 superlanes, 20 permute, 4 transpose, 1 ALU, two times 2
    // read and 2 map, 1 write, less 2.
    CHECK(plan_transpose(spec, 320, 320).cycles == 20 + 4 * 21 + 10 + 20 + 20 + 4 + 1 + 2 * (2 + 2) + 1 - 2);
    CHECK(verify(transpose(spec, 320, 320), spec).cycles == plan_transpose(spec, 320, 320).cycles);
    CHECK(plan_transpose(spec, 320, 320, DType::Fp16).steps == 40);
    CHECK(plan_transpose(spec, 16, 16).steps == 1);
    CHECK(plan_transpose(spec, 17, 16).steps == 2);
    CHECK(plan_transpose(spec, 320, 16).steps == 20);
    CHECK(plan_transpose(spec, 33, 641).steps ==
          2 * 20 + 3); // the last tile: 3 chunks of rows and 1 of columns
    CHECK(plan.sxm_cycles == 2000 * 17 / 28 + 1);
}

TEST_CASE("what cannot be transposed is refused") {
    ChipSpec spec;
    CHECK_THROWS_WITH_AS((void)transpose(spec, 0, 1), "rows must be from 1 to 2147483648, got 0", ValueError);
    CHECK_THROWS_WITH_AS((void)transpose(spec, 1, 1, DType::Fp32),
                         "a matrix to transpose is int8, fp8 or fp16, not fp32", ValueError);
    const std::int64_t lanes = 320;
    // 816 tiles lie in two groups of 16 slices, and a third one does not fit in 44.
    CHECK(plan_transpose(spec, 816 * lanes, lanes).sets == 2);
    CHECK_THROWS_AS((void)plan_transpose(spec, 816 * lanes + 1, lanes), CapacityError);
    CHECK(plan_transpose(spec, 408 * lanes, lanes, DType::Fp16).sets == 2);
    CHECK_THROWS_AS((void)plan_transpose(spec, 408 * lanes + 1, lanes, DType::Fp16), CapacityError);
    spec.sxm_queues_per_hemisphere = 8;
    CHECK_THROWS_WITH_AS(
        (void)transpose(spec, 1, 1),
        "a transpose of superlanes of 16 lanes needs 9 SXM queues a hemisphere, the chip has 8", ValueError);
    spec.sxm_queues_per_hemisphere = 14;
    spec.streams_per_direction = 31;
    CHECK_THROWS_AS((void)transpose(spec, 1, 1), ValueError);
    spec = small_kernel_spec();
    spec.mem_words_per_slice = 2;
    CHECK_THROWS_AS((void)transpose(spec, 1, 1), ValueError);
}
