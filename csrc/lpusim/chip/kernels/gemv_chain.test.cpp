#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/matmul_test.h"
#include "lpusim/chip/tick/tick.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

std::int8_t requantised(std::int32_t sum, float scale) {
    const float scaled = std::nearbyint(static_cast<float>(sum) * scale);
    return static_cast<std::int8_t>(std::clamp(scaled, -128.0F, 127.0F));
}

ChipSpec small_spec() {
    ChipSpec spec = small_matmul_spec();
    spec.mem_words_per_slice = 256;
    return spec;
}

void check_chain(const ChipSpec& spec, const std::vector<std::int64_t>& widths) {
    std::string shape;
    for (const std::int64_t width : widths)
        shape += std::to_string(width) + " ";
    CAPTURE(shape);
    std::vector<float> scales;
    for (std::size_t i = 1; i < widths.size(); ++i)
        scales.push_back(0.01F / static_cast<float>(i));
    const Program program = gemv_chain(spec, widths, scales);
    CHECK(plan_gemv_chain(spec, widths).cycles == program_cycles(program, spec));
    Memory memory(spec);
    auto vector = random_int8(widths[0], 1);
    store(program, "x", spec, memory, vector);
    for (std::size_t i = 1; i < widths.size(); ++i) {
        const auto w = random_int8(widths[i - 1] * widths[i], i + 1);
        store(program, ("w" + std::to_string(i)).c_str(), spec, memory, w);
        std::vector<std::int8_t> next;
        for (const std::int32_t sum : product_int8(1, widths[i], widths[i - 1], vector, w))
            next.push_back(requantised(sum, scales[i - 1]));
        vector = next;
    }
    const Run done = tick(program, spec, memory, true);
    if (done.error)
        FAIL(describe(*done.error, program, spec));
    CHECK(fetch<std::int8_t>(program, "y", spec, done.memory) == vector);
    const Run folded = fold(program, spec, std::move(memory), true);
    REQUIRE(!folded.error);
    CHECK(folded.cycles == done.cycles);
    CHECK(folded.memory == done.memory);
}

} // namespace

TEST_CASE("a chain of vector-matrix products is legal and exact, whatever its widths") {
    const ChipSpec spec = small_spec();
    for (const std::int64_t k : {1, 8, 33, 70}) {
        for (const std::int64_t n : {1, 7, 32, 45}) {
            check_chain(spec, {k, n});
            check_chain(spec, {k, n, 17});
            check_chain(spec, {k, 40, n, k, n});
        }
    }
}

TEST_CASE("chains stay legal and exact at other latencies, stream counts and plane counts") {
    ChipSpec spec = small_spec();
    const std::vector<std::int64_t> widths{33, 64, 9, 40};
    spec.mxm_install_latency_cycles = 0;
    spec.mxm_load_latency_cycles = 0;
    check_chain(spec, widths);
    spec.mxm_install_latency_cycles = 4;
    spec.mem_write_latency_cycles = 3;
    spec.vxm_alu_latency_cycles = 5;
    check_chain(spec, widths);
    spec.vxm_alus = 7; // Enough for one taker a hemisphere.
    check_chain(spec, widths);
    spec.streams_per_direction = 4;
    check_chain(spec, widths);
}

TEST_CASE("in steady state a chain uses 20 of 21 cycles of every stream") {
    const ChipSpec spec;
    // 3840 x 3840 is 3 rounds of 12 steps; a pass is 20 loads and an install.
    const auto cycles = [&](std::size_t layers) {
        const std::vector<std::int64_t> widths(layers + 1, 3840);
        const Program program = gemv_chain(spec, widths, std::vector<float>(layers, 0.001F));
        const Run timed = fold(program, spec, {}, false);
        REQUIRE(!timed.error);
        return timed.cycles;
    };
    CHECK(cycles(7) - cycles(5) == 2 * 3 * 12 * 21); // Results take turns between two buffers.
    CHECK(3840 * 3840 / spec.stream_bytes_per_cycle() == 3 * 12 * 20);
    for (const GemvChainLayer& layer : plan_gemv_chain(spec, {3840, 3840, 3840}).layers)
        CHECK(layer.stall_cycles == 0);
}

TEST_CASE("a layer waits for the results it starts with") {
    // One tile a taker and four steps: the next layer's first operand leaves the MXM after the last pass.
    const ChipSpec spec;
    const GemvChainPlan plan = plan_gemv_chain(spec, {1280, 1280, 1280});
    CHECK(plan.layers[1].passes == 4);
    CHECK(plan.layers[1].stall_cycles > 0);
    CHECK(plan.layers[1].stall_cycles < 120);
}

TEST_CASE("a chain that makes no sense or does not fit is refused") {
    const ChipSpec spec;
    CHECK_THROWS_AS((void)plan_gemv_chain(spec, {320}), ValueError);
    CHECK_THROWS_AS((void)plan_gemv_chain(spec, {320, 0}), ValueError);
    CHECK_THROWS_AS((void)gemv_chain(spec, {320, 320}, {}), ValueError);
    CHECK_THROWS_AS((void)plan_gemv_chain(spec, {12'800, 12'800, 1280}), CapacityError);
    CHECK_NOTHROW((void)plan_gemv_chain(spec, {12'800, 12'800}));
}
