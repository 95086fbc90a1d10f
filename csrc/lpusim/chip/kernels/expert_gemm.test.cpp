#include <algorithm>
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/matmul_test.h"
#include "lpusim/chip/tick/tick.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

ChipSpec small_spec() {
    ChipSpec spec = small_matmul_spec();
    spec.streams_per_direction = 16;
    spec.mem_slices_per_hemisphere = 60;
    spec.mem_words_per_slice = 256;
    return spec;
}

Memory inputs(const Program& program, const ChipSpec& spec, const ExpertShape& shape,
              const std::vector<std::int32_t>& routing) {
    Memory memory(spec);
    store(program, "a", spec, memory, random_int8(shape.slots * shape.rows * shape.k, 1));
    for (std::int64_t expert = 0; expert < shape.experts; ++expert) {
        store(program, ("w" + std::to_string(expert)).c_str(), spec, memory,
              random_int8(shape.k * shape.n, static_cast<std::uint64_t>(expert + 2)));
    }
    std::vector<std::int32_t> numbers;
    for (const std::int32_t expert : routing)
        numbers.insert(numbers.end(), static_cast<std::size_t>(spec.lanes()), expert);
    store(program, "expert", spec, memory, numbers);
    return memory;
}

/// Slot by slot; an expert beyond the last one is zero.
std::vector<std::int32_t> expected(const ExpertShape& shape, const std::vector<std::int32_t>& routing) {
    const auto a = random_int8(shape.slots * shape.rows * shape.k, 1);
    std::vector<std::int32_t> result;
    for (std::int64_t slot = 0; slot < shape.slots; ++slot) {
        const std::int32_t expert = routing[static_cast<std::size_t>(slot)];
        auto w = random_int8(shape.k * shape.n, static_cast<std::uint64_t>(expert + 2));
        if (expert == shape.experts)
            std::fill(w.begin(), w.end(), std::int8_t{0});
        const auto first = a.begin() + slot * shape.rows * shape.k;
        const auto block =
            product_int8(shape.rows, shape.n, shape.k, {first, first + shape.rows * shape.k}, w);
        result.insert(result.end(), block.begin(), block.end());
    }
    return result;
}

void check_experts(const ChipSpec& spec, const ExpertShape& shape) {
    CAPTURE(shape.experts);
    CAPTURE(shape.slots);
    CAPTURE(shape.rows);
    CAPTURE(shape.n);
    CAPTURE(shape.k);
    const Program program = expert_gemm(spec, shape);
    CHECK(plan_expert_gemm(spec, shape).cycles == program_cycles(program, spec));
    std::set<std::int64_t> cycles;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
        std::vector<std::int32_t> routing;
        for (std::int64_t slot = 0; slot < shape.slots; ++slot) {
            routing.push_back(
                static_cast<std::int32_t>(random_bits(seed, 7, static_cast<std::uint64_t>(slot)) %
                                          static_cast<std::uint64_t>(shape.experts + 1)));
        }
        Memory memory = inputs(program, spec, shape, routing);
        const Run done = tick(program, spec, memory, true);
        if (done.error)
            FAIL(describe(*done.error, program, spec));
        CHECK(fetch<std::int32_t>(program, "c", spec, done.memory) == expected(shape, routing));
        const Run folded = fold(program, spec, std::move(memory), true);
        REQUIRE(!folded.error);
        CHECK(folded.memory == done.memory);
        cycles.insert(done.cycles);
        cycles.insert(folded.cycles);
    }
    CHECK(cycles.size() == 1);
}

} // namespace

TEST_CASE("products of experts equal those of a host for every routing, in the same cycles") {
    const ChipSpec spec = small_spec();
    for (const std::int64_t experts : {1, 3}) {
        for (const std::int64_t rows : {1, 4, 6}) {
            check_experts(spec, {experts, 5, rows, 8, 9});
            check_experts(spec, {experts, 5, rows, 40, 20});
            check_experts(spec, {experts, 2, rows, 24, 8});
            check_experts(spec, {experts, 1, rows, 33, 17});
        }
    }
}

TEST_CASE("products of experts stay legal and exact at other latencies, stream counts and bank counts") {
    ChipSpec spec = small_spec();
    spec.mem_map_latency_cycles = 5;
    spec.vxm_alu_latency_cycles = 3;
    spec.mxm_install_latency_cycles = 0;
    check_experts(spec, {2, 4, 3, 24, 20});
    spec.mem_banks_per_slice = 1;
    spec.streams_per_direction = 8;
    check_experts(spec, {2, 4, 3, 24, 20});
    spec.mem_banks_per_slice = 8; // 32 words hold 2 tiles of 3 regions: several windows.
    check_experts(spec, {2, 4, 3, 24, 40});
}

TEST_CASE("gathered weights come at 85 % of the streams' bandwidth") {
    // 8 experts of 2560 x 2560: 16 passes a slot of 22 loads and an install, where the streams need 20
    // cycles.
    const ChipSpec spec;
    const ExpertShape shape{8, 40, 1, 2560, 2560};
    const GemmPlan plan = plan_expert_gemm(spec, shape);
    CHECK(plan.load_streams == std::vector<std::int64_t>{15, 15});
    CHECK(plan.pass_cycles == 23);
    const Run timed = fold(expert_gemm(spec, shape), spec, {}, false);
    REQUIRE(!timed.error);
    CHECK(timed.cycles == plan.cycles);
    const std::int64_t bound = shape.slots * shape.n * shape.k / spec.stream_bytes_per_cycle();
    CHECK(bound == 40 * 16 * 20);
    CHECK(100 * bound >= 85 * timed.cycles);
    CHECK(timed.cycles >= 40 * 16 * 23);
}

TEST_CASE("slots with many rows keep every plane busy") {
    const ChipSpec spec;
    const ExpertShape shape{4, 6, 128, 1600, 640};
    const GemmPlan plan = plan_expert_gemm(spec, shape);
    CHECK(plan.split_rows);
    CHECK(4 * plan.slots * plan.items * plan.steps * plan.chunk_rows == 6 * 128 * 5 * 2);
    const Run timed = fold(expert_gemm(spec, shape), spec, {}, false);
    REQUIRE(!timed.error);
    CHECK(timed.cycles <= 6 * 128 * 5 * 2 / 4 + 120);
}

TEST_CASE("an expert that does not exist is a data error, and shapes that cannot be are refused") {
    const ChipSpec spec = small_spec();
    const ExpertShape shape{2, 1, 1, 8, 8};
    const Program program = expert_gemm(spec, shape);
    const Run done = tick(program, spec, inputs(program, spec, shape, {3}), true);
    REQUIRE(done.error.has_value());
    const Run folded = fold(program, spec, inputs(program, spec, shape, {3}), true);
    CHECK(folded.error == done.error);
    CHECK(!fold(program, spec, {}, false).error);

    CHECK_THROWS_AS((void)expert_gemm(spec, {0, 1, 1, 8, 8}), ValueError);
    CHECK_THROWS_AS((void)expert_gemm(spec, {2, 1, 7, 8, 8}), ValueError); // six accumulators
    CHECK_THROWS_AS((void)expert_gemm(spec, {2, 1000, 1, 8, 8}), CapacityError);
    CHECK_THROWS_AS((void)expert_gemm(spec, {1000, 1, 1, 8, 8}), CapacityError);
    ChipSpec few = spec;
    few.vxm_alus = 2;
    CHECK_THROWS_AS((void)expert_gemm(few, shape), ValueError);
    few = spec;
    few.streams_per_direction = 7;
    CHECK_THROWS_AS((void)expert_gemm(few, shape), ValueError);
}
