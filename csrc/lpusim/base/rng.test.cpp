#include "lpusim/base/rng.h"

#include <doctest/doctest.h>

using namespace lpusim;

TEST_CASE("philox gives the known answers of its authors' test vectors") {
    // Random123 kat_vectors, philox4x32 10 rounds: all zero, then all ones.
    CHECK(philox(0, 0, 0) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    constexpr std::uint64_t ones = ~std::uint64_t{0};
    CHECK(philox(ones, ones, ones) ==
          std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}

TEST_CASE("a unit draw stays inside the open interval and averages to one half") {
    double sum = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const double u = random_unit(7, 1, i);
        CHECK((u > 0.0 && u < 1.0));
        sum += u;
    }
    CHECK(sum / 100'000 == doctest::Approx(0.5).epsilon(0.01));
}
