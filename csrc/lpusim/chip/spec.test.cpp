#include "lpusim/chip/spec.h"

#include <doctest/doctest.h>

using namespace lpusim;
using namespace lpusim::chip;

TEST_CASE("the default chip has the published SRAM, bandwidths and peak") {
    const ChipSpec spec;
    CHECK_NOTHROW(validate(spec));
    CHECK(spec.lanes() == 320);
    CHECK(spec.mem_bytes() == 220 * 1024 * 1024);
    CHECK(spec.mem_bytes() / spec.mem_slices() == 5 * 1024 * 1024 / 2);
    CHECK(spec.stream_bytes_per_cycle() == 20'480);
    CHECK(spec.mem_bytes_per_cycle() == 56'320);
    CHECK(576 * spec.stream_bytes_per_cycle() * spec.clock_hz / 1'000'000'000 == 10'616'832);
    CHECK(2 * spec.int8_macs_per_cycle() == 819'200);
    // 88 MEM, three queues for each of four planes, 16 ALUs: the SXM and C2C queues are not there yet.
    CHECK(144 * spec.instruction_bytes == 2'304);
}

TEST_CASE("a column sum cannot leave before the last superlane's operands entered") {
    ChipSpec spec;
    spec.mxm_activate_latency_cycles = 18;
    CHECK_THROWS_AS(validate(spec), ValueError);
    spec.mxm_activate_latency_cycles = 19;
    CHECK_NOTHROW(validate(spec));
}

TEST_CASE("the VXM sits in the middle, so the number of positions is odd") {
    ChipSpec spec;
    spec.positions = 44;
    CHECK_THROWS_AS(validate(spec), ValueError);
}

TEST_CASE("lanes and SRAM stay within what sizes in bytes and a computer hold") {
    ChipSpec spec;
    spec.superlanes = 128;
    spec.lanes_per_superlane = 128; // 16,384 lanes
    spec.mxm_activate_latency_cycles = 128;
    spec.sxm_shift_latency_cycles = 128;
    spec.sxm_permute_latency_cycles = 128;
    CHECK_NOTHROW(validate(spec));
    spec.superlanes = 129;
    CHECK_THROWS_AS(validate(spec), ValueError);
    ChipSpec deep;
    deep.mem_slices_per_hemisphere = 64;
    deep.mem_words_per_slice = 1 << 21; // 2^28 vectors
    CHECK_NOTHROW(validate(deep));
    deep.mem_slices_per_hemisphere = 65;
    CHECK_THROWS_AS(validate(deep), ValueError);
}

TEST_CASE("a value out of range says so in whole numbers") {
    ChipSpec spec;
    spec.lanes_per_superlane = 0;
    CHECK_THROWS_WITH_AS(validate(spec), "ChipSpec: lanes_per_superlane must be from 1 to 4096 lanes, got 0",
                         ValueError);
}

TEST_CASE("banks are whole") {
    ChipSpec spec;
    spec.mem_words_per_slice = 8191;
    CHECK_THROWS_AS(validate(spec), ValueError);
}

TEST_CASE("every field has a row, in the order of declaration") {
    ChipSpec spec;
    CHECK(chip_fields().size() * sizeof(std::int64_t) == sizeof(ChipSpec));
    const std::int64_t* declared = &spec.clock_hz;
    for (const auto& field : chip_fields()) {
        CHECK(&(spec.*std::get<0>(field.member)) == declared);
        ++declared;
    }
}
