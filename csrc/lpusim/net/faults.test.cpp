#include "lpusim/net/faults.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <numeric>
#include <vector>

#include "lpusim/net/bisection.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/measures.h"
#include "lpusim/net/traffic.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

constexpr Options kRecord{.algorithm = Algorithm::automatic, .record = true};

[[nodiscard]] std::vector<std::int32_t> node_chips(std::int32_t node) {
    std::vector<std::int32_t> chips(8);
    std::iota(chips.begin(), chips.end(), 8 * node);
    return chips;
}

} // namespace

TEST_CASE("chips, nodes and links that are down are in no route, and ids do not move") {
    const Topology whole = make_quadfour(72, {});
    const Topology rest = without(whole, {.chips = {3}, .nodes = {4}, .links = {{0, 1, 0}}});
    CHECK(rest.chip_count() == 72);
    CHECK(rest.endpoints().size() == 63);
    CHECK(rest.distances(0)[1] == 2);
    const Collective sum = all_reduce(rest, {}, 65'536, {}, kRecord);
    CHECK(verify(rest, sum.timetable).cycles == sum.cycles);
    for (const Run& run : sum.timetable.runs) {
        const Bundle& used = rest.bundle_of_link(static_cast<std::int32_t>(run.link));
        for (const std::int32_t chip : {used.from, used.to}) {
            CHECK(chip != 3);
            CHECK(chip / 8 != 4);
        }
        CHECK((used.from > 1 || used.to > 1)); // Not the link between 0 and 1.
    }
    CHECK(rest.name() == "quadfour-72 with faults");
    CHECK(rest.symmetry_chips() == 0);
}

TEST_CASE("some of the parallel links may be down, not more than there are") {
    const std::vector<Cable> cables{{0, 1, 4, LinkTiming{30, 300}, {}}, {1, 2}};
    const Topology row("row", 3, cables, {});
    const Topology rest = without(row, {.links = {{1, 0, 3}}});
    CHECK(rest.link_count() == 2);
    CHECK(rest.bundles()[0].timing == LinkTiming{30, 300});
    CHECK(send(rest, 0, 1, 2 * 320).cycles == 300 + 30);
    CHECK_THROWS_WITH_AS((void)without(row, {.links = {{0, 1, 5}}}),
                         "links between chips 0 and 1 that are down must be from 0 (all) to 4, got 5",
                         ValueError);
    CHECK_THROWS_WITH_AS((void)without(row, {.links = {{0, 2, 1}}}),
                         "there is no link between chips 0 and 2 that could be down", ValueError);
    CHECK_THROWS_WITH_AS((void)without(row, {.links = {{1, 2, 1}, {1, 2, 1}}}),
                         "there is no link between chips 1 and 2 that could be down", ValueError);
}

TEST_CASE("what cannot be served any more is said, with who cannot reach whom") {
    CHECK_THROWS_WITH_AS((void)without(make_ring(6, {}), {.chips = {1}, .links = {{3, 4, 0}}}),
                         "the topology is not connected, so no timetable serves all of it: no path from chip "
                         "0 to chips 2, 3",
                         DisconnectedError);
    CHECK_THROWS_AS((void)without(make_node(2, {}), {.chips = {0, 1}}), DisconnectedError);
    CHECK_THROWS_WITH_AS((void)without(make_node(2, {}), {.chips = {2}}),
                         "a chip that is down must be a chip of node-2 with faults, 0 to 1, got 2",
                         ValueError);
    CHECK_THROWS_WITH_AS((void)without(make_quadfour(16, {}), {.nodes = {2}}),
                         "a node that is down must be a node of quadfour-16, 0 to 1, got 2", ValueError);
    // One chip that is left alone is a machine.
    CHECK(without(make_node(2, {}), {.chips = {1}}).diameter() == 0);
}

TEST_CASE("QuadFour skips any three nodes that are down, as published, and four in a row from either side") {
    const Topology ring = make_quadfour(17 * 8, {});
    const std::int64_t whole_links = bisect(ring).links;
    for (std::int32_t a = 0; a < 17; ++a) {
        for (std::int32_t b = 0; b < a; ++b) {
            for (std::int32_t c = 0; c < b; ++c)
                CHECK(bisect(without(ring, {.nodes = {a, b, c}})).links < whole_links);
        }
    }
    CHECK(router_diameter(without(ring, {.nodes = {5, 6, 7, 8}})) > router_diameter(ring));
    CHECK_THROWS_AS((void)without(ring, {.nodes = {1, 2, 3, 4, 9, 10, 11, 12}}), DisconnectedError);
}

TEST_CASE("a spare node stands in under the ids of the one that failed, and nothing is lost") {
    const std::vector<std::int32_t> last{8};
    const Topology rack = with_spares(make_quadfour(72, {}), last);
    CHECK(rack.endpoints().size() == 64);
    CHECK(nearest_spare(rack, 3) == 8);
    const Topology mended = substitute(rack, 3, 8);
    CHECK(mended.endpoints() == rack.endpoints());
    CHECK(mended.up_chips().size() == 64);
    CHECK(mended.arrangement().down_chips == node_chips(8));
    CHECK(mended.arrangement().physical_chips[24] == 64);
    CHECK(mended.arrangement().physical_chips[64] == 24);
    // Every two of nine nodes have four links, so any eight of them are the same machine.
    CHECK(bisect(mended).links == 64);
    const Topology alone = without(make_quadfour(72, {}), {.nodes = {8}});
    CHECK(all_gather(mended, {}, 65'536).vector_count == all_gather(alone, {}, 65'536).vector_count);
    const Collective sum = all_reduce(mended, {}, 65'536, {}, kRecord);
    CHECK(verify(mended, sum.timetable).cycles == sum.cycles);
    CHECK_THROWS_WITH_AS((void)nearest_spare(mended, 0),
                         "quadfour-72 with faults has no spare node of 8 chips left to stand in for node 0",
                         ValueError);
}

TEST_CASE("a failed node that is down already is replaced too, and cables follow their chips") {
    const std::vector<std::int32_t> spares{1, 3};
    const std::vector<Cable> cables{{0, 1, 5}, {1, 2, 6}, {2, 3, 7}, {3, 0, 8}};
    const Topology ring("ring", 4, cables, {});
    const Topology mended = substitute(without(with_spares(ring, spares), {.chips = {2}}), 2, 3);
    // Chip 2 is now the fourth of the ring, next to chip 0 by eight links.
    CHECK(mended.endpoints() == std::vector<std::int32_t>{0, 2});
    CHECK(mended.arrangement().relay_chips == std::vector<std::int32_t>{1});
    CHECK(mended.bundles_from(0).back().to == 2);
    CHECK(mended.bundles_from(0).back().width == 8);
    // The other spare may stand in for it in turn.
    const Topology again = substitute(mended, 2, 1);
    CHECK(again.arrangement().physical_chips == std::vector<std::int32_t>{0, 3, 1, 2});
    CHECK(again.bundles_from(0).back().width == 5);
}

TEST_CASE("only a spare of the same size stands in") {
    const std::vector<std::int32_t> last{8};
    CHECK_THROWS_WITH_AS((void)substitute(make_quadfour(72, {}), 3, 8),
                         "node 8 of quadfour-72 is no spare that could stand in for node 3", ValueError);
    const Topology short_last = with_spares(make_quadfour(70, {}), last);
    CHECK_THROWS_WITH_AS((void)substitute(short_last, 3, 8),
                         "node 3 of quadfour-70 has 8 chips, its spare node 8 6", ValueError);
    CHECK_THROWS_AS((void)nearest_spare(short_last, 3), ValueError);
    CHECK_THROWS_AS((void)with_spares(make_quadfour(72, {}), std::vector<std::int32_t>{9}), ValueError);
}

TEST_CASE("a whole machine of racks with a spare each survives a failure in every rack") {
    std::vector<std::int32_t> spares;
    for (std::int32_t rack = 0; rack < 5; ++rack)
        spares.push_back(9 * rack + 8);
    Topology machine = with_spares(make_dragonfly(360, {}), spares);
    for (std::int32_t rack = 0; rack < 5; ++rack) {
        const std::int32_t failed = 9 * rack + rack;
        const std::int32_t spare = nearest_spare(machine, failed);
        CHECK(spare == 9 * rack + 8); // The one in its own rack.
        machine = substitute(machine, failed, spare);
    }
    CHECK(machine.endpoints().size() == 5 * 64);
    CHECK(router_diameter(machine) <= 5);
}

} // namespace lpusim::net
