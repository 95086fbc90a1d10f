#include "lpusim/net/collective.h"

#include <doctest/doctest.h>
#include <numeric>
#include <vector>

#include "lpusim/net/hierarchy.h"
#include "lpusim/net/traffic.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

constexpr Options kRecord{.algorithm = Algorithm::automatic, .record = true};

[[nodiscard]] std::vector<std::int32_t> first_chips(std::int32_t count) {
    std::vector<std::int32_t> chips(static_cast<std::size_t>(count));
    std::iota(chips.begin(), chips.end(), 0);
    return chips;
}

/// Chips 0 - 1 - ... - 8, each pair with a timing and a width of its own.
[[nodiscard]] std::vector<Cable> uneven_row_cables() {
    std::vector<Cable> cables;
    for (std::int32_t chip = 0; chip < 8; ++chip) {
        cables.push_back({.a = chip,
                          .b = chip + 1,
                          .links = chip % 3 + 1,
                          .forward = LinkTiming{20 + 3 * chip, 200 + 10 * chip},
                          .backward = LinkTiming{31 - chip, 240}});
    }
    return cables;
}

[[nodiscard]] Topology uneven_row() {
    return {"uneven", 9, uneven_row_cables(), {}};
}

} // namespace

TEST_CASE("chips that are down have no links and are nobody's relay") {
    const std::vector<Cable> cables{{0, 1}, {1, 2}, {2, 3}, {3, 0}};
    const Topology ring("ring", 4, cables, {}, {.down_chips = {1}});
    CHECK(ring.chip_count() == 4);
    CHECK(ring.link_count() == 2);
    CHECK(ring.up_chips() == std::vector<std::int32_t>{0, 2, 3});
    CHECK(ring.distances(0) == std::vector<std::int32_t>{0, -1, 2, 1});
    CHECK(send_cycles(ring, 0, 2, 320) == 2 * 270);
    CHECK_THROWS_WITH_AS((void)send(ring, 0, 1, 320),
                         "target is chip 1 of ring, which is down and takes part in nothing", ValueError);
    // All chips means all that are up.
    const Collective sum = all_reduce(ring, {}, 320, {}, kRecord);
    CHECK(verify(ring, sum.timetable).cycles == 2 * 270);
    CHECK_THROWS_WITH_AS(Topology("ring", 4, cables, {}, {.down_chips = {1, 3}}),
                         "the topology is not connected, so no timetable serves all of it: no path from chip "
                         "0 to chip 2",
                         DisconnectedError);
}

TEST_CASE("an all-reduce in a node is a scatter and a gather over direct links") {
    const Topology node = make_node(8, {});
    // 64 vectors, 8 a shard: 270 + 7 x 27 in, the same out, gathering from the first sum on.
    const Collective shared = all_reduce(node, {}, 64 * 320, {}, {.algorithm = Algorithm::two_phase});
    CHECK(shared.cycles == 2 * 270 + 7 * 27);
    // With 800 vectors the links never rest: 2 x 100 slots.
    CHECK(all_reduce(node, {}, 800 * 320).cycles == 199 * 27 + 270);
}

TEST_CASE("a small all-reduce in a node is one exchange, and one vector more still is") {
    const Topology node = make_node(8, {});
    const Collective small = all_reduce(node, {}, 320);
    CHECK(small.algorithm == Algorithm::exchange);
    CHECK(small.cycles == 270);
    CHECK(all_reduce(node, {}, 11 * 320).cycles == 270 + 10 * 27);
    // 12 vectors: 297 + 270 for the tree (2 a shard), 270 + 11 x 27 = 567 for the exchange: a tie goes to the
    // tree.
    CHECK(all_reduce(node, {}, 12 * 320).algorithm == Algorithm::two_phase);
    CHECK(all_reduce(node, {}, 12 * 320).cycles == 567);
}

TEST_CASE("adding costs its latency once a sum, and slows the links where the adder is slower") {
    const Topology node = make_node(8, {});
    const Options tree{.algorithm = Algorithm::two_phase};
    // 7 links feed an adder that takes a vector every 2 cycles: 14 <= 27, so the links keep their pace.
    CHECK(all_reduce(node, {}, 64 * 320, {.first_cycles = 50, .cycles_per_vector = 2}, tree).cycles ==
          2 * 270 + 7 * 27 + 50 + 14);
    // Every 4 cycles: 28 > 27, so a period of 28 while summing.
    CHECK(all_reduce(node, {}, 64 * 320, {.first_cycles = 0, .cycles_per_vector = 4}, tree).cycles ==
          2 * 270 + 7 * 28 + 28);
}

TEST_CASE("a ring's all-reduce takes 2 (n - 1) steps") {
    const Topology ring = make_ring(5, {});
    CHECK(all_reduce(ring, {}, 5 * 320, {}, {.algorithm = Algorithm::ring}).cycles == 8 * 270);
}

TEST_CASE("a group of one costs nothing") {
    const Topology node = make_node(8, {});
    const std::vector<std::int32_t> alone{3};
    CHECK(all_reduce(node, alone, 1'000'000).cycles == 0);
    CHECK(all_gather(node, alone, 1'000'000).cycles == 0);
    CHECK(reduce_scatter(node, alone, 1'000'000).cycles == 0);
}

TEST_CASE("the two halves of an all-reduce are not shorter than the whole") {
    const Topology ring = make_quadfour(72, {});
    for (const std::int64_t size_bytes : {320, 32'768, 262'144}) {
        const std::int64_t whole =
            all_reduce(ring, {}, size_bytes, {}, {.algorithm = Algorithm::two_phase}).cycles;
        CHECK(whole <= reduce_scatter(ring, {}, size_bytes).cycles + all_gather(ring, {}, size_bytes).cycles);
    }
}

TEST_CASE("every recorded timetable is legal and ends when the collective says") {
    const ReduceCost reduce{.first_cycles = 31, .cycles_per_vector = 3};
    const std::vector<Topology> topologies{
        make_node(8, {}),
        make_ring(7, {}),
        make_quadfour(16, {}),
        make_quadfour(44, {}),
        make_quadfour(72, {}),
        make_lpx(24, {}),
        make_lpx(261, {}),
        uneven_row(),
        Topology("holed", 9, uneven_row_cables(), {}, {.down_chips = {8}})};
    for (const Topology& topology : topologies) {
        CAPTURE(topology.name());
        for (const std::int64_t vectors : {1, 5, 100, 1000}) {
            CAPTURE(vectors);
            for (const Algorithm algorithm :
                 {Algorithm::two_phase, Algorithm::exchange, Algorithm::tree, Algorithm::ring}) {
                if (topology.chip_count() > 72 && algorithm != Algorithm::two_phase)
                    continue;
                const Collective sum = all_reduce(topology, {}, vectors * 320, reduce, {algorithm, true});
                const Verification proof = verify(topology, sum.timetable);
                CHECK(proof.bytes_sent == proof.bytes_received);
                CHECK(proof.cycles <= sum.cycles);
                if (algorithm != Algorithm::exchange)
                    CHECK(proof.cycles == sum.cycles);
                CHECK(all_reduce(topology, {}, vectors * 320, reduce, {algorithm, false}).cycles ==
                      sum.cycles);
            }
            const Collective gathered = all_gather(topology, {}, vectors * 320, kRecord);
            CHECK(verify(topology, gathered.timetable).cycles == gathered.cycles);
            const Collective sent = broadcast(topology, 5, {}, vectors * 320, kRecord);
            CHECK(verify(topology, sent.timetable).cycles == sent.cycles);
            for (const Algorithm algorithm : {Algorithm::tree, Algorithm::two_phase}) {
                const Collective copied = broadcast(topology, 0, {}, vectors * 320, {algorithm, true});
                CHECK(verify(topology, copied.timetable).cycles == copied.cycles);
            }
            if (Hierarchy::of(Group(topology, {}))) {
                const Collective sum =
                    all_reduce(topology, {}, vectors * 320, reduce, {Algorithm::hierarchical, true});
                CHECK(verify(topology, sum.timetable).cycles == sum.cycles);
            }
            const Collective scattered = reduce_scatter(topology, {}, vectors * 320, {}, kRecord);
            CHECK(verify(topology, scattered.timetable).cycles == scattered.cycles);
        }
    }
}

TEST_CASE("groups that are connected stay on their own links; others pass through strangers") {
    const Topology ring = make_ring(6, {});
    const std::vector<std::int32_t> arc{1, 2, 3};
    for (const Run& run : all_reduce(ring, arc, 960, {}, kRecord).timetable.runs) {
        const Bundle& bundle = ring.bundle_of_link(static_cast<std::int32_t>(run.link));
        CHECK(bundle.from + bundle.to >= 3); // Links 1-2 and 2-3.
        CHECK(std::max(bundle.from, bundle.to) <= 3);
    }
    const std::vector<std::int32_t> apart{0, 3};
    const Collective far = all_reduce(ring, apart, 320, {}, kRecord);
    CHECK(far.cycles == 3 * 270); // One exchange over three hops.
    CHECK(verify(ring, far.timetable).cycles == 3 * 270);
}

TEST_CASE("a terabyte is a few runs, nothing and too much are refused") {
    const Topology node = make_node(8, {});
    const Collective huge = all_reduce(node, {}, 1'000'000'000'000, {}, kRecord);
    CHECK(huge.timetable.runs.size() == 2 * 56);
    CHECK(verify(node, huge.timetable).cycles == huge.cycles);
    CHECK_THROWS_WITH_AS((void)all_reduce(node, {}, 0), "size_bytes must be at least 1, got 0", ValueError);
    CHECK_THROWS_AS((void)all_reduce(node, {}, std::int64_t{1} << 60), ValueError);
}

TEST_CASE("a group names each chip once and only chips that are there") {
    const Topology node = make_node(8, {});
    const std::vector<std::int32_t> twice{0, 1, 0}, unknown{0, 8};
    CHECK_THROWS_WITH_AS((void)all_reduce(node, twice, 320), "the group names chip 0 twice", ValueError);
    CHECK_THROWS_AS((void)all_reduce(node, unknown, 320), ValueError);
}

TEST_CASE("64 chips use their own part of a larger machine no worse than alone") {
    const Topology ring = make_quadfour(128, {});
    const Collective part = all_reduce(ring, first_chips(64), 65'536, {}, kRecord);
    CHECK(verify(ring, part.timetable).cycles == part.cycles);
}

TEST_CASE("one tree sums towards the middle and spreads from there") {
    const Topology row = make_ring(5, {});
    // Any chip of a ring of five is two hops from the farthest: in and out, and nine more slots.
    CHECK(all_reduce(row, {}, 10 * 320, {}, {.algorithm = Algorithm::tree}).cycles == 4 * 270 + 9 * 27);
    const std::vector<Cable> cables{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}};
    const Topology line("line", 7, cables, {});
    CHECK(all_reduce(line, {}, 320, {}, {.algorithm = Algorithm::tree}).cycles == 6 * 270);
    CHECK(all_reduce(line, {}, 320, {}, {.algorithm = Algorithm::two_phase}).cycles == 12 * 270);
}

TEST_CASE("level by level only the smallest shards leave the node") {
    const Topology two = make_quadfour(16, {});
    const Collective sum = all_reduce(two, {}, 160 * 320, {}, {Algorithm::hierarchical, true});
    CHECK(verify(two, sum.timetable).cycles == sum.cycles);
    std::int64_t inside = 0, across = 0;
    for (const Transfer& transfer : sum.timetable.transfers)
        (transfer.source / 8 == transfer.target / 8 ? inside : across) += transfer.vector_count;
    // In each of two nodes 8 chips send 7 shards of 20 and later get as many. The 8 pairs that stand in the
    // same place sum halves of a shard one way and copy them the other, over relays where they have no link.
    CHECK(across >= 2 * 2 * 8 * 10);
    CHECK(inside >= 2 * 2 * 8 * 7 * 20);
    const Topology one = make_quadfour(8, {});
    CHECK_THROWS_AS((void)all_reduce(one, {}, 320, {}, {.algorithm = Algorithm::hierarchical}), ValueError);
    const std::vector<std::int32_t> lopsided{0, 1, 2, 8, 9};
    CHECK_THROWS_AS((void)all_reduce(two, lopsided, 320, {}, {.algorithm = Algorithm::hierarchical}),
                    ValueError);
}

TEST_CASE("a broadcast of one vector takes the tree, a long one goes in shards") {
    const Topology node = make_node(8, {});
    CHECK(broadcast(node, 0, {}, 320).cycles == 270);
    CHECK(broadcast(node, 0, {}, 320).algorithm == Algorithm::tree);
    // Chip 0 keeps one of 8 shards of 100, sends the others to their owners and its own to all: 200 slots on
    // each of its links. An owner hands its shard on as it comes.
    const Collective wide = broadcast(node, 0, {}, 800 * 320);
    CHECK(wide.algorithm == Algorithm::two_phase);
    CHECK(wide.cycles == 270 + 199 * 27);
    CHECK(broadcast(node, 0, {}, 800 * 320, {.algorithm = Algorithm::tree}).cycles == 270 + 799 * 27);
}

TEST_CASE("halves by ring: each chip ends with its own shard, or with all") {
    const Topology ring = make_ring(5, {});
    CHECK(reduce_scatter(ring, {}, 5 * 320, {}, {.algorithm = Algorithm::ring}).cycles == 4 * 270);
    CHECK(all_gather(ring, {}, 5 * 320, {.algorithm = Algorithm::ring}).cycles == 4 * 270);
    const Collective sum = reduce_scatter(ring, {}, 5 * 320, {}, {Algorithm::ring, true});
    // What comes last to chip r is shard r.
    std::vector<std::int64_t> last(5, -1);
    for (const Transfer& transfer : sum.timetable.transfers)
        last[static_cast<std::size_t>(transfer.target)] = transfer.first_vector;
    CHECK(last == std::vector<std::int64_t>{0, 1, 2, 3, 4});
    CHECK_THROWS_WITH_AS((void)all_gather(ring, {}, 320, {.algorithm = Algorithm::exchange}),
                         "all_gather knows no algorithm 'exchange'; it knows automatic, two_phase, ring",
                         ValueError);
}

TEST_CASE("a transfer starts when its first vector is made, not when the last is") {
    const Topology node = make_node(8, {});
    // Vector i exists at 1000 + 50 i. Shard 7 begins with vector 56, its last is vector 63: made at 4150,
    // there at 4420, and out again.
    const Options slow{.algorithm = Algorithm::two_phase, .record = true, .made = {1000, 50}};
    const Collective sum = all_reduce(node, {}, 64 * 320, {}, slow);
    CHECK(sum.cycles == 1000 + 63 * 50 + 2 * 270);
    CHECK(verify(node, sum.timetable).cycles == sum.cycles);
    // Shard 0 begins to leave at 1000, one cycle before would be too soon.
    Timetable early = sum.timetable;
    CHECK(early.runs[0].start_cycle == 1000);
    CHECK(early.runs[0].period_cycles == 50);
    early.runs[0].start_cycle = 999;
    CHECK_THROWS_AS((void)verify(node, early), ScheduleError);
    for (const Algorithm algorithm : {Algorithm::exchange, Algorithm::tree, Algorithm::ring}) {
        const Collective other = all_reduce(node, {}, 64 * 320, {}, {algorithm, true, {1000, 50}});
        CHECK(other.cycles >= 1000 + 63 * 50 + 270);
        CHECK(verify(node, other.timetable).cycles == other.cycles);
    }
}

} // namespace lpusim::net
