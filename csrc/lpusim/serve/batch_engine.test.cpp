#include "lpusim/serve/batch_engine.h"

#include <doctest/doctest.h>
#include <memory>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/serve/engine_run.test.h"

using lpusim::ValueError;
using lpusim::device::BatchStep;
using lpusim::serve::BatchEngine;
using lpusim::serve::BatchOptions;
using lpusim::serve::Records;
using lpusim::serve::validate;
using lpusim::serve::test::Arrival;
using lpusim::serve::test::Run;
using lpusim::serve::test::run_engine;

namespace {

/// 100 ps a step, 10 a prefill token, 1 a token of context attended to by decoding.
class LinearTiming final : public lpusim::device::BatchTiming {
  public:
    explicit LinearTiming(std::int64_t capacity) : capacity_(capacity) {}
    [[nodiscard]] std::int64_t step_ps(const BatchStep& step) const override {
        return 100 + 10 * step.prefill_tokens + step.decode_context_tokens;
    }
    [[nodiscard]] std::int64_t kv_token_capacity() const override { return capacity_; }

  private:
    std::int64_t capacity_;
};

/// 1 ps a step, 1 a token that a prompt token attends to.
class PromptAttentionTiming final : public lpusim::device::BatchTiming {
  public:
    [[nodiscard]] std::int64_t step_ps(const BatchStep& step) const override {
        return 1 + step.prefill_context_tokens;
    }
    [[nodiscard]] std::int64_t kv_token_capacity() const override { return 1000; }
};

Run run(const std::vector<Arrival>& arrivals, BatchOptions options, std::int64_t capacity = 1000) {
    validate(options);
    return run_engine(arrivals, [&](Records& records) {
        return BatchEngine(std::make_shared<const LinearTiming>(capacity), options, records);
    });
}

using Column = std::vector<std::int64_t>;
constexpr BatchOptions kSmall{.batch_tokens_max = 4, .sequence_count_max = 2, .block_tokens = 4};

} // namespace

TEST_CASE("a prompt longer than the token budget takes several iterations") {
    const Run r = run({{1000, 6, 3}}, kSmall);
    // 4 tokens: 140 ps; 2 tokens: 120 ps, first token at 1260; contexts 7 and 8: 107 and 108 ps.
    CHECK(r.records.first_token_ps == Column{1260});
    CHECK(r.records.finish_ps == Column{1260 + 107 + 108});
    CHECK(r.statistics.steps == 4);
    CHECK(r.statistics.busy_ps == 475);
    CHECK(r.statistics.kv_unit_ps.value() == lpusim::UInt128{0, 3 * 475});
}

TEST_CASE("a prompt token attends to itself and to all before it, also those of earlier iterations") {
    const Run r = run_engine({{0, 6, 1}}, [](Records& records) {
        return BatchEngine(std::make_shared<const PromptAttentionTiming>(), kSmall, records);
    });
    // 1 + (1 + 2 + 3 + 4) ps, then 1 + (5 + 6) ps.
    CHECK(r.records.first_token_ps == Column{11 + 12});
}

TEST_CASE("decoding goes first and prefill gets what is left of the budget") {
    const Run r = run({{0, 1, 3}, {1, 4, 1}}, kSmall);
    // Step 1 to 110: A's prompt. Step 2: A at context 2 and 3 tokens of B, 132 ps. Step 3: A at 3 and 1 of B.
    CHECK(r.records.first_token_ps == Column{110, 110 + 132 + 113});
    CHECK(r.records.finish_ps == Column{355, 355});
}

TEST_CASE("an arrival at the end of an iteration joins the next one, a later one waits") {
    CHECK(run({{0, 1, 2}, {110, 1, 1}}, kSmall).records.first_token_ps[1] == 110 + 112);
    CHECK(run({{0, 1, 2}, {111, 1, 1}}, kSmall).records.first_token_ps[1] == 110 + 102 + 110);
}

TEST_CASE("blocks of the whole final context are reserved, rounded up") {
    // Two blocks of four: A takes both with 5 tokens, so B waits for A's end; with 4 tokens they share.
    CHECK(run({{0, 2, 3}, {0, 1, 1}}, kSmall, 8).records.first_token_ps[1] == 120 + 103 + 104 + 110);
    CHECK(run({{0, 2, 2}, {0, 1, 1}}, kSmall, 8).records.first_token_ps[1] == 130);
}

TEST_CASE("the sequence limit holds back the third") {
    const Run r = run({{0, 1, 1}, {0, 1, 1}, {0, 1, 1}}, kSmall);
    CHECK(r.records.finish_ps == Column{120, 120, 230});
}

TEST_CASE("only whole blocks count, and what the empty machine cannot hold is refused") {
    Records records;
    const BatchEngine engine(std::make_shared<const LinearTiming>(11), kSmall, records);
    CHECK(engine.can_hold({0, 4, 4}));
    CHECK_FALSE(engine.can_hold({0, 5, 4}));
}

TEST_CASE("a budget that decoding alone could exceed is refused") {
    CHECK_THROWS_AS(validate({.batch_tokens_max = 1, .sequence_count_max = 2}), ValueError);
    CHECK_THROWS_AS(validate({.batch_tokens_max = 1, .sequence_count_max = 0}), ValueError);
    CHECK_THROWS_AS(validate({.batch_tokens_max = 1, .sequence_count_max = 1, .block_tokens = 0}),
                    ValueError);
    CHECK_NOTHROW(validate({.batch_tokens_max = 2, .sequence_count_max = 2}));
}
