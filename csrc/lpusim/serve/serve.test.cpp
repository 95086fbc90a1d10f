#include "lpusim/serve/serve.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"

using lpusim::ValueError;
using namespace lpusim::serve;

namespace {

using Column = std::vector<std::int64_t>;

/// First token after `ttft_ps`, then one every `tpot_ps`.
PoolSpec api(std::string name, std::int64_t ttft_ps, std::int64_t tpot_ps, double usd_per_output_token,
             std::int64_t context_tokens_max = 0) {
    return {std::move(name), ApiMachine{{ttft_ps, tpot_ps, context_tokens_max}}, 1, 0, usd_per_output_token};
}

PoolSpec pipeline(std::string name, std::int64_t replicas) {
    lpusim::device::PipelineTiming timing;
    timing.stage_count = 1;
    timing.page_tokens = 100;
    timing.kv_page_count = 1;
    timing.chunk_tokens = 100;
    timing.decode_occupancy_ps = timing.decode_latency_ps = {10};
    timing.prefill_occupancy_ps = timing.prefill_latency_ps = {50};
    return {std::move(name), PipelineMachine{timing, {}}, replicas, 0, 0};
}

ServeOutcome run(const std::vector<PoolSpec>& pools, const Column& arrival, const Column& input,
                 const Column& output, const RouterOptions& router = {}) {
    return serve(pools, {arrival, input, output}, router);
}

} // namespace

TEST_CASE("an API pool answers at its own speed whatever the load") {
    const ServeOutcome r = run({api("a", 100, 7, 0)}, {5, 5}, {1, 1}, {1, 4});
    CHECK(r.first_token_ps == Column{105, 105});
    CHECK(r.finish_ps == Column{105, 126});
    CHECK(r.start_ps == 5);
    CHECK(r.end_ps == 126);
}

TEST_CASE("a request that no pool can hold is rejected, the others go on") {
    const ServeOutcome r = run({api("a", 100, 7, 0, 10)}, {0, 1, 2}, {5, 6, 5}, {5, 5, 5});
    CHECK(r.status == Column{0, 1, 0});
    CHECK(r.pool == Column{0, -1, 0});
    CHECK(r.finish_ps[1] == -1);
    CHECK(r.pools[0].finished == 2);
}

TEST_CASE("round robin takes turns and skips a pool that cannot hold the request") {
    const std::vector<PoolSpec> pools{api("a", 9, 9, 0), api("b", 9, 9, 0, 5), api("c", 9, 9, 0)};
    const ServeOutcome r = run(pools, {0, 0, 0, 0, 0}, {1, 9, 1, 1, 1}, {1, 1, 1, 1, 1});
    CHECK(r.pool == Column{0, 2, 0, 1, 2});
}

TEST_CASE("least loaded follows outstanding tokens and ties go to the first") {
    const std::vector<PoolSpec> pools{api("a", 100, 10, 0), api("b", 100, 10, 0)};
    // At 0: a. At 1: b is empty. At 2: a has 11 tokens, b has 21. At 200 both are empty again.
    const ServeOutcome r =
        run(pools, {0, 1, 2, 500}, {10, 20, 1, 1}, {1, 1, 1, 1}, {.policy = Policy::least_loaded});
    CHECK(r.pool == Column{0, 1, 0, 0});
}

TEST_CASE("the cheapest pool that meets the limits wins, else the fastest") {
    const std::vector<PoolSpec> pools{api("fast", 10, 1, 9), api("cheap", 1000, 100, 1),
                                      api("middle", 100, 10, 5)};
    RouterOptions router{.policy = Policy::cheapest_meeting_slo};
    CHECK(run(pools, {0}, {1}, {10}, router).pool == Column{1});
    router.time_to_first_token_ps = 100;
    CHECK(run(pools, {0}, {1}, {10}, router).pool == Column{2});
    router.time_per_output_token_ps = 9;
    CHECK(run(pools, {0}, {1}, {10}, router).pool == Column{0});
    router.time_to_first_token_ps = 9;
    CHECK(run(pools, {0}, {1}, {10}, router).pool == Column{0});
}

TEST_CASE("random routing depends on the seed and on nothing else") {
    const std::vector<PoolSpec> pools{api("a", 9, 9, 0), api("b", 9, 9, 0)};
    const Column zeros(64, 0), ones(64, 1);
    const auto pick = [&](std::uint64_t seed) {
        return run(pools, zeros, ones, ones, {.policy = Policy::random, .seed = seed}).pool;
    };
    CHECK(pick(1) == pick(1));
    CHECK(pick(1) != pick(2));
}

TEST_CASE("a pool's replicas share its requests") {
    // One page each: the second request of a lone machine waits until the first leaves.
    CHECK(run({pipeline("p", 1)}, {0, 0}, {1, 1}, {2, 2}).finish_ps == Column{60, 120});
    const ServeOutcome both = run({pipeline("p", 2)}, {0, 0}, {1, 1}, {2, 2});
    CHECK(both.finish_ps == Column{60, 60});
    CHECK(both.pools[0].kv_units == 2);
    CHECK(both.pools[0].kv_units_peak == 2);
}

TEST_CASE("pools of different kinds serve one trace") {
    const ServeOutcome r = run({pipeline("p", 1), api("a", 100, 7, 0)}, {0, 0, 0}, {1, 1, 1}, {2, 2, 2});
    CHECK(r.pool == Column{0, 1, 0});
    CHECK(r.finish_ps == Column{60, 107, 120});
    CHECK(r.pools[0].output_tokens + r.pools[1].output_tokens == 6);
}

TEST_CASE("no requests are no work") {
    const ServeOutcome r = run({pipeline("p", 1)}, {}, {}, {});
    CHECK(r.start_ps == 0);
    CHECK(r.end_ps == 0);
    CHECK(r.pools[0].finished == 0);
}

TEST_CASE("bad columns and pools are refused by name and row") {
    CHECK_THROWS_WITH_AS(run({pipeline("p", 1)}, {3, 2}, {1, 1}, {1, 1}),
                         "arrival_ps must not decrease, but arrival_ps[1] = 2 comes after 3", ValueError);
    CHECK_THROWS_AS(run({pipeline("p", 1)}, {0}, {0}, {1}), ValueError);
    CHECK_THROWS_AS(run({pipeline("p", 1)}, {0}, {1}, {}), ValueError);
    CHECK_THROWS_AS(run({pipeline("p", 1)}, {-1}, {1}, {1}), ValueError);
    CHECK_THROWS_AS(run({}, {0}, {1}, {1}), ValueError);
    CHECK_THROWS_AS(run({pipeline("p", 0)}, {0}, {1}, {1}), ValueError);
    CHECK_THROWS_AS(run({pipeline("p", 1), pipeline("p", 1)}, {0}, {1}, {1}), ValueError);
    CHECK_THROWS_AS(run({api("a", 0, 7, 0)}, {0}, {1}, {1}), ValueError);
    CHECK_THROWS_AS((void)parse_policy("fastest"), ValueError);
}

TEST_CASE("progress is told about every request, and what it throws ends the run") {
    std::int64_t last = -1;
    const Column arrival{0, 1}, ones{1, 1};
    const std::vector<PoolSpec> pools{pipeline("p", 1)};
    (void)serve(pools, {arrival, ones, ones}, {}, [&](std::int64_t done, std::int64_t total) {
        CHECK(total == 2);
        CHECK(done >= last);
        last = done;
    });
    CHECK(last == 2);
    struct Interrupt {};
    CHECK_THROWS_AS(
        (void)serve(pools, {arrival, ones, ones}, {}, [](std::int64_t, std::int64_t) { throw Interrupt{}; }),
        Interrupt);
}
