#include "lpusim/chip/kernels/kv_append.h"

#include <doctest/doctest.h>

#include "lpusim/base/errors.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/attention_test.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/kernels/matmul_test.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {

namespace {

/// Both engines, which must agree; the memory afterwards.
Memory run_both(const Program& program, const ChipSpec& spec, const Memory& memory) {
    Run folded = fold(program, spec, memory, true);
    if (folded.error) {
        FAIL(describe(*folded.error, program, spec));
    }
    const Run ticked = tick(program, spec, memory, true);
    REQUIRE(!ticked.error);
    CHECK(ticked.cycles == folded.cycles);
    CHECK(ticked.memory == folded.memory);
    return std::move(folded.memory);
}

/// Rows first .. first + count - 1 of a matrix.
Halves rows_of(const Halves& matrix, std::int64_t columns, std::int64_t first, std::int64_t count) {
    return {matrix.begin() + first * columns, matrix.begin() + (first + count) * columns};
}

/// Any bits at all: infinities and NaNs are only carried.
Halves random_bits16(std::int64_t count, std::uint64_t seed) {
    Halves values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<std::uint16_t>(random_bits(seed, 0, i));
    }
    return values;
}

/// Appends `tokens` at a time until the cache is full; it must then hold every bit, in its place.
void check_append(const ChipSpec& spec, const KvShape& kv, std::int64_t tokens, std::uint64_t seed) {
    CAPTURE(kv.capacity);
    CAPTURE(kv.kv_heads);
    CAPTURE(kv.qk_dim);
    CAPTURE(kv.v_dim);
    CAPTURE(tokens);
    const std::int64_t k_columns = kv.kv_heads * kv.qk_dim, v_columns = kv.kv_heads * kv.v_dim;
    const Halves keys = random_bits16(kv.capacity * k_columns, seed);
    const Halves values = random_bits16(kv.capacity * v_columns, seed + 1);
    Memory memory(spec), expected(spec);
    for (std::int64_t position = 0; position < kv.capacity; position += tokens) {
        const KvAppendShape shape{kv, position, std::min(tokens, kv.capacity - position)};
        const Program program = kv_append(spec, shape);
        CHECK(verify(program, spec).cycles == plan_kv_append(spec, shape).cycles);
        store(program, "k_new", spec, memory, rows_of(keys, k_columns, position, shape.tokens));
        store(program, "v_new", spec, memory, rows_of(values, v_columns, position, shape.tokens));
        memory = run_both(program, spec, memory);
    }
    const Program last = kv_append(spec, {kv, 0, 1});
    CHECK(fetch<std::uint16_t>(last, "k_after", spec, memory) == keys);
    CHECK(fetch<std::uint16_t>(last, "v_after", spec, memory) == values);
    // What lies beside the tokens in a tile is as the cache's own tensors would have it.
    store(last, "k", spec, expected, keys);
    store(last, "v", spec, expected, values);
    const KvLayout layout = kv_layout(spec, kv);
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        for (std::int64_t slice = layout.first; slice < layout.first + 2 * layout.width; ++slice) {
            for (std::int64_t word = 0; word < layout.ones_word; ++word) {
                const std::int64_t ordinal = slice_ordinal(spec, side, slice);
                REQUIRE(std::equal(memory.read(ordinal, word), memory.read(ordinal, word) + spec.lanes(),
                                   expected.read(ordinal, word)));
            }
        }
    }
}

} // namespace

TEST_CASE("tokens appended one by one or several at once fill the cache bit for bit") {
    const ChipSpec spec = small_attention_spec();
    std::uint64_t seed = 1;
    for (const std::int64_t tokens : {1, 2, 5, 13}) {
        check_append(spec, {13, 1, 8, 6}, tokens, ++seed);
        check_append(spec, {13, 2, 8, 6}, tokens, ++seed);  // a unit in each hemisphere
        check_append(spec, {8, 5, 3, 2}, tokens, ++seed);   // two heads in a unit
        check_append(spec, {7, 1, 20, 13}, tokens, ++seed); // three vectors of keys, three of values
    }
}

TEST_CASE("tokens are appended bit for bit whatever the latencies") {
    std::uint64_t seed = 500;
    for (const ChipSpec& spec : other_attention_specs()) {
        CAPTURE(seed);
        check_append(spec, {11, 3, 8, 6}, 1, ++seed);
        check_append(spec, {13, 1, 20, 13}, 4, ++seed);
    }
}

TEST_CASE("a token is appended on 320 lanes in a cycle a dim and hemisphere") {
    const ChipSpec spec;
    const KvAppendShape shape{{2000, 8, 128, 128}, 1234, 1};
    const KvAppendPlan plan = plan_kv_append(spec, shape);
    // A part is 18 words of 15 columns: two blocks of 9 words, 135 cycles each. Two parts in a hemisphere.
    CHECK(plan.blocks * plan.block_cycles == 270);
    const Verdict verdict = verify(kv_append(spec, shape), spec);
    CHECK(verdict.message.empty());
    CHECK(verdict.cycles == plan.cycles);
    CHECK(plan.cycles < 2 * 270 + 150);
    check_append(spec, {6, 3, 100, 75}, 3, 99);
}

TEST_CASE("append, then attend, step by step, is attention over the whole") {
    const ChipSpec spec = small_attention_spec();
    AttentionShape shape = attention_shape(14, 14, 4, 2, 4, 3);
    const KvShape kv = shape.kv;
    const Halves queries = random_halves(14 * 4 * 4, 5), keys = random_halves(14 * 2 * 4, 6),
                 values = random_halves(14 * 2 * 3, 7);
    Memory memory(spec);
    const Program whole = attention(spec, shape);
    store(whole, "q", spec, memory, queries);
    store(whole, "k", spec, memory, keys);
    store(whole, "v", spec, memory, values);
    const Halves expected = fetch<std::uint16_t>(whole, "out", spec, run_both(whole, spec, memory));

    memory = Memory(spec);
    Halves steps;
    shape.queries = 1;
    for (std::int64_t position = 0; position < 14; ++position) {
        const Program append = kv_append(spec, {kv, position, 1});
        store(append, "k_new", spec, memory, rows_of(keys, 8, position, 1));
        store(append, "v_new", spec, memory, rows_of(values, 6, position, 1));
        memory = run_both(append, spec, memory);
        shape.context = position + 1;
        const Program attend = attention(spec, shape);
        store(attend, "q", spec, memory, rows_of(queries, 16, position, 1));
        memory = run_both(attend, spec, memory);
        const Halves out = fetch<std::uint16_t>(attend, "out", spec, memory);
        steps.insert(steps.end(), out.begin(), out.end());
    }
    CHECK(steps == expected);
}

TEST_CASE("tokens beyond the capacity and caches beyond the SRAM are refused") {
    const ChipSpec spec = small_attention_spec();
    CHECK_NOTHROW((void)plan_kv_append(spec, {{12, 1, 8, 6}, 10, 2}));
    CHECK_THROWS_WITH_AS((void)plan_kv_append(spec, {{12, 1, 8, 6}, 11, 2}),
                         "kv_append: position must be from 0 to 10 for 2 tokens, got 11", ValueError);
    CHECK_THROWS_AS((void)plan_kv_append(spec, {{12, 1, 8, 6}, -1, 2}), ValueError);
    CHECK_THROWS_AS((void)plan_kv_append(spec, {{12, 1, 8, 6}, 0, 0}), ValueError);
    // A tile of six keys is two words of keys and two of values in each of 6 slices, and two words of ones.
    CHECK_NOTHROW((void)kv_layout(spec, {6 * 63, 1, 8, 6}));
    CHECK_THROWS_AS((void)kv_layout(spec, {6 * 63 + 1, 1, 8, 6}), CapacityError);
}

} // namespace lpusim::chip
