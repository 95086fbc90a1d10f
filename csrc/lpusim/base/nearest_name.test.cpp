#include "lpusim/base/nearest_name.h"

#include <array>
#include <doctest/doctest.h>
#include <string>

using namespace lpusim;

TEST_CASE("a misspelt name finds the one that was meant, and nonsense finds none") {
    constexpr std::array<std::string_view, 4> known{"read", "write", "relu", "repeat"};
    CHECK(nearest_name("reed", known) == "read");        // one changed
    CHECK(nearest_name("raed", known) == "read");        // two swapped
    CHECK(nearest_name("wrte", known) == "write");       // one missing
    CHECK(nearest_name("repeeaat", known) == "repeat");  // two too many, of eight
    CHECK(nearest_name("repeeeaat", known) == "repeat"); // three of nine
    CHECK(nearest_name("repeeeeaat", known).empty());    // four of ten
    CHECK(nearest_name("read", known) == "read");
    CHECK(nearest_name("", known).empty());
    CHECK(nearest_name("frobnicate", known).empty());
    CHECK(nearest_name(std::string(64, 'x'), known).empty());
    CHECK(nearest_name("read" + std::string(1'000'000, 'x'), known).empty());
}

TEST_CASE("one letter is not mistaken for another, but may be one of two") {
    constexpr std::array<std::string_view, 2> known{"w", "e"};
    CHECK(nearest_name("x", known).empty());
    CHECK(nearest_name("ww", known) == "w");
}
