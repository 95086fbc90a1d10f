#include "lpusim/net/wiring.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

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

[[nodiscard]] std::int64_t links_between_nodes(const Topology& topology, std::int32_t a, std::int32_t b) {
    std::int64_t links = 0;
    for (const Bundle& bundle : topology.bundles()) {
        if (bundle.from / 8 == a && bundle.to / 8 == b)
            links += bundle.width;
    }
    return links;
}

} // namespace

TEST_CASE("a node of 8 chips has 28 links and every chip is one hop away") {
    const Topology node = make_node(8, {});
    CHECK(node.link_count() == 28); // 8 x 7 / 2.
    CHECK(node.directed_link_count() == 56);
    CHECK(node.diameter() == 1);
    CHECK(node.links_per_chip_max() == 7);
    CHECK(node.bisection_links() == 16); // 4 x 4.
}

TEST_CASE("QuadFour reproduces the published diameters: 3 hops at 72 chips, 5 at 136") {
    CHECK(make_quadfour(64, {}).diameter() <= 3);
    CHECK(make_quadfour(72, {}).diameter() == 3);
    CHECK(make_quadfour(136, {}).diameter() == 5);
}

TEST_CASE("QuadFour reproduces the published bandwidths of 72 chips") {
    const Topology ring = make_quadfour(72, {});
    CHECK(ring.links_per_chip_max() == 11);
    CHECK(ring.link_count() == 9 * 28 + 9 * 32 / 2);
    CHECK(ring.bisection_links() == 80); // 4 nodes | 5 nodes, 4 links a pair.
    CHECK(ring.bisection_bytes_per_s() == doctest::Approx(853.333e9).epsilon(1e-6)); // Published: 853 GB/s.
    // Published: 235 GB/s a chip, both directions.
    CHECK(2 * 11 * link_bytes_per_s(ring.link()) == doctest::Approx(234.667e9).epsilon(1e-5));
}

TEST_CASE("QuadFour gives each of 8 neighbour nodes 4 links, one a chip, and no other node any") {
    const Topology ring = make_quadfour(17 * 8, {});
    for (std::int32_t ahead = 1; ahead < 17; ++ahead)
        CHECK(links_between_nodes(ring, 0, ahead) == (ahead <= 4 || ahead >= 13 ? 4 : 0));
    for (const Bundle& bundle : ring.bundles())
        CHECK(bundle.width == 1);
}

TEST_CASE("QuadFour below 9 nodes uses all 32 outer ports of every node") {
    for (std::int32_t nodes = 2; nodes <= 9; ++nodes) {
        CAPTURE(nodes);
        const Topology ring = make_quadfour(8 * nodes, {});
        CHECK(ring.link_count() == nodes * (28 + 16));
        std::int64_t least = 32, most = 0;
        for (std::int32_t other = 1; other < nodes; ++other) {
            least = std::min(least, links_between_nodes(ring, 0, other));
            most = std::max(most, links_between_nodes(ring, 0, other));
        }
        CHECK(least == 32 / (nodes - 1));
        CHECK(most - least <= 32 % (nodes - 1));
    }
}

TEST_CASE("any number of chips is connected and stays within the ports of a chip") {
    for (std::int64_t chips = 1; chips <= 150; ++chips) {
        CAPTURE(chips);
        CHECK(make_quadfour(chips, {}).links_per_chip_max() <= 11);
        CHECK(make_lpx(chips, {}).links_per_chip_max() <= 96);
    }
    for (const std::int64_t chips : {257, 768, 1536, 2817}) {
        CAPTURE(chips);
        CHECK(make_lpx(chips, {}).links_per_chip_max() <= 96);
    }
}

TEST_CASE("an LPX rack is two hops wide and racks beside it one more") {
    const Topology rack = make_lpx(256, {});
    CHECK(make_lpx(8, {}).diameter() == 1);
    CHECK(rack.diameter() == 2);
    CHECK(rack.links_per_chip_max() == 7 * 8 + 31);
    CHECK(rack.link_count() == 32 * 28 * 8 + 8 * (32 * 31 / 2));
    CHECK(rack.bisection_links() == 16 * 16 * 8); // Half the trays, each rail all to all.
    CHECK(make_lpx(768, {}).diameter() == 3);
    CHECK(make_lpx(257, {}).diameter() == 3); // The 257th chip hangs on chip 0 of the first rack.
}

TEST_CASE("an LPX wiring that needs more ports than a chip has is refused") {
    CHECK_NOTHROW((void)make_lpx(8, {}, {.tray_links = 8, .rail_links = 1, .rack_links = 9}));
    CHECK_THROWS_WITH_AS((void)make_lpx(8, {}, {.tray_links = 9, .rail_links = 1, .rack_links = 3}),
                         "LpxWiring: 7 x tray_links + 31 x rail_links + rack_links needs 97 ports, but "
                         "links_per_chip is 96",
                         ValueError);
}

TEST_CASE("the bisection found by arcs is the true one on small symmetric graphs") {
    for (const std::int64_t chips : {2, 3, 6, 8, 11}) {
        CAPTURE(chips);
        CHECK(make_ring(chips, {}).bisection_links() == bisection_by_enumeration(make_ring(chips, {})));
        CHECK(make_node(chips, {}).bisection_links() == bisection_by_enumeration(make_node(chips, {})));
    }
    CHECK(make_quadfour(16, {}).bisection_links() == bisection_by_enumeration(make_quadfour(16, {})));
}

TEST_CASE("a graph that cannot be a machine is refused with the chip or link at fault") {
    const auto build = [](std::int64_t chips, std::vector<Cable> cables) {
        (void)Topology("test", chips, cables, {});
    };
    CHECK_THROWS_WITH_AS(
        build(3, {{0, 1, 1}}),
        "the topology is not connected, so no timetable serves all of it: no path from chip 0 to chip 2",
        DisconnectedError);
    CHECK_THROWS_WITH_AS(build(2, {{1, 1, 1}}),
                         "the link from chip 1 to chip 1 is a self loop; a link joins two different chips",
                         ValueError);
    CHECK_THROWS_WITH_AS(build(2, {{0, 2, 1}}),
                         "the link from chip 0 to chip 2 names a chip that is not there; chips are 0 to 1",
                         ValueError);
    CHECK_THROWS_AS(build(2, {{0, 1, 0}}), ValueError);
    CHECK_THROWS_AS(build(0, {}), ValueError);
    CHECK_THROWS_AS((void)make_quadfour(std::int64_t{1} << 40, {}), ValueError);
    CHECK_THROWS_AS((void)make_topology("quadfore", 8, {}), ValueError);
    CHECK_THROWS_AS((void)make_node(8, {.vector_cycles = 0}), ValueError);
    CHECK_THROWS_AS((void)make_node(8, {.vector_cycles = 27, .hop_cycles = 26}), ValueError);
    CHECK_NOTHROW((void)make_node(8, {.vector_cycles = 27, .hop_cycles = 27}));
}

TEST_CASE("cables named twice join, and both directions have their own links") {
    const std::vector<Cable> cables{{0, 1, 2}, {1, 0, 3}};
    const Topology pair("pair", 2, cables, {});
    CHECK(pair.link_count() == 5);
    REQUIRE(pair.bundles().size() == 2);
    CHECK(pair.bundles()[0].width == 5);
    CHECK(pair.bundles()[0].reverse == 1);
    CHECK(pair.bundle_of_link(4).from == 0);
    CHECK(pair.bundle_of_link(5).from == 1);
}

TEST_CASE("parallel links share one timing, which must be possible") {
    const auto build = [](std::vector<Cable> cables) { return Topology("pair", 2, cables, {}); };
    const LinkTiming slow{40, 300};
    CHECK(build({{0, 1, 2, slow, slow}, {1, 0, 1, slow, slow}}).bundles()[1].timing == slow);
    CHECK(build({{0, 1, 2, slow, {}}, {1, 0, 1, {}, slow}}).bundles()[1].timing == LinkTiming{27, 270});
    CHECK_THROWS_WITH_AS((void)build({{0, 1, 2, slow, slow}, {0, 1, 1, {}, {}}}),
                         "the links from chip 0 to chip 1 are given twice with different timings; parallel "
                         "links have one timing",
                         ValueError);
    CHECK_THROWS_WITH_AS(
        (void)build({{0, 1, 1, LinkTiming{0, 10}, {}}}),
        "the link from chip 0 to chip 1: vector_cycles must be from 1 to 65536 cycles, got 0", ValueError);
    CHECK_THROWS_AS((void)build({{0, 1, 1, {}, LinkTiming{27, 26}}}), ValueError);
}

TEST_CASE("the payload's share of a packet is the published 97.56 %") {
    CHECK(payload_share({}) == doctest::Approx(0.9756).epsilon(1e-5)); // 320 / 328.
}

TEST_CASE("a link given in time becomes whole cycles, rounded up") {
    const LinkSpec first = link_from_ps(320, 30'000, 300'000, 900'000'000);
    CHECK(first.vector_cycles == 27);
    CHECK(first.hop_cycles == 270);
    CHECK(link_from_ps(320, 30'001, 300'000, 900'000'000).vector_cycles == 28);
    CHECK_THROWS_AS((void)link_from_ps(320, 0, 300'000, 900'000'000), ValueError);
}

} // namespace lpusim::net
