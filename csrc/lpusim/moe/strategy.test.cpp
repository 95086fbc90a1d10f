#include "lpusim/moe/strategy.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "lpusim/base/errors.h"
#include "lpusim/moe/generator.h"
#include "lpusim/moe/plan.h"
#include "lpusim/moe/statistics.h"

namespace lpusim::moe {

TEST_CASE("sliced experts reserve every assignment on every chip, at a fraction of the columns") {
    const StrategyCost cost = reserved(Strategy::sliced, 32, 256, 8, 32);
    CHECK(cost.rows_per_chip == 256);
    CHECK(cost.column_split == 32);
    CHECK(cost.experts_per_chip == 256);
    CHECK(cost.weight_reads_per_chip == 256);
    CHECK(cost.exact);
}

TEST_CASE("the worst case keeps room for tokens x min(k, experts on the chip)") {
    // The published-architecture sizes: a mean of 8 rows a chip, 256 in the worst case.
    const StrategyCost cost = reserved(Strategy::worst_case, 32, 256, 8, 32);
    CHECK(cost.rows_per_chip == 256);
    CHECK(cost.column_split == 1);
    CHECK(cost.experts_per_chip == 8);
    CHECK(cost.weight_reads_per_chip == 8);
    CHECK(cost.exact);
    CHECK(reserved(Strategy::worst_case, 128, 256, 8, 64).rows_per_chip == 512);
    CHECK(reserved(Strategy::worst_case, 32, 256, 8, 256).rows_per_chip == 32);
    CHECK(reserved(Strategy::worst_case, 1, 8, 2, 8).weight_reads_per_chip == 1);
}

TEST_CASE("one chip reserves the same either way") {
    CHECK(reserved(Strategy::sliced, 7, 16, 4, 1).rows_per_chip == 28);
    CHECK(reserved(Strategy::worst_case, 7, 16, 4, 1).rows_per_chip == 28);
}

TEST_CASE("a chip that holds fewer experts reserves fewer rows") {
    // 5 experts on 3 chips: 1, 2, 2.
    CHECK(rows_reserved(Strategy::worst_case, 10, 5, 2, 3) == std::vector<std::int64_t>{10, 20, 20});
    CHECK(rows_reserved(Strategy::worst_case, 10, 1, 1, 2) == std::vector<std::int64_t>{0, 10});
}

TEST_CASE("no generated routing needs more rows than are reserved, on any chip") {
    for (const double exponent : {0.0, 1.2, 8.0}) {
        const GeneratorSpec spec{
            .experts = 24, .experts_per_token = 6, .zipf_exponent = exponent, .shuffled = false};
        std::vector<std::int32_t> ids(40 * 6);
        std::vector<float> weights(ids.size());
        generate(spec, 0, 0, ids, weights);
        const ExpertOrder order = order_by_expert(ids, 24, 6);
        for (const Strategy strategy : {Strategy::sliced, Strategy::worst_case}) {
            for (const std::int64_t chips : {1, 5, 8, 24, 30}) {
                const auto used = rows_used(strategy, order.offsets, chips);
                const auto room = rows_reserved(strategy, 40, 24, 6, chips);
                std::int64_t total = 0;
                for (std::size_t chip = 0; chip < used.size(); ++chip) {
                    CHECK(used[chip] <= room[chip]);
                    total += used[chip];
                }
                CHECK(total == (strategy == Strategy::sliced ? 240 * chips : 240));
                CHECK(std::ranges::max(room) == reserved(strategy, 40, 24, 6, chips).rows_per_chip);
            }
        }
    }
}

TEST_CASE("sizes that make no sense are refused") {
    CHECK_NOTHROW(static_cast<void>(reserved(Strategy::sliced, 0, 8, 8, 1)));
    CHECK_THROWS_AS(static_cast<void>(reserved(Strategy::sliced, -1, 8, 2, 1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(reserved(Strategy::sliced, 1, 8, 9, 1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(reserved(Strategy::sliced, 1, 8, 0, 1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(reserved(Strategy::worst_case, 1, 8, 2, 0)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(reserved(Strategy::sliced, INT64_MAX, 8, 2, 1)), ValueError);
}

TEST_CASE("load statistics of loads worked by hand") {
    const LoadStatistics even = load_statistics(std::vector<std::int64_t>{3, 3, 3});
    CHECK(even.max_over_mean == 1.0);
    CHECK(even.gini == 0.0);
    const LoadStatistics one = load_statistics(std::vector<std::int64_t>{0, 8, 0, 0});
    CHECK(one.total == 8);
    CHECK(one.distinct == 1);
    CHECK(one.max_over_mean == 4.0);
    CHECK(one.gini == 0.75);
    CHECK(load_statistics(std::vector<std::int64_t>{1, 3}).gini == 0.25); // (-1 * 1 + 1 * 3) / (2 * 4)
    CHECK(load_statistics(std::vector<std::int64_t>{0, 0}).max_over_mean == 0.0);
    CHECK_THROWS_AS(static_cast<void>(load_statistics(std::vector<std::int64_t>{1, -1})), ValueError);
}

} // namespace lpusim::moe
