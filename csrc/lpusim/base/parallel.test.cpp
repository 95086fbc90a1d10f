#include "lpusim/base/parallel.h"

#include <atomic>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"

using namespace lpusim;

TEST_CASE("every index is visited once, whatever the number of threads") {
    for (const std::int64_t threads : {1, 2, 5}) {
        for (const std::int64_t count : {0, 1, 4, 1000}) {
            std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
            std::atomic<int> strangers = 0;
            for_each_index(count, threads, [&](std::int64_t worker, std::int64_t index) {
                strangers += worker < 0 || worker >= threads ? 1 : 0;
                ++visits[static_cast<std::size_t>(index)];
            });
            int wrong = 0;
            for (const auto& visit : visits) {
                wrong += visit == 1 ? 0 : 1;
            }
            CHECK(wrong == 0);
            CHECK(strangers == 0);
        }
    }
}

TEST_CASE("of several exceptions the one of the lowest index arrives") {
    for (const std::int64_t threads : {1, 2, 4}) {
        for (int repeat = 0; repeat < 50; ++repeat) {
            std::string seen;
            try {
                for_each_index(40, threads, [](std::int64_t, std::int64_t index) {
                    if (index % 10 >= 7) {
                        throw ValueError(std::to_string(index));
                    }
                });
            } catch (const ValueError& error) {
                seen = error.what();
            }
            CHECK(seen == "7");
        }
    }
}

TEST_CASE("after an exception no new index is taken") {
    std::vector<std::atomic<int>> visits(100'000);
    CHECK_THROWS_AS(for_each_index(100'000, 2,
                                   [&](std::int64_t, std::int64_t index) {
                                       ++visits[static_cast<std::size_t>(index)];
                                       throw ValueError("stop");
                                   }),
                    ValueError);
    int visited = 0;
    for (const auto& visit : visits) {
        visited += visit;
    }
    CHECK(visited <= 2);
}
