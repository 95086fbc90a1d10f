#include "lpusim/serve/flow_shop.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "lpusim/base/rng.h"

using namespace lpusim;
using namespace lpusim::serve;

TEST_CASE("a quick item behind a slow one follows it out, and then nobody waits any more") {
    FlowShop shop(3);
    CHECK(shop.enter(0, 10, 1) == 0);  // Stages [0, 10), [10, 20), [20, 30).
    CHECK(shop.enter(10, 2, 1) == 16); // Alone it would leave at 16; behind the slow one at 32.
    CHECK(shop.enter(12, 2, 1) == 16);
    CHECK(shop.enter(100, 2, 1) == 0);
}

TEST_CASE("every item leaves when a machine with a book of its stages says so") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::uint64_t draw = 0;
        const auto below = [&](std::int64_t n) {
            return static_cast<std::int64_t>(random_bits(seed, 9, draw++) % static_cast<std::uint64_t>(n));
        };
        const std::int64_t stage_count = 1 + below(6);
        FlowShop shop(stage_count);
        std::vector<std::int64_t> stage_free(static_cast<std::size_t>(stage_count), 0);
        for (int i = 0; i < 60; ++i) {
            const std::int64_t pace = 1 + below(9);
            const std::int64_t count = 1 + below(3) * below(3);
            const std::int64_t entry = stage_free[0] + (below(3) == 0 ? below(40) : 0);
            std::int64_t waited = 0;
            for (std::int64_t item = 0; item < count; ++item) {
                std::int64_t now = entry + item * pace;
                waited = 0;
                for (std::int64_t& free : stage_free) {
                    const std::int64_t start = std::max(now, free);
                    waited += start - now;
                    now = free = start + pace;
                }
            }
            CHECK(shop.enter(entry, pace, count) == waited);
        }
    }
}
