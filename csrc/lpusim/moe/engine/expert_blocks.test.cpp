#include "lpusim/moe/engine/expert_blocks.h"

#include <doctest/doctest.h>

using namespace lpusim::moe;

TEST_CASE("blocks take every row once and none of another expert") {
    const std::vector<std::int64_t> offsets{0, 3, 3, 10, 11};
    const auto blocks = expert_blocks(offsets, 3);
    REQUIRE(blocks.size() == 5);
    const std::int64_t right[5][3] = {{0, 0, 3}, {2, 3, 2}, {2, 5, 2}, {2, 7, 3}, {3, 10, 1}};
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(blocks[i].expert == right[i][0]);
        CHECK(blocks[i].first_row == right[i][1]);
        CHECK(blocks[i].rows == right[i][2]);
    }
    CHECK(expert_blocks(std::vector<std::int64_t>{0}, 3).empty());
    CHECK(expert_blocks(std::vector<std::int64_t>{0, 0, 0}, 3).empty());
}

TEST_CASE("one thread takes whole rows; several threads get at least four parts each where columns allow") {
    CHECK(part_columns(2048, 1, 1, 1) == 2048);
    CHECK(part_columns(2048, 1, 1, 2) == 256);  // eight parts
    CHECK(part_columns(2048, 1, 1, 4) == 256);  // no narrower than that
    CHECK(part_columns(2048, 1, 8, 2) == 2048); // blocks enough
    CHECK(part_columns(2048, 1, 3, 2) == 704);  // three parts of each, in steps of 64
    CHECK(part_columns(100, 1, 1, 8) == 100);
}

TEST_CASE("the sums of a part stay below a megabyte") {
    CHECK(part_columns(14'336, 128, 1, 1) == 2048);
    CHECK(part_columns(14'336, 224, 1, 1) == 1216);
}
