#include "lpusim/lower/matmul.h"

#include <doctest/doctest.h>

#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/proof/footprint.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/lower/reduce.h"

using namespace lpusim;
using namespace lpusim::lower;

namespace {

/// Eight lanes and few slices: programs small enough to flatten and verify whole.
chip::ChipSpec small_chip() {
    chip::ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.streams_per_direction = 16;
    spec.positions = 21;
    spec.mem_slices_per_hemisphere = 24;
    spec.mem_words_per_slice = 256;
    spec.mxm_load_streams = 4;
    spec.mxm_activate_latency_cycles = 2;
    spec.mxm_accumulator_vectors = 16;
    return spec;
}

} // namespace

TEST_CASE("composed matmuls are one legal program when expanded flat at the composed starts") {
    const chip::ChipSpec spec = small_chip();
    MatmulLibrary library(spec);
    const MatmulShape shapes[] = {{1, 16, 24}, {3, 8, 40}, {1, 16, 24}, {2, 24, 8}};
    Composer composer(library.resource_count(), library.bank_count(), 1 << 16);
    std::vector<chip::Program> programs;
    std::vector<std::int64_t> starts;
    for (const MatmulShape& shape : shapes) {
        const MatmulProfile& profile = library.get(shape);
        REQUIRE(profile.part_count == 1);
        starts.push_back(
            composer.place({Origin::verified_program, profile.cycles, profile.occupancy, {}, {}}));
        programs.push_back(chip::gemm(spec, shape.m, shape.n, shape.k));
    }
    std::vector<chip::PlacedProgram> placed;
    for (std::size_t i = 0; i < programs.size(); ++i) {
        placed.push_back({&programs[i], starts[i]});
    }
    const chip::Verdict whole = chip::verify(chip::flatten(placed), spec);
    CHECK_MESSAGE(whole.legal(), whole.message);
    CHECK(whole.cycles == composer.end_cycle());

    // The chip's own composition of the first two agrees.
    CHECK(chip::least_offset(chip::footprint(programs[0], spec), chip::footprint(programs[1], spec)) ==
          starts[1]);
}

TEST_CASE("a product too wide for one program is equal parts of it in a row") {
    const chip::ChipSpec spec = small_chip();
    MatmulLibrary library(spec);
    const MatmulProfile& wide = library.get({1, 64, 4096});
    CHECK(wide.part_count > 1);
    CHECK(wide.cycles == library.get({1, 64, (4096 + wide.part_count - 1) / wide.part_count}).cycles);
}

TEST_CASE("sixteen-bit weights are charged as two byte planes and four passes") {
    const MatmulShape wide = MatmulLibrary::one_byte_shape({3, 100, 50}, 16);
    CHECK(wide.m == 6);
    CHECK(wide.k == 200);
    CHECK(wide.n == 50);
    CHECK(MatmulLibrary::one_byte_shape({3, 100, 50}, 8).m == 3);
    CHECK(MatmulLibrary::one_byte_shape({3, 100, 50}, 5).k == 100);
}

TEST_CASE("a batch-1 product on the full chip keeps its streams nine tenths full") {
    const chip::ChipSpec spec;
    MatmulLibrary library(spec);
    const std::int64_t cycles = library.get({1, 8960, 8320}).cycles;
    const std::int64_t floor = 8960 * 8320 / spec.stream_bytes_per_cycle();
    CHECK(cycles >= floor);
    CHECK(cycles * 9 <= floor * 10);
}

TEST_CASE("adding received vectors costs a latency once and a steady rate after it") {
    const net::ReduceCost cost = measured_reduce_cost(chip::ChipSpec{});
    CHECK(cost.first_cycles > 0);
    CHECK(cost.cycles_per_vector == 1); // One vector a cycle through one ALU.
}
