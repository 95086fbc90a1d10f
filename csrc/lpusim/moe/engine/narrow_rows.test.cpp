#include "lpusim/moe/engine/narrow_rows.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"

using namespace lpusim;
using namespace lpusim::moe;

namespace {

std::vector<std::int8_t> int8_of(const std::vector<float>& row, float scale, SimdLevel level) {
    std::vector<std::int8_t> out(row.size());
    narrow_int8(row.data(), scale, static_cast<std::int64_t>(row.size()), out.data(), level);
    return out;
}

} // namespace

TEST_CASE("a row's own scale makes its largest magnitude the largest of the format") {
    const std::vector<float> row{0.5F, -25.4F, 3.0F};
    for (const SimdLevel level : simd_levels()) {
        const float scale = row_scale_int8(row.data(), 3, level);
        CHECK(scale == 25.4F / 127.0F);
        CHECK(int8_of(row, scale, level) == std::vector<std::int8_t>{2, -127, 15}); // 2.5 to even
        CHECK(row_scale_fp8(row.data(), 3, level) == 25.4F / 448.0F);
        CHECK(row_scale_int8(row.data(), 0, level) == 0.0F);
        const std::vector<float> least{0x1p-100F}, below{0x1.fffffep-101F};
        CHECK(row_scale_int8(least.data(), 1, level) > 0.0F);
        CHECK(row_scale_int8(below.data(), 1, level) == 0.0F);
        const std::vector<float> bad{1.0F, NAN};
        CHECK(std::bit_cast<std::uint32_t>(row_scale_int8(bad.data(), 2, level)) == kFp32Nan);
    }
}

TEST_CASE("int8 is to nearest even and saturates; NaN and scale 0 give 0") {
    const std::vector<float> row{0.5F,   1.5F,  2.5F,    -0.5F,   -1.5F, 127.4F,
                                 127.5F, 1e30F, -128.5F, -200.0F, NAN};
    const std::vector<std::int8_t> right{0, 2, 2, 0, -2, 127, 127, 127, -128, -128, 0};
    for (const SimdLevel level : simd_levels()) {
        CHECK(int8_of(row, 1.0F, level) == right);
        CHECK(int8_of(row, 0.0F, level) == std::vector<std::int8_t>(row.size(), 0));
        // 1 / 15 is rounded up to fp32, so 37.5 becomes a little more than 2.5.
        CHECK(int8_of({37.5F}, 15.0F, level) == std::vector<std::int8_t>{3});
    }
}

TEST_CASE("fp8 and fp16 are the conversions of float_formats.h") {
    std::vector<float> row(999);
    for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = std::bit_cast<float>(static_cast<std::uint32_t>(random_bits(3, 1, i)));
    }
    const auto count = static_cast<std::int64_t>(row.size());
    for (const SimdLevel level : simd_levels()) {
        std::vector<std::uint8_t> fp8(row.size());
        std::vector<std::uint16_t> fp16(row.size());
        narrow_fp8(row.data(), 4.0F, count, fp8.data(), level);
        narrow_fp16(row.data(), count, fp16.data(), level);
        int wrong = 0;
        for (std::size_t i = 0; i < row.size(); ++i) {
            wrong += fp8[i] != fp8_from_fp32(row[i] * 0.25F) || fp16[i] != fp16_from_fp32(row[i]) ? 1 : 0;
        }
        CHECK(wrong == 0);
        narrow_fp8(row.data(), 0.0F, count, fp8.data(), level);
        CHECK(fp8 == std::vector<std::uint8_t>(row.size(), 0));
    }
}

TEST_CASE("a sum becomes (sum * column scale) * row scale + bias, each step rounded") {
    const std::vector<float> scale{0.1F, 3.0F}, bias{1.0F, -1.0F};
    const std::vector<std::int32_t> words{16'777'217, -5}; // 2^24 + 1 becomes 2^24.
    const std::vector<float> sums{16'777'216.0F, -5.0F};
    for (const SimdLevel level : simd_levels()) {
        std::vector<float> out(2), same(2);
        finish_row(words.data(), {scale.data(), 0.7F, bias.data()}, 2, out.data(), level);
        finish_row(sums.data(), {scale.data(), 0.7F, bias.data()}, 2, same.data(), level);
        CHECK(out == same);
        CHECK(out[0] == 16'777'216.0F * 0.1F * 0.7F + 1.0F);
        CHECK(out[1] == -5.0F * 3.0F * 0.7F + -1.0F);
        finish_row(sums.data(), {}, 2, out.data(), level);
        CHECK(out == sums);
        std::vector<float> nan{-NAN, 0.0F};
        finish_row(nan.data(), {}, 2, nan.data(), level);
        CHECK(std::bit_cast<std::uint32_t>(nan[0]) == kFp32Nan);
    }
}
