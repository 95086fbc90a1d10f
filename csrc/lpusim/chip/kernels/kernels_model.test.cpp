#include "lpusim/chip/kernels/kernels_model.h"

#include <algorithm>
#include <bit>
#include <doctest/doctest.h>
#include <limits>
#include <numeric>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/kernel_test.h"

using namespace lpusim;
using namespace lpusim::chip;

TEST_CASE("a gate chooses the greatest logits, equal ones by lower id") {
    const ChipSpec spec = small_kernel_spec();
    for (const auto& [tokens, experts, chosen] :
         {std::array<std::int64_t, 3>{1, 1, 1}, {3, 5, 2}, {8, 4, 4}, {9, 30, 3}, {40, 6, 2}}) {
        CAPTURE(tokens);
        CAPTURE(experts);
        auto logits = numbers<float>(tokens * experts, 7);
        std::ranges::for_each(logits, [](float& logit) { logit = std::round(logit); }); // many ties
        const Program program = top_k_gate(spec, tokens, experts, chosen, GateScore::Softmax);
        const auto ids = outcome<std::int32_t>(program, spec, {{"logits", bytes_of(logits)}}, "ids");
        for (std::int64_t token = 0; token < tokens; ++token) {
            const float* row = logits.data() + token * experts;
            std::vector<std::int32_t> order(static_cast<std::size_t>(experts));
            std::iota(order.begin(), order.end(), 0);
            std::ranges::stable_sort(order, [row](auto a, auto b) { return row[a] > row[b]; });
            for (std::int64_t i = 0; i < chosen; ++i) {
                CHECK(ids[static_cast<std::size_t>(token * chosen + i)] ==
                      order[static_cast<std::size_t>(i)]);
            }
        }
    }
}

TEST_CASE("a gate names each expert once, whatever the logits: NaN comes after minus infinity") {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr float kMax = std::numeric_limits<float>::max();
    const float odd_nan = std::bit_cast<float>(0xffc00123U), nan = std::bit_cast<float>(0x7f800001U);
    const std::vector<float> logits{-kInfinity, -kInfinity, -kInfinity, -kInfinity, // equal: by id
                                    nan,        odd_nan,    nan,        -kInfinity, // all NaN are equal
                                    odd_nan,    kInfinity,  nan,        kMax,       //
                                    -kMax,      -kInfinity, odd_nan,    -0.0F,      //
                                    -0.0F,      0.0F,       -1e-45F,    1e-45F};    // both zeros are equal
    const std::vector<std::int32_t> expected{0, 1, 2, 3, 3, 0, 1, 2, 1, 3, 0, 2, 3, 0, 1, 2, 3, 0, 1, 2};
    for (const std::int64_t latency : {1, 2, 3}) {
        CAPTURE(latency);
        ChipSpec spec = small_kernel_spec();
        spec.vxm_alu_latency_cycles = latency;
        const Program program = top_k_gate(spec, 5, 4, 4, GateScore::Sigmoid);
        CHECK(outcome<std::int32_t>(program, spec, {{"logits", bytes_of(logits)}}, "ids") == expected);
    }
}

TEST_CASE("a gate of many groups and one look fits however long an operation takes") {
    for (const std::int64_t latency : {1, 2, 5}) {
        CAPTURE(latency);
        ChipSpec spec = small_kernel_spec();
        spec.vxm_alu_latency_cycles = latency;
        const Program program = top_k_gate(spec, 24, 20, 1, GateScore::Softmax);
        std::vector<float> logits(24 * 20, 0.0F);
        logits[7] = 1.0F;        // token 0
        logits[23 * 20 + 9] = 1; // token 23
        const auto ids = outcome<std::int32_t>(program, spec, {{"logits", bytes_of(logits)}}, "ids");
        CHECK(ids[0] == 7);
        CHECK(ids[1] == 0);
        CHECK(ids[23] == 9);
    }
}

TEST_CASE("an expert more costs two cycles a round") {
    const ChipSpec spec;
    const auto cycles = [&](std::int64_t tokens, std::int64_t experts) {
        return program_cycles(top_k_gate(spec, tokens, experts, 8, GateScore::Sigmoid), spec);
    };
    CHECK(cycles(1, 256) == cycles(320, 256));
    CHECK(cycles(1, 257) - cycles(1, 256) == 2 * 8);
    CHECK(cycles(1, 256) < 2 * 8 * (256 + 20));
}

TEST_CASE("a rotary embedding takes whole heads that fit in a vector") {
    const ChipSpec spec;
    CHECK(rope_vector_columns(spec, 128) == 256);
    CHECK(rope_vector_columns(spec, 64) == 320);
    CHECK_THROWS_WITH_AS((void)rope(spec, 1, 1, 3, RopePairing::Halves),
                         "a head must have an even number of columns from 2 to the chip's 320 lanes, got 3",
                         ValueError);
    CHECK_THROWS_AS((void)rope(spec, 1, 1, 322, RopePairing::Halves), ValueError);
    CHECK_THROWS_AS((void)top_k_gate(spec, 1, 4, 5, GateScore::Softmax), ValueError);
    const auto cycles = [&](std::int64_t rows) {
        return program_cycles(rope(spec, rows, 32, 128, RopePairing::Halves), spec);
    };
    CHECK(cycles(42) - cycles(40) == 16); // two ways, 16 vectors a row
}
