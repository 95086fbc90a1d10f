#include "lpusim/serve/wide_sum.h"

#include <doctest/doctest.h>

namespace lpusim::serve {

TEST_CASE("a wide sum carries from its low half into its high half") {
    WideSum sum;
    sum.add_product(std::int64_t{1} << 62, 3);
    CHECK(sum.value() == UInt128{0, std::uint64_t{3} << 62U});
    sum.add_product(std::int64_t{1} << 62, 2); // 5 x 2^62 = 2^64 + 2^62
    CHECK(sum.value() == UInt128{1, std::uint64_t{1} << 62U});
    WideSum twice = sum;
    twice.add_product(std::int64_t{1} << 62, 2); // 7 x 2^62
    twice += twice;                              // 14 x 2^62 = 3 x 2^64 + 2 x 2^62
    CHECK(twice.value() == UInt128{3, std::uint64_t{2} << 62U});
    CHECK(twice.to_double() == 14.0 * 4611686018427387904.0);
}

} // namespace lpusim::serve
