#include "lpusim/net/collective.h"

#include <doctest/doctest.h>
#include <numeric>
#include <vector>

#include "lpusim/net/booking.h"
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

TEST_CASE("one vector to a neighbour takes one hop, the next one a slot longer") {
    const Topology node = make_node(8, {});
    CHECK(send_cycles(node, 0, 1, 1) == 270);
    CHECK(send_cycles(node, 0, 1, 320) == 270);
    CHECK(send_cycles(node, 0, 1, 321) == 270 + 27);
}

TEST_CASE("vectors are striped over parallel links") {
    const std::vector<Cable> cables{{0, 1, 4}};
    const Topology pair("pair", 2, cables, {});
    CHECK(send_cycles(pair, 0, 1, 4 * 320) == 270);
    CHECK(send_cycles(pair, 0, 1, 5 * 320) == 270 + 27);
}

TEST_CASE("vectors cut through: each leaves a relay when it, not the message, has arrived") {
    const Topology ring = make_ring(4, {});
    CHECK(send_cycles(ring, 0, 2, 10 * 320) == 2 * 270 + 9 * 27);
}

TEST_CASE("from four links into one the relay sends on as fast as one link can") {
    const std::vector<Cable> wide_first{{0, 1, 4}, {1, 2, 1}};
    const std::vector<Cable> wide_last{{0, 1, 1}, {1, 2, 4}};
    // 8 vectors leave chip 0 in 2 slots, chip 1 in 8; the second relay waits until its rows fill.
    CHECK(send_cycles(Topology("in", 3, wide_first, {}), 0, 2, 8 * 320) == 2 * 270 + 7 * 27);
    CHECK(send_cycles(Topology("out", 3, wide_last, {}), 0, 2, 8 * 320) == 2 * 270 + 7 * 27);
}

TEST_CASE("a link with a timing of its own is slower, and only in the direction given") {
    const std::vector<Cable> cables{{.a = 0, .b = 1, .links = 2, .forward = LinkTiming{50, 400}},
                                    {.a = 1, .b = 2}};
    const Topology row("row", 3, cables, {});
    // Six vectors, three on each of two links.
    CHECK(send_cycles(row, 0, 1, 6 * 320) == 400 + 2 * 50);
    CHECK(send_cycles(row, 1, 0, 6 * 320) == 270 + 2 * 27);
    // One link of 27 cycles behind two of 50, which bring a vector every 25 cycles: the pair fills a row in
    // 50, the single link takes 54.
    CHECK(send_cycles(row, 0, 2, 6 * 320) == 400 + 270 + 5 * 27);
    CHECK(row.fastest() == LinkTiming{27, 270});
}

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
    const Collective shared = all_reduce(node, {}, 64 * 320, {}, {.algorithm = Algorithm::tree});
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
    CHECK(all_reduce(node, {}, 12 * 320).algorithm == Algorithm::tree);
    CHECK(all_reduce(node, {}, 12 * 320).cycles == 567);
}

TEST_CASE("adding costs its latency once a sum, and slows the links where the adder is slower") {
    const Topology node = make_node(8, {});
    const Options tree{.algorithm = Algorithm::tree};
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
            all_reduce(ring, {}, size_bytes, {}, {.algorithm = Algorithm::tree}).cycles;
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
            for (const Algorithm algorithm : {Algorithm::tree, Algorithm::exchange, Algorithm::ring}) {
                if (topology.chip_count() > 72 && algorithm != Algorithm::tree)
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
    CHECK_THROWS_WITH_AS((void)send(node, 2, 2, 320),
                         "source and target are both chip 2; a chip does not send to itself", ValueError);
}

TEST_CASE("requests that share a link take turns") {
    const Topology ring = make_ring(3, {});
    const std::vector<Request> requests{{0, 1, 3 * 320, 0}, {0, 1, 320, 0}, {0, 1, 320, 1000}};
    const Collective traffic = schedule(ring, requests, kRecord);
    CHECK(verify(ring, traffic.timetable).cycles == 1270);
    CHECK(traffic.timetable.runs[1].start_cycle == 3 * 27);
    CHECK(traffic.timetable.runs[2].start_cycle == 1000);
}

TEST_CASE("messages of one vector take parallel links in turn") {
    const std::vector<Cable> cables{{0, 1, 2}};
    const Topology pair("pair", 2, cables, {});
    const std::vector<Request> requests{{0, 1, 320, 0}, {0, 1, 320, 0}, {0, 1, 320, 0}};
    const Timetable timetable = schedule(pair, requests, kRecord).timetable;
    CHECK(timetable.runs[0].start_cycle == 0);
    CHECK(timetable.runs[1].start_cycle == 0);
    CHECK(timetable.runs[2].start_cycle == 27);
    CHECK(timetable.runs[0].link != timetable.runs[1].link);
}

TEST_CASE("vectors that come in rows of one can leave in rows of four only as the rows fill") {
    const std::vector<Cable> cables{{0, 1, 4}};
    const Topology pair("pair", 2, cables, {.vector_cycles = 10, .hop_cycles = 100});
    Booking booking(pair, nullptr);
    // Vector i is there at 10 i; vector 7, in the second row, leaves no earlier than 70.
    const Readiness one_wide{.first_cycle = 0, .period_cycles = 10, .width = 1, .last_cycle = 70};
    const Readiness sent = booking.send(0, {0, 0, 0, 8}, one_wide, 10);
    CHECK(sent.last_cycle == 70 + 100);
}

TEST_CASE("64 chips use their own part of a larger machine no worse than alone") {
    const Topology ring = make_quadfour(128, {});
    const Collective part = all_reduce(ring, first_chips(64), 65'536, {}, kRecord);
    CHECK(verify(ring, part.timetable).cycles == part.cycles);
}

} // namespace lpusim::net
