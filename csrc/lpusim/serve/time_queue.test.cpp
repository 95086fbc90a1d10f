#include "lpusim/serve/time_queue.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <utility>
#include <vector>

#include "lpusim/base/rng.h"

using lpusim::serve::TimeQueue;

TEST_CASE("items leave by time, and equal times in the order they came, like a stable sort") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        TimeQueue queue;
        std::vector<std::pair<std::int64_t, std::size_t>> reference;
        for (std::size_t i = 0; i < 200; ++i) {
            const std::uint64_t bits = lpusim::random_bits(seed, 0, i);
            if (bits % 3 == 0 && !reference.empty()) {
                const auto [time_ps, value] = queue.pop();
                CHECK(std::pair(time_ps, value) == reference.front());
                reference.erase(reference.begin());
            }
            const auto time_ps = static_cast<std::int64_t>((bits >> 8U) % 20);
            queue.push(time_ps, i);
            const auto later =
                std::upper_bound(reference.begin(), reference.end(), time_ps,
                                 [](std::int64_t t, const auto& item) { return t < item.first; });
            reference.insert(later, {time_ps, i});
        }
        CHECK(queue.size() == reference.size());
    }
}
