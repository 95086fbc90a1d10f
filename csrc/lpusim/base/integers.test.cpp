#include "lpusim/base/integers.h"

#include <doctest/doctest.h>

using namespace lpusim;

TEST_CASE("a division says which way it rounds, on both sides of the edge") {
    CHECK(div_ceil(0, 7) == 0);
    CHECK(div_ceil(7, 7) == 1);
    CHECK(div_ceil(8, 7) == 2);
    CHECK(div_floor(-1, 7) == -1);
    CHECK(div_floor(-7, 7) == -1);
    CHECK(div_floor(6, 7) == 0);
}

TEST_CASE("cycles become picoseconds without losing a bit") {
    CHECK(cycles_to_ps(9, 900'000'000) == 10'000);
    CHECK(cycles_to_ps(1, 900'000'000) == 1'112); // 1111.1 ps, rounded up.
    CHECK(cycles_to_ps(1'000'000'000'000, 900'000'000) == 1'111'111'111'111'112);
}

TEST_CASE("a product beyond 64 bits survives when the quotient fits, and throws when it does not") {
    constexpr std::int64_t big = std::numeric_limits<std::int64_t>::max();
    CHECK(multiply_divide_floor(big, big, big) == big);
    CHECK(multiply_divide_ceil(big, big, big) == big);
    CHECK(multiply_divide_floor(big, 10, 11) == 8384883669867978006);
    CHECK_THROWS_AS((void)multiply_divide_floor(big, 2, 1), ValueError);
    CHECK_THROWS_AS((void)checked_multiply(big, 2), ValueError);
    CHECK_THROWS_AS((void)checked_add(big, 1), ValueError);
    CHECK(checked_add(big, -1) == big - 1);
}
