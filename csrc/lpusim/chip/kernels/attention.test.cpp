#include "lpusim/chip/kernels/attention.h"

#include <doctest/doctest.h>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/attention_test.h"
#include "lpusim/chip/kernels/matmul_test.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {

namespace {

struct Operands {
    Halves queries, keys, values;
};

Operands random_operands(const AttentionShape& shape, std::uint64_t seed) {
    const KvShape& kv = shape.kv;
    return {random_halves(shape.queries * shape.heads * kv.qk_dim, seed),
            random_halves(kv.capacity * kv.kv_heads * kv.qk_dim, seed + 1),
            random_halves(kv.capacity * kv.kv_heads * kv.v_dim, seed + 2)};
}

std::vector<std::uint32_t> output(const Program& program, const ChipSpec& spec, const Memory& memory) {
    if (find_tensor(program, "out").dtype == DType::Fp32) {
        return fetch<std::uint32_t>(program, "out", spec, memory);
    }
    const Halves halves = fetch<std::uint16_t>(program, "out", spec, memory);
    return {halves.begin(), halves.end()};
}

/// Runs in fold, and in tick where asked; both must agree.
std::vector<std::uint32_t> attend(const ChipSpec& spec, const AttentionShape& shape, const Operands& operands,
                                  bool both_engines = false) {
    const Program program = attention(spec, shape);
    Memory memory(spec);
    store(program, "q", spec, memory, operands.queries);
    store(program, "k", spec, memory, operands.keys);
    store(program, "v", spec, memory, operands.values);
    const Run folded = fold(program, spec, memory, true);
    if (folded.error) {
        FAIL(describe(*folded.error, program, spec));
    }
    CHECK(folded.cycles == plan_attention(spec, shape).cycles);
    if (both_engines) {
        const Run ticked = tick(program, spec, std::move(memory), true);
        REQUIRE(!ticked.error);
        CHECK(ticked.cycles == folded.cycles);
        CHECK(ticked.memory == folded.memory);
    }
    return output(program, spec, folded.memory);
}

/// Bit for bit what is promised, and near to exact softmax.
void check_attention(const ChipSpec& spec, const AttentionShape& shape, std::uint64_t seed,
                     bool both_engines) {
    CAPTURE(shape.queries);
    CAPTURE(shape.context);
    CAPTURE(shape.heads);
    CAPTURE(shape.kv.kv_heads);
    CAPTURE(shape.kv.qk_dim);
    CAPTURE(shape.kv.v_dim);
    const Operands operands = random_operands(shape, seed);
    const AttentionReference reference(spec, shape, operands.queries, operands.keys, operands.values);
    const auto out = attend(spec, shape, operands, both_engines);
    CHECK(out == reference.bits());
    const auto exact = reference.exact();
    REQUIRE(exact.size() == out.size());
    double worst = 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const float value = shape.output == DType::Fp16 ? fp32_from_fp16(static_cast<std::uint16_t>(out[i]))
                                                        : std::bit_cast<float>(out[i]);
        worst = std::max(worst, std::abs(static_cast<double>(value) - exact[i]));
    }
    CHECK(worst <= 4 * 0x1p-11 * 4.0); // No value is above 4.
}

} // namespace

TEST_CASE("attention gives the promised bits on a small chip in both engines") {
    const ChipSpec spec = small_attention_spec();
    std::uint64_t seed = 1;
    for (AttentionShape shape :
         {attention_shape(1, 1, 1, 1, 1, 1),  // one key
          attention_shape(1, 5, 1, 1, 8, 6),  // less than a tile
          attention_shape(1, 6, 2, 2, 8, 6),  // a tile
          attention_shape(1, 7, 2, 2, 8, 6),  // and one key more
          attention_shape(1, 20, 4, 2, 4, 4), // two query heads share keys
          attention_shape(1, 23, 5, 1, 20,
                          13),                 // three steps of dims, three parts of values, both hemispheres
          attention_shape(1, 13, 10, 5, 3, 2), // two KV heads side by side; the east has fewer units
          attention_shape(5, 17, 6, 3, 3, 2),  // queries that see two or three tiles
          attention_shape(14, 14, 2, 2, 8, 8), // prefill in several rounds
          attention_shape(13, 13, 2, 1, 9, 7)}) {
        for (const bool causal : {true, false}) {
            for (const DType type : {DType::Fp16, DType::Fp32}) {
                shape.causal = causal;
                shape.output = type;
                check_attention(spec, shape, ++seed, true);
            }
        }
    }
}

TEST_CASE("attention gives the promised bits whatever the latencies") {
    std::uint64_t seed = 300;
    for (const ChipSpec& spec : other_attention_specs()) {
        CAPTURE(seed);
        check_attention(spec, attention_shape(1, 20, 4, 2, 4, 4), ++seed, true);
        check_attention(spec, attention_shape(9, 15, 2, 1, 9, 7), ++seed, true);
        check_attention(spec, attention_shape(13, 13, 4, 4, 8, 6), ++seed, true);
    }
}

TEST_CASE("attention gives the promised bits on 320 lanes") {
    const ChipSpec spec;
    check_attention(spec, attention_shape(1, 700, 8, 2, 128, 128), 51, true);
    check_attention(spec, attention_shape(40, 330, 4, 4, 64, 64), 52, false);
    check_attention(spec, attention_shape(1, 400, 16, 1, 576, 512), 53, false);
    check_attention(spec, attention_shape(3, 317, 5, 5, 100, 75), 54, false);
}

TEST_CASE("prefill row i is decode at context i + 1, bit for bit") {
    const ChipSpec spec = small_attention_spec();
    AttentionShape prefill = attention_shape(15, 15, 4, 2, 4, 3);
    const Operands all = random_operands(prefill, 77);
    const auto rows = attend(spec, prefill, all);
    for (std::int64_t i = 0; i < 15; ++i) {
        AttentionShape decode = prefill;
        decode.queries = 1;
        decode.context = i + 1;
        Operands one = all;
        one.queries.assign(all.queries.begin() + i * 16, all.queries.begin() + (i + 1) * 16);
        CHECK(attend(spec, decode, one) ==
              std::vector<std::uint32_t>(rows.begin() + i * 12, rows.begin() + (i + 1) * 12));
    }
}

TEST_CASE("attention refuses shapes that mean nothing and says what is short") {
    const ChipSpec spec = small_attention_spec();
    const auto plan = [&](std::int64_t queries, std::int64_t context, std::int64_t heads,
                          std::int64_t kv_heads) {
        return plan_attention(spec, attention_shape(queries, context, heads, kv_heads, 4, 3));
    };
    CHECK_NOTHROW((void)plan(1, 5, 4, 2));
    CHECK_THROWS_WITH_AS((void)plan(1, 5, 3, 2),
                         "attention: heads must be a multiple of the 2 KV heads, got 3", ValueError);
    CHECK_NOTHROW((void)plan(5, 5, 2, 2));
    CHECK_THROWS_AS((void)plan(6, 5, 2, 2), ValueError);
    CHECK_THROWS_AS((void)plan(0, 5, 2, 2), ValueError);
    CHECK_NOTHROW((void)plan(1, 5, 24, 2)); // Twelve query heads share keys, one accumulator each.
    CHECK_THROWS_AS((void)plan(1, 5, 26, 2), ValueError);
    CHECK_THROWS_AS((void)plan(257, 257, 2, 2), CapacityError); // A slice has 256 words.
    AttentionShape shape = attention_shape(1, 5, 2, 2, 4, 3);
    shape.kv.capacity = 4;
    CHECK_THROWS_AS((void)plan_attention(spec, shape), ValueError);
    shape.kv.capacity = 6;
    shape.output = DType::Int32;
    CHECK_THROWS_AS((void)plan_attention(spec, shape), ValueError);
    for (const auto& [field, least] : {std::pair{&ChipSpec::mxm_planes_per_hemisphere, std::int64_t{2}},
                                       {&ChipSpec::vxm_alus, 14},
                                       {&ChipSpec::sxm_queues_per_hemisphere, 8},
                                       {&ChipSpec::streams_per_direction, 8},
                                       {&ChipSpec::mem_slices_per_hemisphere, 16}}) {
        ChipSpec smaller = spec;
        smaller.*field = least;
        CHECK_NOTHROW((void)plan_attention(smaller, attention_shape(1, 5, 2, 2, 4, 3)));
        smaller.*field = least - 1;
        smaller.mxm_load_streams = 1;
        CHECK_THROWS_AS((void)plan_attention(smaller, attention_shape(1, 5, 2, 2, 4, 3)), ValueError);
    }
}

TEST_CASE("attention on the first chip is legal, takes the planned cycles and keeps near its bound") {
    const ChipSpec spec;
    struct Case {
        AttentionShape shape;
        std::int64_t stream_bound_cycles;
        std::int64_t mxm_bound_cycles;
        double utilisation_least;
    };
    for (const auto& [shape, stream_bound, mxm_bound, least] : {
             // 4096 keys of 32 heads, 2 x 128 x 2 B each, at 20,480 B a cycle; 14 tiles x 32 heads x 2
             // products.
             Case{attention_shape(1, 4096, 32, 32, 128, 128), 3277, 896, 0.57},
             // One KV head of 576 + 512; 128 heads x 14 tiles x (2 steps + 2 parts) x 2 cycles / 2 pairs.
             Case{attention_shape(1, 4096, 128, 1, 576, 512), 436, 7168, 0.73},
             Case{attention_shape(1, 30'000, 64, 8, 128, 128), 6000, 12'288, 0.6},
             // Queries 1 to 98 of 256 see 6 tiles of 315 keys, the others 7.
             Case{attention_shape(256, 2048, 32, 8, 128, 128), 410, 108'416, 0.55},
         }) {
        CAPTURE(shape.queries);
        CAPTURE(shape.context);
        CAPTURE(shape.heads);
        const AttentionPlan plan = plan_attention(spec, shape);
        CHECK(plan.stream_bound_cycles == stream_bound);
        CHECK(plan.mxm_bound_cycles == mxm_bound);
        CHECK(plan.utilisation() > least);
        const Program program = attention(spec, shape);
        const Verdict verdict = verify(program, spec);
        CHECK(verdict.message.empty());
        CHECK(verdict.cycles == plan.cycles);
        MESSAGE(program.runs.size() << " runs, " << plan.cycles << " cycles, " << plan.utilisation());
    }
}

} // namespace lpusim::chip
