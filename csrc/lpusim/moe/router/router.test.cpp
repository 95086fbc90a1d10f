#include "lpusim/moe/router/router.h"

#include <array>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

namespace lpusim::moe {
namespace {

struct Routed {
    std::vector<std::int32_t> ids;
    std::vector<float> weights;
};

Routed run(const RouterSpec& spec, const std::vector<float>& logits, const std::vector<float>& bias = {}) {
    const std::size_t tokens = logits.size() / static_cast<std::size_t>(spec.experts);
    const std::size_t size = tokens * static_cast<std::size_t>(spec.experts_per_token);
    Routed routed{std::vector<std::int32_t>(size), std::vector<float>(size)};
    route(spec, {.logits = logits, .bias = bias}, routed.ids, routed.weights);
    return routed;
}

std::string message_of(const RouterSpec& spec, const std::vector<float>& logits,
                       const std::vector<float>& bias = {}) {
    try {
        run(spec, logits, bias);
    } catch (const ValueError& error) {
        return error.what();
    }
    return "no error";
}

} // namespace

TEST_CASE("softmax with renormalisation weighs the chosen experts by their odds") {
    const auto log3 = static_cast<float>(std::log(3.0));
    const Routed routed = run({.experts = 4, .experts_per_token = 2}, {0.0F, log3, -5.0F, -1.0F});
    CHECK(routed.ids == std::vector<std::int32_t>{1, 0});
    CHECK(routed.weights[0] == doctest::Approx(0.75)); // Odds 3 : 1.
    CHECK(routed.weights[1] == doctest::Approx(0.25));
}

TEST_CASE("softmax without renormalisation keeps the probability over all experts") {
    const auto log2 = static_cast<float>(std::log(2.0));
    // Odds 2 : 1 : 1 : 0.5 of a sum of 4.5; scaled by 9.
    const RouterSpec spec{.experts = 4, .experts_per_token = 2, .scale = 9.0, .renormalise = false};
    const Routed routed = run(spec, {0.0F, log2, 0.0F, -log2});
    CHECK(routed.ids == std::vector<std::int32_t>{1, 0});
    CHECK(routed.weights[0] == doctest::Approx(4.0));
    CHECK(routed.weights[1] == doctest::Approx(2.0));
}

TEST_CASE("equal scores go to the lower expert id, and minus zero equals zero") {
    CHECK(run({.experts = 4, .experts_per_token = 3}, {1, 2, 2, 1}).ids ==
          std::vector<std::int32_t>{1, 2, 0});
    CHECK(run({.experts = 3, .experts_per_token = 2}, {-0.0F, -1.0F, 0.0F}).ids ==
          std::vector<std::int32_t>{0, 2});
}

TEST_CASE("a selection bias decides who is chosen and never enters a weight") {
    const RouterSpec spec{.experts = 3, .experts_per_token = 2, .scale = 2.5, .score = Score::sigmoid};
    // sigmoid: 0.5, 0.5, 0.25; with bias: 0.5, 0.6, 0.75.
    const Routed routed = run(spec, {0.0F, 0.0F, -std::log(3.0F)}, {0.0F, 0.1F, 0.5F});
    CHECK(routed.ids == std::vector<std::int32_t>{2, 1});
    CHECK(routed.weights[0] == doctest::Approx(2.5 * 0.25 / 0.75));
    CHECK(routed.weights[1] == doctest::Approx(2.5 * 0.5 / 0.75));
}

TEST_CASE("groups are ranked by their two best scores, so one brilliant expert is not enough") {
    const RouterSpec spec{
        .experts = 6, .experts_per_token = 2, .groups = 3, .groups_kept = 1, .score = Score::sigmoid};
    // Biased scores: 0.9, 0.0 | 0.5, 0.5 | 0.5, 0.5. Sums: 0.9, 1.0, 1.0; the tie goes to the lower group.
    const std::vector<float> logits(6, 0.0F);
    CHECK(run(spec, logits, {0.4F, -0.5F, 0.0F, 0.0F, 0.0F, 0.0F}).ids == std::vector<std::int32_t>{2, 3});
    RouterSpec by_max = spec;
    by_max.group_score = GroupScore::max;
    CHECK(run(by_max, logits, {0.4F, -0.5F, 0.0F, 0.0F, 0.0F, 0.0F}).ids == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("equal experts of two kept groups go to the lower id, whichever group ranks first") {
    const RouterSpec spec{
        .experts = 6, .experts_per_token = 1, .groups = 3, .groups_kept = 2, .score = Score::sigmoid};
    // Scores 0.5, 0.1 | 0, 0 | 0.5, 0.4: the last group ranks first, and its best expert ties with expert 0.
    const std::vector<float> bias{0.0F, -0.4F, -0.5F, -0.5F, 0.0F, -0.1F};
    CHECK(run(spec, std::vector<float>(6, 0.0F), bias).ids == std::vector<std::int32_t>{0});
}

TEST_CASE("weights stay right where every chosen sigmoid underflows") {
    const RouterSpec spec{.experts = 2, .experts_per_token = 2, .score = Score::sigmoid};
    const Routed routed = run(spec, {-1000.0F, -1000.0F});
    CHECK(routed.weights == std::vector<float>{0.5F, 0.5F});
}

TEST_CASE("a logit that is not finite is an error that names token and expert") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float inf = std::numeric_limits<float>::infinity();
    const RouterSpec spec{.experts = 3, .experts_per_token = 1};
    CHECK(message_of(spec, {0, 0, 0, 0, 0, nan}) ==
          "route: logits[token 1, expert 2] is nan; router logits must be finite");
    CHECK(message_of(spec, {-inf, 0, 0}) ==
          "route: logits[token 0, expert 0] is -inf; router logits must be finite");
    CHECK(run(spec, {std::numeric_limits<float>::max(), 0, 0}).ids.front() == 0);
}

TEST_CASE("biases that cannot apply are refused") {
    RouterSpec spec{.experts = 2, .experts_per_token = 1};
    spec.score = Score::softmax_after_topk;
    CHECK(message_of(spec, {0, 0}, {0, 0}).find("score softmax, sigmoid or sqrt_softplus") !=
          std::string::npos);
    spec.score = Score::sigmoid;
    CHECK(message_of(spec, {0, 0}, {0}).find("each of 2 experts, got 1") != std::string::npos);
    CHECK(
        message_of(spec, {0, 0}, {0, std::numeric_limits<float>::infinity()}).find("bias[expert 1] is inf") !=
        std::string::npos);
}

TEST_CASE("softmax after the choice equals renormalised softmax") {
    const std::vector<float> logits{1.5F, -2.0F, 0.25F, 3.0F};
    const Routed after =
        run({.experts = 4, .experts_per_token = 2, .score = Score::softmax_after_topk}, logits);
    const Routed over_all = run({.experts = 4, .experts_per_token = 2}, logits);
    CHECK(after.ids == over_all.ids);
    CHECK(after.weights == over_all.weights);
}

TEST_CASE("the sigmoid of the largest logits is not divided by their sum unless asked") {
    RouterSpec spec{.experts = 3,
                    .experts_per_token = 2,
                    .score = Score::sigmoid_after_topk,
                    .renormalise = false,
                    .scales_input = true};
    const std::vector<float> logits{0.0F, -1.0F, std::log(3.0F)};
    CHECK(run(spec, logits).ids == std::vector<std::int32_t>{2, 0});
    CHECK(run(spec, logits).weights == std::vector<float>{0.75F, 0.5F});
    spec.renormalise = true;
    CHECK(run(spec, logits).weights[0] == doctest::Approx(0.6));
}

TEST_CASE("the root of softplus is what DeepSeek-V4 scores by") {
    // softplus(log(e - 1)) = 1 and softplus(log(e^4 - 1)) = 4: roots 1 and 2.
    const auto one = static_cast<float>(std::log(std::exp(1.0) - 1.0));
    const auto four = static_cast<float>(std::log(std::exp(4.0) - 1.0));
    const RouterSpec spec{.experts = 2, .experts_per_token = 2, .scale = 1.5, .score = Score::sqrt_softplus};
    const Routed routed = run(spec, {one, four});
    CHECK(routed.ids == std::vector<std::int32_t>{1, 0});
    CHECK(routed.weights[0] == doctest::Approx(1.5 * 2 / 3));
    CHECK(routed.weights[1] == doctest::Approx(1.5 * 1 / 3));
}

TEST_CASE("sparsemixer weighs each pick among what is near it, and the two do not sum to one") {
    const RouterSpec spec{
        .experts = 4, .experts_per_token = 2, .score = Score::sparsemixer, .renormalise = false};
    // Round 1: 10, and 9.9 within 2 % of it; 9.7 is 3 % off. Round 2: 9.9, and 9.7 within 2.02 %: masked.
    const Routed routed = run(spec, {9.7F, 10.0F, -10.0F, 9.9F});
    CHECK(routed.ids == std::vector<std::int32_t>{1, 3});
    CHECK(routed.weights[0] == doctest::Approx(1 / (1 + std::exp(-0.1))).epsilon(1e-6));
    CHECK(routed.weights[1] == 1.0F);
    // (5 - 4.9) / 5 is 0.02, not above it: it takes part.
    CHECK(run(spec, {5.0F, 4.9F, 0.0F, 0.0F}).weights[0] < 0.6F);
    CHECK(run(spec, {5.0F, 4.89F, 0.0F, 0.0F}).weights[0] == 1.0F);
    CHECK(run(spec, {0.0F, 0.0F, -1.0F, -1.0F}).weights == std::vector<float>{0.5F, 1.0F});
}

TEST_CASE("a p-norm divides by the root of the sum of powers") {
    const auto log3 = static_cast<float>(std::log(3.0));
    const auto log4 = static_cast<float>(std::log(4.0));
    const RouterSpec spec{.experts = 3, .experts_per_token = 2, .norm_power = 2.0};
    const Routed routed = run(spec, {log4, -9.0F, log3}); // Odds 4 : 3, norm 5.
    CHECK(routed.weights[0] == doctest::Approx(0.8));
    CHECK(routed.weights[1] == doctest::Approx(0.6));
}

TEST_CASE("experts of dropped groups stand at minus infinity, or at zero above negative scores") {
    RouterSpec spec{
        .experts = 4, .experts_per_token = 2, .groups = 2, .groups_kept = 1, .score = Score::sigmoid};
    const std::vector<float> logits(4, 0.0F);
    const std::vector<float> bias{0.5F, -0.75F, -0.25F, -0.25F}; // Biased: 1, -0.25 | 0.25, 0.25.
    CHECK(run(spec, logits, bias).ids == std::vector<std::int32_t>{0, 1});
    spec.dropped_groups = DroppedGroups::zero;
    CHECK(run(spec, logits, bias).ids == std::vector<std::int32_t>{0, 2});
}

TEST_CASE("scores rounded to bf16 tie where the formula does not") {
    RouterSpec spec{.experts = 2, .experts_per_token = 1, .score = Score::sigmoid, .renormalise = false};
    // sigmoid: 0.731 and 0.7312; bf16 has steps of 1/256 there, and 187/256 = 0.730.
    const std::vector<float> logits{1.0F, 1.001F};
    CHECK(run(spec, logits).ids.front() == 1);
    spec.score_type = ScoreType::bf16;
    CHECK(run(spec, logits).ids.front() == 0);
    CHECK(run(spec, logits).weights.front() == 187.0F / 256);
    spec.score_type = ScoreType::fp32;
    CHECK(run(spec, logits).ids.front() == 1);
}

TEST_CASE("a table by token id names the experts, and scores only weigh them") {
    const RouterSpec spec{
        .experts = 4, .experts_per_token = 2, .score = Score::sigmoid, .selection = Selection::token_table};
    const std::vector<std::int32_t> table{0, 1, 3, 2, 1, 1, 0, 4};
    const std::vector<float> logits{0.0F, 9.0F, std::log(3.0F), 0.0F};
    std::vector<std::int32_t> ids(2);
    std::vector<float> weights(2);
    const auto look_up = [&](const std::vector<std::int32_t>& token_ids) {
        try {
            route(spec, {.logits = logits, .token_ids = token_ids, .table = table}, ids, weights);
        } catch (const ValueError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(look_up({1}).empty());
    CHECK(ids == std::vector<std::int32_t>{3, 2});
    CHECK(weights[0] == doctest::Approx(0.4)); // 0.5 : 0.75
    CHECK(look_up({4}) == "route: token_ids[token 0] must be from 0 to 3, got 4");
    CHECK(look_up({2}).find("table[token id 2, slot 1] repeats expert 1") != std::string::npos);
    CHECK(look_up({3}) == "route: table[token id 3, slot 1] must be from 0 to 3, got 4");
    CHECK(look_up({}) == "route: token_ids must hold one id for each of 1 tokens, got 0");
}

TEST_CASE("specs that contradict themselves are refused, their edges are not") {
    CHECK_NOTHROW(validate(RouterSpec{.experts = 1, .experts_per_token = 1}));
    CHECK_NOTHROW(validate(RouterSpec{.experts = 8, .experts_per_token = 4, .groups = 4, .groups_kept = 2}));
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 5, .groups = 4, .groups_kept = 2}),
                    ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 9}), ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 2, .groups = 3}), ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 2, .groups = 2, .groups_kept = 3}),
                    ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 2, .groups = 8, .groups_kept = 4}),
                    ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.scale = std::numeric_limits<double>::quiet_NaN()}), ValueError);
    const auto refused = [](RouterSpec spec) {
        try {
            validate(spec);
        } catch (const ValueError&) {
            return true;
        }
        return false;
    };
    CHECK(refused({.score = Score::softmax_after_topk, .renormalise = false}));
    CHECK(refused({.norm_power = 2, .score = Score::softmax_after_topk}));
    CHECK(refused({.groups = 2, .score = Score::sigmoid_after_topk}));
    CHECK(refused({.score = Score::sparsemixer}));
    CHECK(refused({.experts_per_token = 3, .score = Score::sparsemixer, .renormalise = false}));
    CHECK_FALSE(refused({.score = Score::sparsemixer, .renormalise = false}));
    CHECK(refused({.groups = 2, .selection = Selection::token_table}));
    CHECK_FALSE(refused({.groups = 2, .groups_kept = 2, .selection = Selection::token_table}));
}

} // namespace lpusim::moe
