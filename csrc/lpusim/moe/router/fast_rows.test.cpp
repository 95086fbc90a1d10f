#include "lpusim/moe/router/fast_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"
#include "lpusim/moe/router/router.h"
#include "lpusim/moe/router/row_kernels.h"

namespace lpusim::moe {
namespace {

/// Logits of one kind a stream: far apart, on a coarse grid (ties are common), nearly equal, huge, tiny.
std::vector<float> logits_of(std::uint64_t kind, std::size_t count) {
    std::vector<float> logits(count);
    for (std::size_t i = 0; i < count; ++i) {
        const double u = random_unit(7, kind, i);
        const double logistic = real_log(u / (1.0 - u));
        const double by_kind[] = {logistic,
                                  std::floor(4.0 * logistic) / 4.0,
                                  1.0 + 1e-7 * std::floor(8.0 * u),
                                  1e37 * logistic,
                                  1e-40 * logistic,
                                  -30.0 + logistic,
                                  20.0 + logistic};
        logits[i] = static_cast<float>(by_kind[kind]);
    }
    return logits;
}
constexpr std::uint64_t kKinds = 7;

struct Routed {
    std::vector<std::int32_t> ids;
    std::vector<float> weights;
};

Routed run(const RouterSpec& spec, const std::vector<float>& logits, const std::vector<float>& bias,
           SimdLevel level) {
    const std::size_t tokens = logits.size() / static_cast<std::size_t>(spec.experts);
    const std::size_t size = tokens * static_cast<std::size_t>(spec.experts_per_token);
    Routed routed{std::vector<std::int32_t>(size), std::vector<float>(size)};
    route(spec, {.logits = logits, .bias = bias}, routed.ids, routed.weights, level);
    return routed;
}

void check_every_level(const RouterSpec& spec, bool biased) {
    const auto experts = static_cast<std::size_t>(spec.experts);
    std::vector<float> bias(biased ? experts : 0);
    for (std::size_t e = 0; e < bias.size(); ++e) {
        bias[e] = static_cast<float>(std::floor(40.0 * random_unit(9, 0, e)) / 1000.0);
    }
    for (std::uint64_t kind = 0; kind < kKinds; ++kind) {
        const std::vector<float> logits = logits_of(kind, 37 * experts);
        const Routed plain = run(spec, logits, bias, SimdLevel::Portable);
        for (const SimdLevel level : simd_levels()) {
            CAPTURE(static_cast<int>(level));
            CAPTURE(kind);
            const Routed routed = run(spec, logits, bias, level);
            CHECK(routed.ids == plain.ids);
            CHECK(std::ranges::equal(routed.weights, plain.weights, {}, std::bit_cast<std::uint32_t, float>,
                                     std::bit_cast<std::uint32_t, float>));
        }
    }
}

std::vector<RowKernels> kernels() {
    std::vector<RowKernels> all;
    for (const SimdLevel level : simd_levels()) {
        if (level != SimdLevel::Portable) {
            all.push_back(level == SimdLevel::Avx2 ? row_kernels_avx2() : row_kernels_avx512());
        }
    }
    return all;
}

std::vector<std::int32_t> starts_of(std::size_t blocks) {
    std::vector<std::int32_t> starts;
    for (std::size_t block = 0; block < blocks; ++block) {
        starts.push_back(static_cast<std::int32_t>(block * kBlock));
    }
    return starts;
}

} // namespace

TEST_CASE("no level changes a bit of softmax routing, whatever the sizes") {
    const std::pair<std::int64_t, std::int64_t> sizes[] = {{1, 1},  {8, 2},   {16, 16},  {17, 9},  {40, 8},
                                                           {60, 4}, {64, 33}, {128, 32}, {256, 8}, {512, 22}};
    for (const auto& [experts, k] : sizes) {
        CAPTURE(experts);
        CAPTURE(k);
        check_every_level({.experts = experts, .experts_per_token = k}, false);
        check_every_level({.experts = experts, .experts_per_token = k, .renormalise = false}, false);
        check_every_level({.experts = experts, .experts_per_token = k, .score = Score::softmax_after_topk},
                          false);
    }
}

TEST_CASE("no level changes a bit of sigmoid routing, with and without bias and groups") {
    for (const bool biased : {true, false}) {
        for (const std::int64_t experts : {40, 128, 256, 384}) {
            RouterSpec spec{
                .experts = experts, .experts_per_token = 8, .scale = 2.5, .score = Score::sigmoid};
            check_every_level(spec, biased);
            spec.groups = 8;
            spec.groups_kept = 4;
            check_every_level(spec, biased);
            spec.groups_kept = 7;
            spec.dropped_groups = DroppedGroups::zero;
            check_every_level(spec, biased);
        }
    }
}

TEST_CASE("no level changes a bit of the rarer routers") {
    check_every_level({.experts = 64, .experts_per_token = 6, .score = Score::sqrt_softplus}, true);
    check_every_level({.experts = 64, .experts_per_token = 6, .norm_power = 2, .score = Score::sqrt_softplus},
                      false);
    check_every_level({.experts = 16, .experts_per_token = 1, .score = Score::sigmoid_after_topk}, false);
    check_every_level(
        {.experts = 16, .experts_per_token = 2, .score = Score::sparsemixer, .renormalise = false}, false);
    check_every_level({.experts = 160,
                       .experts_per_token = 6,
                       .groups = 8,
                       .groups_kept = 3,
                       .scale = 16,
                       .group_score = GroupScore::max,
                       .renormalise = false},
                      false);
    for (const ScoreType type : {ScoreType::fp32, ScoreType::bf16}) {
        check_every_level(
            {.experts = 64, .experts_per_token = 6, .score = Score::sigmoid, .score_type = type}, true);
        check_every_level({.experts = 64, .experts_per_token = 6, .score_type = type}, false);
    }
}

TEST_CASE("a value that is not finite is found on every level, wherever it stands") {
    const RouterSpec softmax{.experts = 136, .experts_per_token = 3};
    const RouterSpec grouped{
        .experts = 128, .experts_per_token = 3, .groups = 8, .groups_kept = 2, .score = Score::sigmoid};
    for (const SimdLevel level : simd_levels()) {
        for (const RouterSpec& spec : {softmax, grouped}) {
            const auto experts = static_cast<std::size_t>(spec.experts);
            const std::vector<float> bias(spec.score == Score::sigmoid ? experts : 0, 0.125F);
            for (const float bad :
                 {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                  -std::numeric_limits<float>::infinity()}) {
                for (std::size_t place = 0; place < experts; place += 9) {
                    std::vector<float> logits = logits_of(0, 3 * experts);
                    logits[2 * experts + place] = bad;
                    std::string message;
                    try {
                        run(spec, logits, bias, level);
                    } catch (const ValueError& error) {
                        message = error.what();
                    }
                    CHECK(message.find("logits[token 2, expert " + std::to_string(place) + "]") !=
                          std::string::npos);
                }
            }
        }
    }
}

TEST_CASE("rough scores are as near to the true ones as promised") {
    for (const RowKernels& kernel : kernels()) {
        double worst = 0;
        const std::vector<float> bias(kBlock, -0.75F);
        std::vector<float> rough(kBlock);
        std::vector<float> logits(kBlock);
        for (int i = -40000; i < 40000; ++i) {
            for (std::size_t lane = 0; lane < kBlock; ++lane) {
                logits[lane] = static_cast<float>(i * 0.003 + static_cast<double>(lane) * 1.7e-4);
            }
            REQUIRE(kernel.rough_sigmoids(logits.data(), bias.data(), 1, rough.data()));
            for (std::size_t lane = 0; lane < kBlock; ++lane) {
                const double score = 1.0 / (1.0 + std::exp(-static_cast<double>(logits[lane]))) - 0.75;
                worst = std::max(worst, std::abs(static_cast<double>(rough[lane]) - score));
            }
        }
        CHECK(worst < 0.6 * static_cast<double>(kRoughError));
        for (const float extreme : {-3.4e38F, -1e5F, 1e5F, 3.4e38F, 1e-45F, -0.0F}) {
            std::ranges::fill(logits, extreme);
            REQUIRE(kernel.rough_sigmoids(logits.data(), bias.data(), 1, rough.data()));
            const double score = 1.0 / (1.0 + std::exp(-static_cast<double>(extreme))) - 0.75;
            CHECK(std::abs(static_cast<double>(rough[0]) - score) < static_cast<double>(kRoughError));
        }
    }
}

TEST_CASE("the k largest are always among the candidates, which are few") {
    for (const RowKernels& kernel : kernels()) {
        for (std::uint64_t kind = 0; kind < 2; ++kind) {
            for (const std::size_t blocks : {1, 2, 3, 4, 7, 16, 56}) {
                const std::vector<float> values = logits_of(kind, blocks * kBlock);
                std::vector<float> sorted = values;
                std::ranges::sort(sorted, std::greater<>{});
                for (std::size_t k = 1; k <= std::min(kMostChosen, values.size()); ++k) {
                    const float bound = kernel.bound(values.data(), starts_of(blocks), k);
                    CHECK(bound <= sorted[k - 1]);
                    std::vector<std::int32_t> found((blocks + 1) * kBlock);
                    const std::size_t count =
                        kernel.collect(values.data(), starts_of(blocks), sorted[k - 1], found.data());
                    const auto expected = static_cast<std::size_t>(
                        std::ranges::count_if(values, [&](float v) { return v >= sorted[k - 1]; }));
                    CHECK((count == expected || count == kUnsure));
                    if (count != kUnsure) {
                        CHECK(std::ranges::is_sorted(std::span(found).first(count)));
                        CHECK(std::ranges::all_of(std::span(found).first(count), [&](std::int32_t place) {
                            return values[static_cast<std::size_t>(place)] >= sorted[k - 1];
                        }));
                    }
                }
            }
        }
    }
}

TEST_CASE("candidates are put in order as a stable sort does") {
    for (const RowKernels& kernel : kernels()) {
        for (std::uint64_t kind = 0; kind < 3; ++kind) {
            const std::vector<float> values = logits_of(kind, 200);
            for (std::size_t count = 1; count <= kMostOrdered; ++count) {
                std::vector<std::int32_t> positions(kMostOrdered, 0);
                for (std::size_t i = 0; i < count; ++i) {
                    positions[i] = static_cast<std::int32_t>(3 * i);
                }
                std::vector<std::int32_t> expected(positions.begin(),
                                                   positions.begin() + static_cast<std::ptrdiff_t>(count));
                std::ranges::stable_sort(expected, std::greater<>{}, [&](std::int32_t place) {
                    return values[static_cast<std::size_t>(place)];
                });
                std::vector<std::int32_t> ordered(kMostOrdered);
                kernel.order(values.data(), positions.data(), count, ordered.data());
                ordered.resize(count);
                CHECK(ordered == expected);
            }
        }
    }
}

TEST_CASE("the best of eight groups are told, and how clearly") {
    for (const RowKernels& kernel : kernels()) {
        for (const std::size_t blocks : {1, 2, 3}) {
            std::vector<float> values(8 * blocks * kBlock, 0.0F);
            const float tops[] = {3, 8, 1, 7, 2, 6, 4, 5};
            for (std::size_t g = 0; g < 8; ++g) { // The two largest in different places of each group.
                values[g * blocks * kBlock + g] = tops[g];
                values[(g + 1) * blocks * kBlock - 1 - 2 * (g % 3)] = 0.5F;
            }
            float gap = 0;
            CHECK(kernel.best_of_8_groups(values.data(), blocks, 3, &gap) == 0b00101010U);
            CHECK(gap == 1.0F); // 6.5 against 5.5
            values[2 * blocks * kBlock + 2] = 6.0F;
            kernel.best_of_8_groups(values.data(), blocks, 3, &gap);
            CHECK(gap == 0.0F);
        }
    }
}

} // namespace lpusim::moe
