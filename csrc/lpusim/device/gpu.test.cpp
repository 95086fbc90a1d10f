#include "lpusim/device/gpu.h"

#include <doctest/doctest.h>
#include <limits>

using lpusim::CapacityError;
using lpusim::ValueError;
using lpusim::device::BatchStep;
using lpusim::device::GpuSpec;
using lpusim::device::GpuTiming;
using lpusim::model::Load;

namespace {

/// Round numbers: 1000 FLOP/s, 100 B/s, 1000 B.
GpuSpec small_gpu() {
    GpuSpec spec;
    spec.fp16_flops_per_s = 1000;
    spec.memory_bytes = 1000;
    spec.memory_bytes_per_s = 100;
    spec.link_bytes_per_s = 10;
    spec.scale_up_chips = 2;
    return spec;
}

Load small_dense() {
    Load load;
    load.weight_bytes = 900;
    load.always_read_bytes = 800;
    load.flops_per_token = 1600;
    load.attention_flops_per_context_token = 10;
    load.kv_bytes_per_token = 5;
    load.layers = 1;
    load.hidden = 3;
    return load;
}

constexpr std::int64_t kSecond = 1'000'000'000'000;

} // namespace

TEST_CASE("a lone decode token takes as long as the weights and its context take to read") {
    const GpuTiming timing(small_gpu(), 1, small_dense(), "fp16");
    // (800 + 4 x 5) B / 100 B/s = 8.2 s; compute is (1600 + 40) / 1000 = 1.64 s.
    CHECK(timing.step_ps({.decode_sequences = 1, .decode_context_tokens = 4}) == 82 * kSecond / 10);
}

TEST_CASE("a long prefill takes as long as its arithmetic") {
    const GpuTiming timing(small_gpu(), 1, small_dense(), "fp16");
    // 10 tokens: (10 x 1600 + 55 x 10) / 1000 = 16.55 s against (800 + 5.5 x 5) / 100 = 8.275 s.
    CHECK(timing.step_ps({.prefill_tokens = 10, .prefill_context_tokens = 55}) == 1655 * kSecond / 100);
}

TEST_CASE("two chips halve the roof and pay two all-reduces a layer") {
    const GpuTiming timing(small_gpu(), 2, small_dense(), "fp16");
    // 820 B / 200 B/s = 4.1 s; all-reduce: 2 x (2 x 1/2) x 1 x 3 x 2 B / 10 B/s = 1.2 s.
    CHECK(timing.step_ps({.decode_sequences = 1, .decode_context_tokens = 4}) == 53 * kSecond / 10);
}

TEST_CASE("overhead is charged for every layer and a latency for every all-reduce") {
    GpuSpec spec = small_gpu();
    spec.kernel_overhead_us = 100'000;
    spec.collective_latency_us = 10'000;
    const GpuTiming timing(spec, 2, small_dense(), "fp16");
    // 5.3 s as above + 1 layer x 0.1 s + 2 x 0.01 s.
    CHECK(timing.step_ps({.decode_sequences = 1, .decode_context_tokens = 4}) == 542 * kSecond / 100);
}

TEST_CASE("beyond one scale-up group, weights are read by one group at a time") {
    GpuSpec spec = small_gpu();
    spec.scale_up_chips = 1;
    const GpuTiming timing(spec, 2, small_dense(), "fp16");
    CHECK(timing.stage_count() == 2);
    // One token: the same 8.2 s as on one chip. Two tokens of 4: two micro-batches of one: 8.2 s again.
    CHECK(timing.step_ps({.decode_sequences = 1, .decode_context_tokens = 4}) == 82 * kSecond / 10);
    CHECK(timing.step_ps({.decode_sequences = 2, .decode_context_tokens = 8}) == 82 * kSecond / 10);
}

TEST_CASE("a step reads the expected number of distinct experts") {
    Load load = small_dense();
    load.always_read_bytes = 0;
    load.kv_bytes_per_token = 1;
    load.flops_per_token = 0;
    load.attention_flops_per_context_token = 0;
    load.moe_layers = 2;
    load.experts = 4;
    load.experts_per_token = 2;
    load.expert_bytes = 100;
    const GpuTiming timing(small_gpu(), 1, load, "fp16");
    // One token: 4 (1 - 1/2) = 2 experts in each of 2 layers = 400 B; two tokens: 4 (1 - 1/4) = 3: 600 B.
    CHECK(timing.step_ps({.decode_sequences = 1}) == 4 * kSecond);
    CHECK(timing.step_ps({.decode_sequences = 2}) == 6 * kSecond);
    load.experts_per_token = 4;
    CHECK(GpuTiming(small_gpu(), 1, load, "fp16").step_ps({.decode_sequences = 1}) == 8 * kSecond);
}

TEST_CASE("each group of chips reads the experts of its own micro-batch") {
    Load load = small_dense();
    load.always_read_bytes = 0;
    load.kv_bytes_per_token = 1;
    load.flops_per_token = 0;
    load.attention_flops_per_context_token = 0;
    load.moe_layers = 2;
    load.experts = 4;
    load.experts_per_token = 2;
    load.expert_bytes = 100;
    GpuSpec spec = small_gpu();
    spec.scale_up_chips = 1;
    // Two groups take one token each: 2 experts in each of 2 layers, 400 B, as for one token alone.
    CHECK(GpuTiming(spec, 2, load, "fp16").step_ps({.decode_sequences = 2}) == 4 * kSecond);
}

TEST_CASE("a window layer reads no more than its window") {
    Load load = small_dense();
    load.window_tokens = 3;
    load.window_kv_bytes_per_token = 10;
    const GpuTiming timing(small_gpu(), 1, load, "fp16");
    // 800 + 2 x 5 + 2 x 10 = 830 B inside the window; 800 + 8 x 5 + 3 x 10 = 870 B beyond.
    CHECK(timing.step_ps({.decode_sequences = 1, .decode_context_tokens = 2}) == 83 * kSecond / 10);
    CHECK(timing.step_ps({.decode_sequences = 1, .decode_context_tokens = 8}) == 87 * kSecond / 10);
}

TEST_CASE("KV capacity is what is left beside the weights, to the token") {
    CHECK(GpuTiming(small_gpu(), 1, small_dense(), "fp16").kv_token_capacity() == 20);
    Load load = small_dense();
    load.weight_bytes = 901;
    CHECK(GpuTiming(small_gpu(), 1, load, "fp16").kv_token_capacity() == 19);
    load.weight_bytes = 995;
    CHECK(GpuTiming(small_gpu(), 1, load, "fp16").kv_token_capacity() == 1);
}

TEST_CASE("weights that do not fit name what is short and how many chips would do") {
    Load load = small_dense();
    load.weight_bytes = 996;
    CHECK_THROWS_AS(GpuTiming(small_gpu(), 1, load, "fp16"), CapacityError);
    load.weight_bytes = 2100;
    try {
        GpuTiming(small_gpu(), 2, load, "fp16");
        FAIL("2105 B do not fit into 2000 B");
    } catch (const CapacityError& error) {
        CHECK(error.required_bytes == 2105);
        CHECK(error.available_bytes == 2000);
        CHECK(error.smallest_chip_count == 4); // 3 chips would hold it, but groups of 2 come whole.
    }
}

TEST_CASE("a chip without a format runs at the next wider rate it has") {
    GpuSpec spec = small_gpu();
    CHECK(matmul_flops_per_s(spec, "fp8") == 1000);
    CHECK(matmul_flops_per_s(spec, "fp4") == 1000);
    spec.fp8_flops_per_s = 2000;
    CHECK(matmul_flops_per_s(spec, "fp8") == 2000);
    CHECK(matmul_flops_per_s(spec, "fp4") == 2000);
    CHECK(matmul_flops_per_s(spec, "int8") == 1000);
    CHECK_THROWS_AS((void)matmul_flops_per_s(spec, "fp12"), ValueError);
}

TEST_CASE("bad specs and chip counts are refused with their name") {
    const Load load = small_dense();
    GpuSpec spec = small_gpu();
    CHECK_THROWS_WITH_AS(GpuTiming(spec, 0, load, "fp16"), "chip_count must be from 1 to 1000000, got 0",
                         ValueError);
    CHECK_THROWS_AS(GpuTiming(spec, 3, load, "fp16"), ValueError);
    spec.compute_efficiency = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(GpuTiming(spec, 1, load, "fp16"), ValueError);
    spec = small_gpu();
    spec.link_bytes_per_s = 0;
    CHECK_THROWS_AS(GpuTiming(spec, 2, load, "fp16"), ValueError);
}

TEST_CASE("more tokens or more context never make a step shorter") {
    Load load = small_dense();
    load.moe_layers = 3;
    load.experts = 7;
    load.experts_per_token = 2;
    load.expert_bytes = 11;
    const GpuTiming timing(small_gpu(), 2, load, "fp16");
    std::int64_t previous = 0;
    for (std::int64_t tokens = 1; tokens < 200; ++tokens) {
        const std::int64_t now =
            timing.step_ps({.decode_sequences = tokens, .decode_context_tokens = tokens * 10});
        CHECK(now >= previous);
        CHECK(timing.step_ps({.decode_sequences = tokens, .decode_context_tokens = tokens * 11}) >= now);
        previous = now;
    }
}
