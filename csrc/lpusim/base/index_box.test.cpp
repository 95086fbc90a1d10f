#include "lpusim/base/index_box.h"

#include <chrono>
#include <doctest/doctest.h>

#include "lpusim/base/rng.h"

namespace lpusim {
namespace {

bool contains(const Window& window, std::int64_t value) {
    return value >= window.low && value <= window.high;
}

/// Every point in order.
std::optional<std::vector<std::int64_t>> first_by_enumeration(const std::vector<BoxAxis>& axes,
                                                              const std::vector<WindowPair>& wanted) {
    std::vector<std::int64_t> point(axes.size(), 0);
    for (;;) {
        std::int64_t x = 0, y = 0;
        for (std::size_t k = 0; k < axes.size(); ++k) {
            x += point[k] * axes[k].x;
            y += point[k] * axes[k].y;
        }
        for (const WindowPair& pair : wanted) {
            if (contains(pair.x, x) && contains(pair.y, y))
                return point;
        }
        std::size_t k = axes.size();
        while (k > 0 && ++point[k - 1] == axes[k - 1].count)
            point[--k] = 0;
        if (k == 0)
            return std::nullopt;
    }
}

} // namespace

TEST_CASE("the first point of a box whose sums lie in their windows is that of an enumeration") {
    std::int64_t reached = 0, missed = 0;
    for (std::uint64_t seed = 1; seed <= 6000; ++seed) {
        CAPTURE(seed);
        std::uint64_t drawn = 0;
        const auto between = [&](std::int64_t low, std::int64_t high) {
            return low + static_cast<std::int64_t>(random_bits(seed, 0, drawn++) %
                                                   static_cast<std::uint64_t>(high - low + 1));
        };
        const std::int64_t stride_max = between(1, 60), factor = between(1, 4);
        std::vector<BoxAxis> axes;
        for (std::int64_t k = between(0, 4); k > 0; --k) {
            axes.push_back({between(1, 6), factor * between(-stride_max, stride_max),
                            factor * between(-stride_max, stride_max)});
            if (between(0, 2) == 0)
                axes.back().y = axes.back().x * between(-1, 1);
        }
        std::vector<WindowPair> wanted;
        for (std::int64_t pairs = between(1, 3); pairs > 0; --pairs) {
            const std::int64_t x = between(-60, 60), y = between(-60, 60), width = between(0, 80);
            wanted.push_back({{x, x + width}, {y, y + between(0, width)}});
        }
        const auto expected = first_by_enumeration(axes, wanted);
        REQUIRE((first_reaching(axes, wanted) == expected));
        (expected ? reached : missed) += 1;
    }
    CHECK(reached > 1000);
    CHECK(missed > 1000);
}

TEST_CASE("a window is met at its ends and missed one past them") {
    // 0, 10, ..., 50 and as many twos.
    const std::vector<BoxAxis> axes{{6, 10, 2}};
    CHECK(reaches(axes, {{50, 59}, {10, 10}}));
    CHECK_FALSE(reaches(axes, {{51, 59}, {10, 10}}));
    CHECK_FALSE(reaches(axes, {{50, 59}, {11, 12}}));
    CHECK(reaches(axes, {{-5, 0}, {0, 0}}));
    CHECK_FALSE(reaches(axes, {{-5, -1}, {0, 0}}));
    CHECK_FALSE(reaches(axes, {{30, 29}, {0, 100}}));
    CHECK(reaches({}, {{0, 0}, {0, 0}}));
    CHECK_FALSE(reaches({}, {{1, 1}, {0, 0}}));
}

TEST_CASE("boxes of 1e8 and of 1e40 points are searched at once") {
    const auto begin = std::chrono::steady_clock::now();
    // Both sums pass through all words of two banks of 4096, but one is always in the other bank.
    const std::vector<BoxAxis> swapping{{40, 1, 1},   {40, 2, 2}, {40, 3, 3},      {40, 5, 5},
                                        {40, 40, 40}, {2, 0, 0},  {2, 4096, -4096}};
    CHECK_FALSE(first_reaching(swapping,
                               std::vector<WindowPair>{{{0, 4095}, {-4096, -1}}, {{4096, 8191}, {0, 4095}}}));
    // Even and odd, in steps that fill nothing up.
    std::vector<BoxAxis> even;
    for (const std::int64_t step : {1000004, 314160, 271828, 141422, 173206, 223606, 57722, 66260})
        even.push_back({100'000, step, -step});
    CHECK_FALSE(reaches(even, {{1'000'000'001, 1'000'000'001}, {-2'000'000'000, 0}}));
    CHECK(reaches(even, {{1'000'000'002, 1'000'000'002}, {-2'000'000'000, 0}}));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

} // namespace lpusim
