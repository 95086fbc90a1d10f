#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"
#include "lpusim/moe/generator.h"
#include "lpusim/moe/plan.h"
#include "lpusim/moe/router/router.h"

// Items are assignments (token, expert). The budget for top-8 of 256 at 4096 tokens, with AVX-512: 50 M/s
// softmax and 35 M/s DeepSeek-V3; half of that with AVX2.
namespace {

using namespace lpusim;

std::vector<float> logistic_logits(std::int64_t tokens, std::int64_t experts) {
    std::vector<float> logits(static_cast<std::size_t>(tokens * experts));
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const double u = random_unit(1, 0, i);
        logits[i] = static_cast<float>(real_log(u / (1.0 - u)));
    }
    return logits;
}

/// Every expert's rank by whole sorts of one token: the slow way to the same ids.
std::vector<std::int32_t> sorted_choice(const moe::RouterSpec& spec, std::span<const float> logits,
                                        std::span<const float> bias) {
    std::vector<double> rank(logits.begin(), logits.end());
    if (spec.score == moe::Score::sigmoid) {
        for (std::size_t e = 0; e < rank.size(); ++e) {
            rank[e] = 1.0 / (1.0 + real_exp(-rank[e])) + (bias.empty() ? 0.0F : bias[e]);
        }
    }
    const auto group_size = static_cast<std::size_t>(spec.experts / spec.groups);
    std::vector<double> group_rank;
    for (std::size_t first = 0; first < rank.size(); first += group_size) {
        std::vector<double> group(rank.begin() + static_cast<std::ptrdiff_t>(first),
                                  rank.begin() + static_cast<std::ptrdiff_t>(first + group_size));
        std::ranges::sort(group, std::greater<>{});
        group_rank.push_back(group[0] + group[1]);
    }
    std::vector<std::size_t> groups(group_rank.size());
    std::iota(groups.begin(), groups.end(), std::size_t{0});
    std::ranges::stable_sort(groups,
                             [&](std::size_t a, std::size_t b) { return group_rank[a] > group_rank[b]; });
    groups.resize(static_cast<std::size_t>(spec.groups_kept));
    std::vector<std::int32_t> ids;
    for (std::size_t e = 0; e < rank.size(); ++e) {
        if (std::ranges::find(groups, e / group_size) != groups.end()) {
            ids.push_back(static_cast<std::int32_t>(e));
        }
    }
    std::ranges::stable_sort(ids, [&](std::int32_t a, std::int32_t b) {
        return rank[static_cast<std::size_t>(a)] > rank[static_cast<std::size_t>(b)];
    });
    ids.resize(static_cast<std::size_t>(spec.experts_per_token));
    return ids;
}

bool ids_are_right(const moe::RouterSpec& spec, std::span<const float> logits, std::span<const float> bias,
                   std::span<const std::int32_t> ids) {
    const auto experts = static_cast<std::size_t>(spec.experts);
    const auto k = static_cast<std::size_t>(spec.experts_per_token);
    for (std::size_t t = 0; t * k < ids.size(); t += 37) {
        if (!std::ranges::equal(sorted_choice(spec, logits.subspan(t * experts, experts), bias),
                                ids.subspan(t * k, k))) {
            return false;
        }
    }
    return true;
}

bool order_is_right(const moe::ExpertOrder& order, std::span<const std::int32_t> ids) {
    std::vector<std::int32_t> expected(ids.size());
    std::iota(expected.begin(), expected.end(), 0);
    std::ranges::stable_sort(expected, [&](std::int32_t a, std::int32_t b) {
        return ids[static_cast<std::size_t>(a)] < ids[static_cast<std::size_t>(b)];
    });
    return order.permutation == expected;
}

void route_and_plan(benchmark::State& state, const moe::RouterSpec& spec, std::span<const float> bias) {
    const std::int64_t tokens = state.range(0);
    const std::vector<float> logits = logistic_logits(tokens, spec.experts);
    std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens * spec.experts_per_token));
    std::vector<float> weights(ids.size());
    moe::ExpertOrder order;
    for (auto _ : state) {
        moe::route(spec, {.logits = logits, .bias = bias}, ids, weights);
        order = moe::order_by_expert(ids, spec.experts, spec.experts_per_token);
        benchmark::DoNotOptimize(weights.data());
        benchmark::DoNotOptimize(order.permutation.data());
        benchmark::ClobberMemory();
    }
    if (!ids_are_right(spec, logits, bias, ids) || !order_is_right(order, ids)) {
        state.SkipWithError("wrong answer, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * tokens * spec.experts_per_token);
}

void route_plan_softmax(benchmark::State& state) {
    route_and_plan(state, {.experts = state.range(1), .experts_per_token = state.range(2)}, {});
}

void route_plan_deepseek_v3(benchmark::State& state) {
    std::vector<float> bias(256);
    for (std::size_t e = 0; e < bias.size(); ++e) {
        bias[e] = static_cast<float>(0.04 * random_unit(2, 0, e));
    }
    const moe::RouterSpec spec{.experts = 256,
                               .experts_per_token = 8,
                               .groups = 8,
                               .groups_kept = 4,
                               .scale = 2.5,
                               .score = moe::Score::sigmoid};
    route_and_plan(state, spec, bias);
}

void plan_only(benchmark::State& state) {
    const moe::GeneratorSpec spec{.experts = 256, .experts_per_token = 8};
    std::vector<std::int32_t> ids(static_cast<std::size_t>(state.range(0) * 8));
    std::vector<float> weights(ids.size());
    moe::generate(spec, 0, 0, ids, weights);
    moe::ExpertOrder order;
    for (auto _ : state) {
        order = moe::order_by_expert(ids, 256, 8);
        benchmark::DoNotOptimize(order.permutation.data());
        benchmark::ClobberMemory();
    }
    if (!order_is_right(order, ids)) {
        state.SkipWithError("wrong answer, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(ids.size()));
}

/// The floor under any plan: moving the ids once.
void copy_of_the_ids(benchmark::State& state) {
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(state.range(0) * 8), 7);
    std::vector<std::int32_t> copy(ids.size());
    for (auto _ : state) {
        std::memcpy(copy.data(), ids.data(), ids.size() * sizeof(std::int32_t));
        benchmark::DoNotOptimize(copy.data());
        benchmark::ClobberMemory();
    }
    if (copy != ids) {
        state.SkipWithError("wrong answer, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(ids.size()));
}

BENCHMARK(route_plan_softmax)
    ->ArgNames({"tokens", "experts", "k"})
    ->ArgsProduct({{1, 64, 4096}, {8}, {2}})
    ->ArgsProduct({{1, 64, 4096}, {64, 128, 256}, {8}})
    ->ArgsProduct({{1, 64, 4096}, {896}, {16}});
BENCHMARK(route_plan_deepseek_v3)->ArgName("tokens")->Arg(1)->Arg(64)->Arg(4096);
BENCHMARK(plan_only)->ArgName("tokens")->Arg(1)->Arg(4096)->Arg(1 << 18);
BENCHMARK(copy_of_the_ids)->ArgName("tokens")->Arg(4096)->Arg(1 << 18);

} // namespace
