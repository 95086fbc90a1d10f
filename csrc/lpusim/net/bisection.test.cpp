#include "lpusim/net/bisection.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

/// The fewest links between two halves of at most 16 chips, by trying every half.
[[nodiscard]] std::int64_t bisection_by_enumeration(const Topology& topology) {
    const auto half = static_cast<unsigned>(topology.chip_count() / 2);
    std::int64_t narrowest = topology.directed_link_count();
    for (unsigned inside = 0; inside < (1U << static_cast<unsigned>(topology.chip_count())); ++inside) {
        unsigned members = 0;
        for (unsigned rest = inside; rest != 0; rest &= rest - 1)
            ++members;
        if (members != half)
            continue;
        std::int64_t width = 0;
        for (const Bundle& bundle : topology.bundles()) {
            if ((inside >> static_cast<unsigned>(bundle.from) & 1U) != 0 &&
                (inside >> static_cast<unsigned>(bundle.to) & 1U) == 0)
                width += bundle.width;
        }
        narrowest = std::min(narrowest, width);
    }
    return narrowest;
}

/// A random tree with random cables beside it, of random widths and slots.
[[nodiscard]] Topology random_topology(std::uint64_t seed) {
    std::uint64_t drawn = 0;
    const auto draw = [&](std::int32_t below) {
        return static_cast<std::int32_t>(random_unit(seed, 0, drawn++) * below);
    };
    const std::int32_t chips = 2 + draw(9);
    std::vector<Cable> cables;
    const auto lay = [&](std::int32_t a, std::int32_t b) {
        const bool is_there = std::ranges::any_of(
            cables, [&](const Cable& cable) { return std::minmax(cable.a, cable.b) == std::minmax(a, b); });
        if (a != b && !is_there)
            cables.push_back({a, b, 1 + draw(4), LinkTiming{1 + draw(5), 10}, LinkTiming{1 + draw(5), 10}});
    };
    for (std::int32_t chip = 1; chip < chips; ++chip)
        lay(chip, draw(chip));
    for (std::int32_t i = draw(2 * chips); i > 0; --i)
        lay(draw(chips), draw(chips));
    return {"random", chips, cables, {.vector_cycles = 5, .hop_cycles = 10}};
}

/// The fewest bytes a second between two halves, in the lesser direction, by trying every half.
[[nodiscard]] double rate_by_enumeration(const Topology& topology) {
    const auto count = static_cast<unsigned>(topology.chip_count());
    double narrowest = 1e300;
    for (unsigned inside = 0; inside < 1U << count; ++inside) {
        double out = 0, in = 0;
        unsigned members = 0;
        for (unsigned chip = 0; chip < count; ++chip)
            members += inside >> chip & 1U;
        if (members != count / 2)
            continue;
        for (const Bundle& bundle : topology.bundles()) {
            const bool from = (inside >> static_cast<unsigned>(bundle.from) & 1U) != 0;
            const bool to = (inside >> static_cast<unsigned>(bundle.to) & 1U) != 0;
            const double rate = bundle.width * link_bytes_per_s(topology.link(), bundle.timing);
            out += from && !to ? rate : 0;
            in += to && !from ? rate : 0;
        }
        narrowest = std::min({narrowest, out, in});
    }
    return narrowest;
}

} // namespace

TEST_CASE("up to 20 chips the bisection is the true one") {
    for (const std::int64_t chips : {2, 3, 6, 8, 11}) {
        CAPTURE(chips);
        CHECK(bisect(make_ring(chips, {})).links == bisection_by_enumeration(make_ring(chips, {})));
        CHECK(bisect(make_node(chips, {})).links == bisection_by_enumeration(make_node(chips, {})));
    }
    CHECK(bisect(make_quadfour(16, {})).links == bisection_by_enumeration(make_quadfour(16, {})));
    CHECK(bisect(make_node(20, {})).is_exact);
    CHECK_FALSE(bisect(make_node(21, {})).is_exact);
    CHECK(bisect(make_node(21, {})).links == 10 * 11);
}

TEST_CASE(
    "random topologies are cut where trying every half cuts them, by bytes and in the lesser direction") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        const Topology topology = random_topology(seed);
        const Bisection cut = bisect(topology);
        CHECK(cut.is_exact);
        CHECK(cut.bytes_per_s == doctest::Approx(rate_by_enumeration(topology)).epsilon(1e-9));
        CHECK(cut.chips.front() == 0);
        CHECK(std::abs(2 * std::ssize(cut.chips) - topology.chip_count()) <= 1);
    }
}

TEST_CASE("one chip has nothing to cut") {
    CHECK(bisect(make_node(1, {})).links == 0);
    CHECK(bisect(make_node(1, {})).bytes_per_s == 0);
}

TEST_CASE("arcs are cut where a ring is weakest") {
    // 40 chips in a ring; the links 9 - 10 and 29 - 30 carry half as much.
    std::vector<Cable> cables;
    for (std::int32_t chip = 0; chip < 40; ++chip) {
        cables.push_back({chip, (chip + 1) % 40, 2});
        if (chip == 9 || chip == 29)
            cables.back().links = 1;
    }
    const Bisection cut = bisect(Topology("ring", 40, cables, {}));
    CHECK(cut.links == 2);
    CHECK(std::ranges::find(cut.chips, 9) != cut.chips.end());
    CHECK(std::ranges::find(cut.chips, 10) == cut.chips.end());
    CHECK(cut.chips.size() == 20);
}

TEST_CASE("a cut runs along whichever axis is weakest, among places that still have chips") {
    const std::array<std::int64_t, 2> sizes{4, 10};
    CHECK(bisect(make_grid(sizes, false, 1, {})).links == 4); // Five columns of four from five.
    CHECK(bisect(make_quadfour(72, {})).links == 80);
    std::vector<std::int32_t> node_four;
    for (std::int32_t chip = 32; chip < 40; ++chip)
        node_four.push_back(chip);
    const Topology whole = make_quadfour(72, {});
    const Topology holed("holed", 72, whole.cables(), {}, {.chips_per_node = 8, .down_chips = node_four});
    CHECK(bisect(holed).links == 64); // 4 x 4 pairs of 4 links.
    CHECK(bisect(holed).chips.size() == 32);
}

TEST_CASE("relays stand on whichever side is better") {
    // Two stars of 12 chips, their switches joined by three links.
    std::vector<Cable> cables{{24, 25, 3}};
    std::vector<std::int32_t> switches{24, 25};
    for (std::int32_t chip = 0; chip < 24; ++chip)
        cables.push_back({chip, 24 + chip / 12, 1});
    const Bisection cut = bisect(Topology("stars", 26, cables, {}, {.relay_chips = switches}));
    CHECK(cut.links == 3);
    CHECK_FALSE(cut.is_exact);
    // With twenty between them, the chips' own links are the narrowest.
    cables.front().links = 20;
    CHECK(bisect(Topology("stars", 26, cables, {}, {.relay_chips = switches})).links == 12);
}

} // namespace lpusim::net
