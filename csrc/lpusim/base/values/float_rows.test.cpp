#include "lpusim/base/values/float_rows.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"

using namespace lpusim;

TEST_CASE("every fp16 and fp8 is widened alike on every instruction set") {
    std::vector<std::uint8_t> low, high;
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        low.push_back(static_cast<std::uint8_t>(bits));
        high.push_back(static_cast<std::uint8_t>(bits >> 8U));
    }
    for (const SimdLevel level : simd_levels()) {
        std::vector<float> wide(0x10000), narrow(256);
        widen_fp16(low.data(), high.data(), 0x10000, wide.data(), level);
        widen_fp8(low.data(), 256, narrow.data(), level);
        int wrong = 0;
        for (unsigned bits = 0; bits < 0x10000; ++bits) {
            wrong += std::bit_cast<std::uint32_t>(wide[bits]) !=
                     std::bit_cast<std::uint32_t>(fp32_from_fp16(static_cast<std::uint16_t>(bits)));
        }
        for (unsigned bits = 0; bits < 256; ++bits) {
            wrong += std::bit_cast<std::uint32_t>(narrow[bits]) !=
                     std::bit_cast<std::uint32_t>(fp32_from_fp8(static_cast<std::uint8_t>(bits)));
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("the range of some numbers: largest, total and a common unit") {
    const auto of = [](const std::vector<float>& values, SimdLevel level) {
        return number_range(values.data(), static_cast<std::int64_t>(values.size()), level);
    };
    for (const SimdLevel level : simd_levels()) {
        const NumberRange nine = of({1.0F, -2.0F, 0.0F, 0.5F, 4.0F, -0.25F, 1.0F, 1.0F, 8.0F}, level);
        CHECK(nine.largest == 8.0);
        CHECK(nine.total == 17.75);
        CHECK(nine.unit == 0x1p-12); // Of the last place of 0.25.
        CHECK(of({0x1p-15F, 1.0F}, level).unit == 0x1p-24);
        CHECK(of({0x1p-14F, 1.0F}, level).unit == 0x1p-24);
        CHECK(of({0x1p-13F, 1.0F}, level).unit == 0x1p-23);
        const NumberRange zeros = of({0.0F, -0.0F}, level);
        CHECK(zeros.largest == 0.0);
        CHECK(zeros.total == 0.0);
    }
}

TEST_CASE("a sum is sure unless its interval holds the middle of two fp32") {
    // Ten products of a row with total 1 and columns of magnitude up to 1: an error of up to 18 * 2^-53.
    const NumberRange row{1.0, 1.0, 0x1p-24};
    const double middle = 1.0 + 0x1p-24;
    const double sums[] = {middle,
                           middle + 17 * 0x1p-53,
                           middle + 20 * 0x1p-53,
                           middle - 17 * 0x1p-53,
                           middle - 20 * 0x1p-53,
                           0.0,
                           NAN,
                           INFINITY};
    const bool sure[] = {false, false, true, false, true, false, false, true};
    const std::vector<double> largest(8, 1.0), unit(8, 0x1p-40);
    for (const SimdLevel level : simd_levels()) {
        std::vector<float> below(8), above(8);
        CHECK(!round_sums(sums, 10, row, largest.data(), unit.data(), 8, below.data(), above.data(), level));
        for (std::size_t i = 0; i < 8; ++i) {
            CAPTURE(i);
            CHECK((below[i] == above[i]) == sure[i]);
        }
        CHECK(below[2] == 1.0F + 0x1p-23F);
        CHECK(below[4] == 1.0F);
        CHECK(
            round_sums(sums + 2, 10, row, largest.data(), unit.data(), 1, below.data(), above.data(), level));
    }
}

TEST_CASE("sums of few enough units are exact, so also a middle is sure") {
    const double middle = 1.0 + 0x1p-24;
    float below = 0, above = 0;
    const double largest = 1.0, fine = 0x1p-28, finer = 0x1p-29;
    const NumberRange row{1.0, 0x1p0, 0x1p-24}; // 2^52 units of 2^-24 * 2^-28 are 1: just not below.
    CHECK(!round_sums(&middle, 10, row, &largest, &fine, 1, &below, &above));
    const NumberRange less{1.0, 0x1.fffffp-1, 0x1p-24};
    CHECK(round_sums(&middle, 10, less, &largest, &fine, 1, &below, &above));
    CHECK(below == 1.0F); // To even.
    CHECK(!round_sums(&middle, 10, less, &largest, &finer, 1, &below, &above));
}
