#include "lpusim/chip/kernels/kernels_rows.h"

#include <doctest/doctest.h>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/kernel_test.h"
#include "lpusim/chip/kernels/lane_reduction.h"

using namespace lpusim;
using namespace lpusim::chip;

TEST_CASE("lanes are reduced by fours first, then by primes") {
    ChipSpec spec = small_kernel_spec();
    CHECK(lane_factors(ChipSpec{}) == std::vector<std::int64_t>{4, 4, 4, 5});
    CHECK(lane_factors(spec) == std::vector<std::int64_t>{4, 2});
    spec.sxm_queues_per_hemisphere = 7; // one copy of a four-byte value at a time: two with both sides
    CHECK(lane_factors(spec) == std::vector<std::int64_t>{2, 2, 2});
    spec.lanes_per_superlane = 6;
    CHECK_THROWS_WITH_AS((void)lane_factors(spec),
                         "a reduction over 12 lanes needs 8 SXM queues a hemisphere; there are 7",
                         ValueError);
    spec.lanes_per_superlane = 1;
    spec.superlanes = 1;
    CHECK(lane_factors(spec).empty());
}

TEST_CASE("a row of equal numbers is normalised to one, at any lane count, latency and length") {
    ChipSpec spec = small_kernel_spec();
    for (const std::int64_t lanes : {1, 3, 4, 5}) {
        for (const std::int64_t latency : {1, 2}) {
            spec.lanes_per_superlane = lanes;
            spec.vxm_alu_latency_cycles = latency;
            for (const std::int64_t columns : {1, 10, 33}) {
                CAPTURE(lanes);
                CAPTURE(latency);
                CAPTURE(columns);
                const Program program = rmsnorm(spec, 3, columns, DType::Fp32, 0);
                const std::vector<float> x(static_cast<std::size_t>(3 * columns), -3);
                const std::vector<float> gamma(static_cast<std::size_t>(columns), 2);
                for (const float out :
                     outcome<float>(program, spec, {{"x", bytes_of(x)}, {"gamma", bytes_of(gamma)}})) {
                    CHECK(out == doctest::Approx(-2).epsilon(1e-6));
                }
            }
        }
    }
}

TEST_CASE("one row more than the ways take costs a period, and short rows are held up by nothing") {
    const ChipSpec spec;
    const auto cycles = [&](std::int64_t rows) {
        return program_cycles(rmsnorm(spec, rows, 4096, DType::Fp16, 1e-5F), spec);
    };
    // Converts and squares are chained; four trips of 21 + 20 + 21 hops; 13 vectors a row.
    CHECK(cycles(1) == 320);
    CHECK(cycles(200) - cycles(198) == cycles(202) - cycles(200)); // two ways, one row more each
    CHECK(cycles(202) - cycles(200) <= 26);
}

TEST_CASE("rows that do not fit are refused with what is short") {
    const ChipSpec spec = small_kernel_spec();
    CHECK_THROWS_AS((void)softmax(spec, 5000, 8, DType::Fp32), CapacityError);
    CHECK_THROWS_AS((void)rmsnorm(spec, 1, 8 * 65, DType::Fp32, 0), CapacityError); // 65 of 64 words
    CHECK_THROWS_AS((void)layernorm(spec, 1, 0, DType::Fp16, 0), ValueError);
}
