#include "lpusim/base/number_text.h"

#include <doctest/doctest.h>

#include <limits>

namespace lpusim {

TEST_CASE("a number in a message reads as it would be written") {
    CHECK(number_text(std::int64_t{65536}) == "65536");
    CHECK(number_text(65536.0) == "65536");
    CHECK(number_text(0.01) == "0.01");
    CHECK(number_text(-1e-6) == "-1e-06");
    CHECK(number_text(1099511627776.0) == "1099511627776");
}

TEST_CASE("a number in a message is short, however large") {
    CHECK(number_text(1e300) == "1e+300");
    CHECK(number_text(std::numeric_limits<double>::quiet_NaN()) == "nan");
    CHECK(number_text(std::numeric_limits<double>::infinity()) == "inf");
}

} // namespace lpusim
