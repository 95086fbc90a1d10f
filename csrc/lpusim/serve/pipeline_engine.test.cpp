#include "lpusim/serve/pipeline_engine.h"

#include <doctest/doctest.h>
#include <memory>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/serve/engine_run.test.h"

using lpusim::ValueError;
using lpusim::device::PipelineTiming;
using lpusim::serve::PipelineEngine;
using lpusim::serve::PipelineOptions;
using lpusim::serve::Records;
using lpusim::serve::validate;
using lpusim::serve::test::Arrival;
using lpusim::serve::test::Run;
using lpusim::serve::test::run_engine;

namespace {

/// Two stages; a decode token holds each for 10 ps, a prefill chunk of two tokens for 30 ps. Four pages of
/// four.
PipelineTiming two_stages() {
    PipelineTiming timing;
    timing.stage_count = 2;
    timing.page_tokens = 4;
    timing.kv_page_count = 4;
    timing.chunk_tokens = 2;
    timing.decode_occupancy_ps = {10, 10, 10, 10};
    timing.decode_latency_ps = {25, 25, 25, 25};
    timing.prefill_occupancy_ps = {30, 30, 30, 30};
    timing.prefill_latency_ps = {70, 70, 70, 70};
    return timing;
}

Run run(const PipelineTiming& timing, const std::vector<Arrival>& arrivals, PipelineOptions options = {}) {
    validate(timing);
    return run_engine(arrivals, [&](Records& records) {
        return PipelineEngine(std::make_shared<const PipelineTiming>(timing), options, records);
    });
}

using Column = std::vector<std::int64_t>;

} // namespace

TEST_CASE("chunks follow each other directly, decode tokens wait for their predecessor") {
    const Run r = run(two_stages(), {{100, 3, 3}});
    // Chunks enter at 100 and 130; the second leaves at 200. Tokens 2 and 3 leave at 225 and 250.
    CHECK(r.records.first_token_ps == Column{200});
    CHECK(r.records.finish_ps == Column{250});
    CHECK(r.statistics.busy_ps == 2 * 30 + 2 * 10);
    CHECK(r.statistics.prefill_items == 2);
    CHECK(r.statistics.decode_items == 2);
}

TEST_CASE("a short item behind a long one enters late enough to find every stage free") {
    const Run r = run(two_stages(), {{0, 1, 2}, {60, 2, 1}});
    // A's chunk leaves at 70. B's chunk holds stage 1 from 90 to 120, so A's token may enter at 110, not
    // at 90.
    CHECK(r.records.first_token_ps == Column{70, 130});
    CHECK(r.records.finish_ps == Column{135, 130});
}

TEST_CASE("a ready decode token goes before a waiting prefill chunk, unless told otherwise") {
    // A's token 2 is ready at 70, when stage 0 is free since 30. B arrives at the same instant.
    const std::vector<Arrival> arrivals{{0, 1, 2}, {70, 2, 1}};
    const Run decode_first = run(two_stages(), arrivals);
    CHECK(decode_first.records.finish_ps == Column{95, 80 + 70});
    const Run prefill_first = run(two_stages(), arrivals, {.prefill_first = true});
    CHECK(prefill_first.records.finish_ps == Column{120 + 25, 140});
}

TEST_CASE("a request waits for the pages of its whole final context") {
    // A holds all four pages until 70 + 7 x 25 = 245 if it needs 16 tokens; B cannot enter before.
    const Run full = run(two_stages(), {{0, 2, 14}, {1, 1, 1}});
    CHECK(full.records.finish_ps == Column{70 + 13 * 25, 70 + 13 * 25 + 70});
    // With 12 tokens a page is left, and B's chunk enters right behind A's.
    const Run three_pages = run(two_stages(), {{0, 2, 10}, {1, 1, 1}});
    CHECK(three_pages.records.finish_ps[1] == 30 + 70);
    CHECK(three_pages.statistics.kv_units_peak == 4);
}

TEST_CASE("nobody overtakes in the admission queue, even where it would fit") {
    const Run r = run(two_stages(), {{0, 2, 10}, {1, 2, 14}, {2, 1, 1}});
    CHECK(r.records.first_token_ps[2] > r.records.first_token_ps[1]);
}

TEST_CASE("a sequence limit holds back the next one until a finish") {
    const Run r = run(two_stages(), {{0, 1, 1}, {0, 1, 1}}, {.sequence_count_max = 1});
    CHECK(r.records.finish_ps == Column{70, 140});
    CHECK(run(two_stages(), {{0, 1, 1}, {0, 1, 1}}).records.finish_ps == Column{70, 100});
}

TEST_CASE("an item pays for the page its context has reached") {
    PipelineTiming timing = two_stages();
    timing.decode_latency_ps = {25, 1025, 25, 25};
    timing.prefill_latency_ps = {70, 5070, 70, 70};
    // Context 4 is still on the first page, context 5 on the second.
    CHECK(run(timing, {{0, 3, 2}}).records.finish_ps == Column{30 + 70 + 25});
    CHECK(run(timing, {{0, 4, 2}}).records.finish_ps == Column{30 + 70 + 1025});
    CHECK(run(timing, {{0, 5, 1}}).records.finish_ps == Column{60 + 5070});
}

TEST_CASE("a request that the empty machine cannot hold is refused") {
    Records records;
    PipelineTiming timing = two_stages();
    const auto holds = [&](std::int64_t input, std::int64_t output) {
        return PipelineEngine(std::make_shared<const PipelineTiming>(timing), {}, records)
            .can_hold({0, input, output});
    };
    CHECK(holds(8, 8));
    CHECK_FALSE(holds(9, 8));
    timing.kv_page_count = 100; // now the tables end first
    CHECK_FALSE(holds(9, 8));
}

TEST_CASE("pages are integrated over the time they are held") {
    const Run r = run(two_stages(), {{100, 3, 3}});
    // Two pages from 100 to 250.
    CHECK(r.statistics.kv_unit_ps.value() == lpusim::UInt128{0, 300});
}

TEST_CASE("tables that cannot be are refused by name") {
    PipelineTiming timing = two_stages();
    timing.decode_latency_ps[2] = 9;
    CHECK_THROWS_WITH_AS(validate(timing),
                         "PipelineTiming: decode_latency_ps[2] = 9 is below its occupancy 10", ValueError);
    timing = two_stages();
    timing.prefill_occupancy_ps.pop_back();
    CHECK_THROWS_AS(validate(timing), ValueError);
    timing = two_stages();
    timing.decode_occupancy_ps[0] = 0;
    CHECK_THROWS_AS(validate(timing), ValueError);
    timing = two_stages();
    timing.chunk_tokens = 0;
    CHECK_THROWS_AS(validate(timing), ValueError);
}

TEST_CASE("a run past the end of time is an error, not a wrap") {
    PipelineTiming timing = two_stages();
    timing.page_tokens = std::int64_t{1} << 40U;
    timing.decode_latency_ps.assign(4, lpusim::serve::kLatestPs / 4);
    CHECK_THROWS_AS(run(timing, {{0, 1, 6}}), ValueError);
}
