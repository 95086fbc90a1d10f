#include "lpusim/chip/spec.h"

#include <doctest/doctest.h>

#include "lpusim/chip/program.h"

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
    deep.mem_slices_per_hemisphere = 63;
    deep.mem_words_per_slice = 1 << 21;
    CHECK_NOTHROW(validate(deep));
    deep.mem_slices_per_hemisphere = 64; // 2^28 vectors, and something for the rest
    CHECK_THROWS_WITH_AS(validate(deep), doctest::Contains("must be at most 268435456 together, got 26"),
                         ValueError);
    ChipSpec summing;
    summing.mxm_planes_per_hemisphere = 64;
    summing.mxm_accumulator_vectors = 1 << 20; // 2^27 accumulators
    CHECK_NOTHROW(validate(summing));
    summing.mem_slices_per_hemisphere = 1 << 10;
    summing.mem_words_per_slice = 1 << 16; // as many vectors
    CHECK_THROWS_AS(validate(summing), ValueError);
}

TEST_CASE("as many chips run together as fit in memory, however small their SRAM is") {
    ChipSpec spec;
    for (const std::int64_t words : {8192, 2}) {
        spec.mem_words_per_slice = words;
        Program program;
        program.chips = kPlacesMax / spec.places();
        CHECK_NOTHROW(validate(program, spec));
        ++program.chips;
        CHECK_THROWS_WITH_AS(validate(program, spec), doctest::Contains("chips of this size, got "),
                             ValueError);
        program.chips = 0;
        CHECK_THROWS_AS(validate(program, spec), ValueError);
    }
    CHECK(kPlacesMax / spec.places() < 50'000); // Queues and registers alone: about 10,000 vectors a chip.
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
