#include "lpusim/moe/plan.h"

#include <doctest/doctest.h>
#include <string>

#include "lpusim/base/errors.h"

namespace lpusim::moe {

TEST_CASE("rows are sorted by expert, and within an expert by token, then slot") {
    // Token 0 names 2, 0; token 1 names 0, 2; token 2 names 2, 1.
    const std::vector<std::int32_t> ids{2, 0, 0, 2, 2, 1};
    const ExpertOrder order = order_by_expert(ids, 4, 2);
    CHECK(order.permutation == std::vector<std::int32_t>{1, 2, 5, 0, 3, 4});
    CHECK(order.inverse == std::vector<std::int32_t>{3, 0, 1, 4, 5, 2});
    CHECK(order.offsets == std::vector<std::int64_t>{0, 2, 3, 6, 6});
}

TEST_CASE("no tokens make an empty plan") {
    const ExpertOrder order = order_by_expert({}, 3, 2);
    CHECK(order.permutation.empty());
    CHECK(order.offsets == std::vector<std::int64_t>{0, 0, 0, 0});
}

TEST_CASE("bad ids are named by token and slot") {
    const auto message = [](const std::vector<std::int32_t>& ids) -> std::string {
        try {
            static_cast<void>(order_by_expert(ids, 3, 2));
        } catch (const ValueError& error) {
            return error.what();
        }
        return "no error";
    };
    CHECK(message({0, 2}) == "no error");
    CHECK(message({0, 1, 0, 3}) == "ids[token 1, slot 1] must be from 0 to 2, got 3");
    CHECK(message({-1, 1}) == "ids[token 0, slot 0] must be from 0 to 2, got -1");
    CHECK(message({0, 1, 2, 2}) ==
          "ids[token 1, slot 1] repeats expert 2; a token must name different experts");
    CHECK(message({0, 1, 2}) == "plan: ids must be [tokens, 2], got 3 values");
}

TEST_CASE("a tile that two experts share is visited twice") {
    // Rows 0..2 and 3..4, tiles of 2: {0,1} {2,3} {4}; the middle one is shared.
    CHECK(tile_count(std::vector<std::int64_t>{0, 3, 5}, 2) == 4);
    CHECK(tile_bound(5, 2, 2) == 4);
    CHECK(tile_count(std::vector<std::int64_t>{0, 4, 5}, 2) == 3);
    // The same rows as the second chip of two sees them: its tiles start at its own first row.
    CHECK(tile_count(std::vector<std::int64_t>{7, 11, 12}, 2) == 3);
}

TEST_CASE("tiles of one row waste nothing and empty experts cost nothing") {
    CHECK(tile_bound(9, 256, 1) == 9);
    CHECK(tile_count(std::vector<std::int64_t>{0, 0, 4, 4, 4}, 4) == 1);
    CHECK(tile_bound(0, 256, 16) == 0);
    CHECK(tile_bound(256, 256, 16) == 256); // 16 + 255 tiles, but no more than one a row.
    CHECK(tile_bound(4096, 256, 16) == 511);
}

TEST_CASE("consecutive ranges cover every expert once and differ by at most one") {
    for (std::int64_t experts = 1; experts <= 13; ++experts) {
        for (std::int64_t chips = 1; chips <= 15; ++chips) {
            std::int64_t next = 0;
            for (std::int64_t chip = 0; chip < chips; ++chip) {
                const ExpertRange range = contiguous_experts(experts, chips, chip);
                CHECK(range.first == next);
                CHECK(range.last - range.first >= experts / chips);
                CHECK(range.last - range.first <= (experts + chips - 1) / chips);
                next = range.last;
            }
            CHECK(next == experts);
        }
    }
}

} // namespace lpusim::moe
