#include "lpusim/net/wiring.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/net/bisection.h"
#include "lpusim/net/measures.h"
#include "lpusim/net/rotation.h"

namespace lpusim::net {
namespace {

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
    CHECK(bisect(node).links == 16); // 4 x 4.
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
    CHECK(bisect(ring).links == 80); // 4 nodes | 5 nodes, 4 links a pair.
    CHECK(bisect(ring).bytes_per_s == doctest::Approx(853.333e9).epsilon(1e-6)); // Published: 853 GB/s.
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

TEST_CASE("a dragonfly of one level links every two nodes and has the published 3 hops at 264 chips") {
    const Topology largest = make_dragonfly(264, {});
    CHECK(largest.diameter() == 3);
    CHECK(router_diameter(largest) == 3);
    CHECK(largest.links_per_chip_max() == 11);
    CHECK(largest.link_count() == 33 * 28 + 33 * 32 / 2);
    for (std::int32_t other = 1; other < 33; ++other)
        CHECK(links_between_nodes(largest, 0, other) == 1);
    for (std::int32_t nodes = 2; nodes <= 33; ++nodes) {
        CAPTURE(nodes);
        const Topology dragonfly = make_dragonfly(8 * nodes, {});
        CHECK(dragonfly.diameter() <= 3);
        CHECK(dragonfly.link_count() == nodes * (28 + 16)); // Every port of every node is in use.
        CHECK(dragonfly.links_per_chip_max() == 11);
        CHECK(8 % Rotation::finest(dragonfly).step_chips() == 0);
        for (std::int32_t other = 1; other < nodes; ++other) {
            const std::int64_t links = links_between_nodes(dragonfly, 0, other);
            CHECK(links >= 32 / (nodes - 1));
            CHECK(links <= 32 / (nodes - 1) + 1);
        }
    }
}

TEST_CASE("a dragonfly of two levels has the published counts, and 5 hops from router to router") {
    const Topology largest = make_dragonfly(10'440, {});
    CHECK(largest.link_count() == 10'440 * 11 / 2);
    CHECK(largest.links_per_chip_max() == 11);
    CHECK(router_diameter(largest) == 5); // Published: at most 5.
    CHECK(largest.diameter() == 6);       // Chip by chip: passing a node may take a hop inside it.
    CHECK(Rotation::finest(largest).step_chips() == 72);
    std::vector<std::int64_t> from_first_rack(145, 0);
    for (const Bundle& bundle : largest.bundles()) {
        if (bundle.from < 72)
            from_first_rack[static_cast<std::size_t>(bundle.to / 72)] += bundle.width;
    }
    CHECK(from_first_rack.front() == 72 * 7 + 144); // In nodes, and 144 ports from node to node.
    for (std::size_t rack = 1; rack < 145; ++rack)
        CHECK(from_first_rack[rack] == 1);
    for (std::int32_t other = 1; other < 9; ++other)
        CHECK(links_between_nodes(largest, 0, other) == 2);
    CHECK_THROWS_WITH_AS((void)make_dragonfly(10'441, {}), "chip_count must be from 1 to 10440, got 10441",
                         ValueError);
}

TEST_CASE("a dragonfly of any number of racks uses every port and stays within 5 hops of routers") {
    for (std::int32_t racks = 4; racks < 145; ++racks) {
        CAPTURE(racks);
        const Topology dragonfly = make_dragonfly(72 * racks, {});
        CHECK(dragonfly.link_count() == 72 * racks * 11 / 2);
        CHECK(dragonfly.links_per_chip_max() == 11);
        CHECK(Rotation::finest(dragonfly).step_chips() == 72);
        CHECK(router_diameter(dragonfly) <= 5);
        if (racks % 16 == 0)
            CHECK(dragonfly.diameter() <= 7);
    }
    // 34 nodes: the last rack has 7 of its 9.
    CHECK(make_dragonfly(272, {}).diameter() <= 7);
}

TEST_CASE("what a chip can send beyond its node falls as ISCA'22 shows over the size of the system") {
    // Shown for raw links of 100 Gb/s: about 50 GB/s from 16 to 264 chips, about 14 beyond.
    const auto links_of = [](std::int64_t chips) {
        const Topology dragonfly = make_dragonfly(chips, {});
        return global_bytes_per_s(dragonfly) / link_bytes_per_s(dragonfly.link());
    };
    CHECK(links_of(16) == doctest::Approx(4.0)); // All 32 links to the one other node.
    CHECK(links_of(264) == doctest::Approx(4.0));
    for (const std::int64_t chips : {1440, 2880, 10'440}) {
        CAPTURE(chips);
        CHECK(12.5 * links_of(chips) > 12.5);
        CHECK(12.5 * links_of(chips) < 14.1); // 2 ports in the rack, 16/9 of them a vector: 1.125 at best.
    }
}

TEST_CASE("cables between nodes and racks have their own timing where one is given") {
    const LinkTiming node_cable{27, 300}, rack_cable{30, 500};
    const auto hops_of = [](const Topology& topology, std::int32_t group_chips) {
        std::vector<std::int64_t> hops;
        for (const Bundle& bundle : topology.bundles()) {
            if (bundle.from / group_chips != bundle.to / group_chips)
                hops.push_back(bundle.timing.hop_cycles);
        }
        std::ranges::sort(hops);
        const auto twice = std::ranges::unique(hops);
        hops.erase(twice.begin(), twice.end());
        return hops;
    };
    using Hops = std::vector<std::int64_t>;
    const Topology two_levels = make_dragonfly(288, {}, {node_cable, rack_cable});
    CHECK(hops_of(two_levels, 1) == Hops{270, 300, 500});
    CHECK(hops_of(two_levels, 8) == Hops{300, 500});
    CHECK(hops_of(two_levels, 72) == Hops{500});
    CHECK(hops_of(make_dragonfly(288, {}, {node_cable, {}}), 72) == Hops{300});
    CHECK(hops_of(make_quadfour(72, {}, {node_cable, {}}), 1) == Hops{270, 300});
    CHECK(hops_of(make_lpx(512, {}, {}, {node_cable, rack_cable}), 256) == Hops{500});
    CHECK(hops_of(make_lpx(512, {}, {}, {node_cable, rack_cable}), 8) == Hops{300, 500});
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
        CHECK(make_dragonfly(chips, {}).links_per_chip_max() <= 11);
        CHECK(make_lpx(chips, {}).links_per_chip_max() <= 96);
    }
    for (const std::int64_t chips : {265, 300, 361, 1001})
        CHECK(make_dragonfly(chips, {}).links_per_chip_max() <= 11);
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
    CHECK(bisect(rack).links == 16 * 16 * 8); // Half the trays, each rail all to all.
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
    CHECK_THROWS_WITH_AS(
        (void)make_topology("quadfore", 8, {}),
        "unknown topology 'quadfore'; did you mean 'quadfour'?; known topologies: node, ring, "
        "quadfour, lpx, dragonfly",
        ValueError);
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

TEST_CASE("adding symmetry_chips maps cables to cables") {
    const std::array<std::int64_t, 2> sizes{5, 4};
    const std::vector<Topology> machines{make_node(8, {}),        make_ring(7, {}),
                                         make_quadfour(72, {}),   make_dragonfly(64, {}),
                                         make_dragonfly(264, {}), make_dragonfly(360, {}),
                                         make_lpx(768, {}),       make_grid(sizes, true, 1, {})};
    for (const Topology& machine : machines) {
        CAPTURE(machine.name());
        const std::int32_t shift = machine.symmetry_chips();
        REQUIRE(shift > 0);
        CHECK(shift % Rotation::finest(machine).step_chips() == 0);
        for (const Bundle& bundle : machine.bundles()) {
            if (std::max(bundle.from, bundle.to) + shift >= machine.chip_count())
                continue;
            const auto outs = machine.bundles_from(bundle.from + shift);
            const auto image = std::ranges::find(outs, bundle.to + shift, &Bundle::to);
            REQUIRE(image != outs.end());
            CHECK(image->width == bundle.width);
        }
    }
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
