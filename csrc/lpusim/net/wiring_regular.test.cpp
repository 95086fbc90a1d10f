#include <array>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/net/bisection.h"
#include "lpusim/net/measures.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

[[nodiscard]] Topology grid(std::vector<std::int64_t> sizes, bool wraps, std::int64_t links = 1) {
    return make_grid(sizes, wraps, links, {});
}

} // namespace

TEST_CASE("a torus has a neighbour each way in each dimension") {
    const Topology torus = grid({4, 6, 8}, true);
    CHECK(torus.chip_count() == 192);
    CHECK(torus.link_count() == 3 * 192);
    CHECK(torus.links_per_chip_max() == 6);
    CHECK(torus.diameter() == 2 + 3 + 4);
    CHECK(bisect(torus).links == 2 * 4 * 6); // Across the longest side, twice.
    CHECK(torus.distances(0)[1] == 1);
    CHECK(torus.distances(0)[8] == 1);
    CHECK(torus.distances(0)[48] == 1);
    CHECK(torus.distances(0)[7] == 1); // Round the back.
}

TEST_CASE("a mesh ends at its sides") {
    const Topology mesh = grid({4, 6, 8}, false);
    CHECK(mesh.link_count() == 3 * 6 * 8 + 4 * 5 * 8 + 4 * 6 * 7);
    CHECK(mesh.diameter() == 3 + 5 + 7);
    CHECK(bisect(mesh).links == 4 * 6);
    CHECK(mesh.distances(0)[7] == 7);
}

TEST_CASE("two in a row are neighbours once, one alone has none") {
    CHECK(grid({2, 2, 2}, true).link_count() == 12); // A cube.
    CHECK(grid({2, 2, 2}, true).diameter() == 3);
    CHECK(grid({5}, true).link_count() == make_ring(5, {}).link_count());
    CHECK(grid({1, 1}, true).link_count() == 0);
    CHECK(grid({3, 1}, true, 4).link_count() == 12);
}

TEST_CASE("a grid that is none is refused before anything is laid") {
    CHECK_THROWS_WITH_AS((void)grid({}, true), "the number of dimensions must be from 1 to 16, got 0",
                         ValueError);
    CHECK_THROWS_WITH_AS((void)grid({4, 0}, true), "the size of a dimension must be from 1 to 65536, got 0",
                         ValueError);
    CHECK_THROWS_WITH_AS((void)grid({65'536, 2}, true),
                         "the product of the sizes must be from 1 to 65536, got 131072", ValueError);
    CHECK_THROWS_AS((void)grid({4}, true, 0), ValueError);
}

TEST_CASE("a fat tree has full bisection and two hops a level") {
    for (const std::int64_t ports : {4, 6, 8}) {
        for (const std::int64_t levels : {1, 2, 3}) {
            CAPTURE(ports);
            CAPTURE(levels);
            const Topology tree = make_fat_tree(ports, levels, {});
            const std::vector<std::int32_t> chips = tree.endpoints();
            std::int64_t half_to_the = 1;
            for (std::int64_t level = 0; level < levels; ++level)
                half_to_the *= ports / 2;
            CHECK(std::ssize(chips) == 2 * half_to_the);
            CHECK(tree.arrangement().relay_chips.size() ==
                  static_cast<std::size_t>((2 * levels - 1) * half_to_the * 2 / ports));
            CHECK(tree.diameter() == 2 * levels);
            CHECK(bisect(tree).links == half_to_the);
            CHECK_FALSE(bisect(tree).is_exact);
            CHECK(tree.links_per_chip_max() == ports); // Every port of a switch is in use.
            // All to all alike, every chip sends as fast as its one link, but for what stays in a leaf.
            CHECK(global_bytes_per_s(tree) >= link_bytes_per_s(tree.link()) * 0.999);
        }
    }
    CHECK_THROWS_WITH_AS((void)make_fat_tree(5, 2, {}),
                         "ports must be even, half of them up and half down, got 5", ValueError);
    CHECK_THROWS_AS((void)make_fat_tree(4096, 8, {}), ValueError);
    CHECK_THROWS_AS((void)make_fat_tree(64, 0, {}), ValueError);
}

TEST_CASE("a switch is one relay that all chips share") {
    const Topology star = make_switch(5, 2, {});
    CHECK(star.chip_count() == 6);
    CHECK(star.endpoints() == std::vector<std::int32_t>{0, 1, 2, 3, 4});
    CHECK(star.diameter() == 2);
    CHECK(star.link_count() == 10);
    CHECK(bisect(star).links == 4); // Two chips of five, two links each.
    CHECK_THROWS_WITH_AS(star.require_endpoint("source", 5),
                         "source is chip 5 of switch-5, a relay that only passes on what others send",
                         ValueError);
}

TEST_CASE("a full mesh has as many links a pair as asked") {
    CHECK(make_full_mesh(5, 3, {}).link_count() == 30);
    CHECK(make_full_mesh(5, 3, {}).diameter() == 1);
    CHECK_THROWS_AS((void)make_full_mesh(5, 0, {}), ValueError);
}

} // namespace lpusim::net
