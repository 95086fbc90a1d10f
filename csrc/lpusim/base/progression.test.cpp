#include "lpusim/base/progression.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "lpusim/base/errors.h"
#include "lpusim/base/rng.h"

namespace lpusim {
namespace {

std::vector<std::int64_t> values_of(const Progression& p) {
    std::vector<std::int64_t> values;
    for (std::int64_t i = 0; i < p.size(); ++i)
        values.push_back(p.at(i));
    return values;
}

std::vector<std::int64_t> values_of(const std::vector<Progression>& pieces) {
    std::vector<std::int64_t> values;
    for (const Progression& p : pieces) {
        for (const std::int64_t value : values_of(p))
            values.push_back(value);
    }
    std::sort(values.begin(), values.end());
    return values;
}

/// Small random progressions; strides are often shared, so that periods align, half align and do not.
struct Generator {
    std::uint64_t seed;
    std::uint64_t drawn = 0;

    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(random_bits(seed, 7, drawn++) % static_cast<std::uint64_t>(bound));
    }

    Progression progression() {
        std::vector<ProgressionLevel> levels;
        std::int64_t span = 0;
        const std::int64_t rank = below(4);
        for (std::int64_t k = 0; k < rank; ++k) {
            const std::int64_t stride = span + 1 + below(3) * below(4);
            const std::int64_t rounded = below(2) == 0 ? stride : (stride + 3) / 4 * 4;
            const std::int64_t count = 1 + below(5);
            levels.insert(levels.begin(), {rounded, count});
            span += rounded * (count - 1);
        }
        return Progression(below(40) - 20, levels);
    }
};

Progression build(std::int64_t start, const std::vector<ProgressionLevel>& levels = {}) {
    return Progression(start, levels);
}

} // namespace

TEST_CASE("two blocks of three values each are six values in order") {
    const Progression p(5, {{10, 2}, {2, 3}});
    CHECK(values_of(p) == std::vector<std::int64_t>{5, 7, 9, 15, 17, 19});
    CHECK(p.size() == 6);
    CHECK(p.last() == 19);
    CHECK(p.find(17) == 4);
    CHECK_FALSE(p.find(16).has_value());
    CHECK_FALSE(p.find(11).has_value());
    CHECK_FALSE(p.find(25).has_value());
}

TEST_CASE("the index from a value on is that of the least value not below it") {
    const Progression p(5, {{10, 2}, {2, 3}}); // 5 7 9 | 15 17 19
    CHECK(p.index_from(-1) == 0);
    CHECK(p.index_from(5) == 0);
    CHECK(p.index_from(6) == 1);
    CHECK(p.index_from(9) == 2);
    CHECK(p.index_from(10) == 3); // In the gap between the blocks.
    CHECK(p.index_from(19) == 5);
    CHECK(p.index_from(20) == 6);
    Generator draw{20260101};
    for (int round = 0; round < 300; ++round) {
        const Progression any = draw.progression();
        const auto values = values_of(any);
        for (std::int64_t value = any.first() - 2; value <= any.last() + 2; ++value) {
            const auto least = std::lower_bound(values.begin(), values.end(), value);
            REQUIRE(any.index_from(value) == least - values.begin());
        }
    }
}

TEST_CASE("some blocks of the outermost level") {
    const Progression p(5, {{10, 4}, {2, 3}});
    CHECK((p.blocks(1, 2) == Progression(15, {{10, 2}, {2, 3}})));
    CHECK((p.blocks(3, 1) == Progression(35, {{2, 3}})));
    CHECK((p.blocks(0, 4) == p));
}

TEST_CASE("a progression refuses what it cannot mean") {
    CHECK_THROWS_AS((build(0, {{1, 0}})), ValueError);
    CHECK_THROWS_AS((build(0, {{2, 3}, {1, 3}})), ValueError); // 0 1 2 | 2 3 4: blocks touch.
    CHECK_NOTHROW((build(0, {{3, 3}, {1, 3}})));
    CHECK_THROWS_AS((build(0, {{1000, Progression::kValueMax / 1000 + 2}})), ValueError);
    CHECK_THROWS_AS((build(Progression::kValueMax + 1)), ValueError);
    CHECK_THROWS_AS((build(0, {{0, 2}})), ValueError);
    CHECK_NOTHROW((build(0, {{0, 1}})));
}

TEST_CASE("a level that continues the one inside it merges with it") {
    const Progression merged = Progression(3, {{100, 2}, {10, 4}, {2, 5}}).merged();
    CHECK((merged == Progression(3, {{100, 2}, {2, 20}})));
    CHECK((Progression(3, {{12, 4}, {2, 5}}).merged() == Progression(3, {{12, 4}, {2, 5}})));
}

TEST_CASE("every 6th and every 4th value meet every 12 values") {
    const Progression a(1, {{6, 100}});
    const Progression b(3, {{4, 200}});
    CHECK(first_common(a, b) == 7); // 1 7 13 ... and 3 7 11 ...
    const auto pieces = intersect(a, b);
    REQUIRE(pieces.size() == 1);
    CHECK((pieces[0] == Progression(7, {{12, 50}})));
    CHECK_FALSE(first_common(a, Progression(2, {{4, 200}})).has_value());
}

TEST_CASE("aligned runs of 1e9 repeats meet in two pieces") {
    const Progression a(0, {{1000, 1'000'000'000}, {1, 320}});
    const Progression b(100, {{500, 2'000'000'000}, {1, 20}});
    // Blocks of b start at 100, 600, 1100, ...: every other one lies inside a block of a.
    const auto pieces = intersect(a, b);
    CHECK(pieces.size() <= 2); // b reaches beyond the end of a, so the last pair of its blocks is cut.
    std::int64_t size = 0;
    for (const Progression& piece : pieces)
        size += piece.size();
    CHECK(size == 20'000'000'000);
    CHECK(first_common(a, b) == 100);
    CHECK(first_common(a.shifted(320), b) == 600);             // 320..639 holds all of 600..619,
    CHECK_FALSE(first_common(a.shifted(-300), b).has_value()); // -300..19 and 700..1019 hold none.
}

TEST_CASE("a prime and a power of two meet far away") {
    const Progression a(0, {{1'000'003, 1'000'000}});
    const Progression b(1, {{1 << 20, 1'000'000}});
    const auto common = first_common(a, b);
    REQUIRE(common.has_value());
    CHECK(*common % 1'000'003 == 0);
    CHECK((*common - 1) % (1 << 20) == 0);
    CHECK(*common < std::int64_t{1'000'003} * (1 << 20)); // Unique below the product of the periods.
}

TEST_CASE("subtracting the middle of each block leaves its ends") {
    const Progression whole(0, {{10, 3}, {1, 6}});
    const auto pieces = intersect(whole, Progression(2, {{10, 3}, {1, 2}}));
    REQUIRE(pieces.size() == 1);
    std::vector<Progression> rest;
    subtract(whole, pieces[0], rest);
    CHECK(values_of(rest) == std::vector<std::int64_t>{0, 1, 4, 5, 10, 11, 14, 15, 20, 21, 24, 25});
}

TEST_CASE("splitting inside a block keeps both sides") {
    const auto parts = split(Progression(0, {{10, 3}, {1, 4}}), 12);
    CHECK(values_of(parts.below) == std::vector<std::int64_t>{0, 1, 2, 3, 10, 11});
    CHECK(values_of(parts.from) == std::vector<std::int64_t>{12, 13, 20, 21, 22, 23});
}

TEST_CASE("the algebra agrees with enumeration on random progressions") {
    Generator random{.seed = 2026};
    std::int64_t meetings = 0;
    for (int round = 0; round < 20'000; ++round) {
        CAPTURE(round);
        const Progression a = random.progression();
        const Progression b = random.progression();
        const auto in_a = values_of(a);
        const auto in_b = values_of(b);
        REQUIRE(std::is_sorted(in_a.begin(), in_a.end()));
        std::vector<std::int64_t> expected, rest_expected;
        std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                              std::back_inserter(expected));
        std::set_difference(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                            std::back_inserter(rest_expected));
        meetings += !expected.empty();

        const auto least = first_common(a, b);
        REQUIRE(least.has_value() == !expected.empty());
        if (least)
            REQUIRE(*least == expected.front());

        const ProgressionPeel parts = peel(a, b);
        REQUIRE(values_of(parts.matched) == expected);
        REQUIRE(values_of(parts.rest) == rest_expected);
        REQUIRE(includes(a, b) == (expected.size() == in_b.size()));

        REQUIRE(values_of(a.merged()) == in_a);
        const std::int64_t probe = random.below(80) - 30;
        const auto place = std::find(in_a.begin(), in_a.end(), probe);
        REQUIRE(a.contains(probe) == (place != in_a.end()));
        if (place != in_a.end())
            REQUIRE(*a.find(probe) == place - in_a.begin());

        const ProgressionSplit halves = split(a, probe);
        for (const Progression& part : halves.below)
            REQUIRE(part.last() < probe);
        for (const Progression& part : halves.from)
            REQUIRE(part.first() >= probe);
        REQUIRE(static_cast<std::int64_t>(values_of(halves.below).size() + values_of(halves.from).size()) ==
                a.size());

        for (const Progression& piece : parts.matched) {
            for (int k = 0; k < piece.rank(); ++k) { // Steps of a level move the index of both sides evenly.
                for (const Progression* side : {&a, &b}) {
                    const auto [stride, count] = piece.level(k);
                    const std::int64_t step =
                        *side->find(piece.first() + stride) - *side->find(piece.first());
                    for (std::int64_t i = 1; i < count; ++i) {
                        REQUIRE(*side->find(piece.first() + i * stride) ==
                                *side->find(piece.first()) + i * step);
                    }
                }
            }
        }
    }
    CHECK(meetings > 5'000); // The cases are not all trivial.
    CHECK(meetings < 19'000);
}

} // namespace lpusim
