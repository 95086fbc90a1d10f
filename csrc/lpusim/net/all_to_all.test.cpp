#include "lpusim/net/all_to_all.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/net/test_machines.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

constexpr MessageOptions kRecord{.routing = Routing::minimal, .record = true};

} // namespace

TEST_CASE("an all-to-all in a node is one message a link") {
    const Topology node = make_node(8, {});
    // 8 parts of 3 vectors: 270, and two more slots.
    const Collective exchange = all_to_all(node, {}, 24 * 320, kRecord);
    CHECK(exchange.cycles == 270 + 2 * 27);
    CHECK(exchange.vector_count == 24);
    CHECK(exchange.timetable.transfers.size() == 56);
    CHECK(verify(node, exchange.timetable).bytes_received == 56 * 3 * 320);
    // One byte more and each part is a vector longer.
    CHECK(all_to_all(node, {}, 24 * 320 + 1).cycles == 270 + 3 * 27);
    CHECK(all_to_all(node, {}, 1).cycles == 270);
}

TEST_CASE("an all-to-all round a ring keeps every link busy but for the last hops") {
    const Topology ring = make_ring(5, {});
    // Each chip sends two a way, one of them two hops: three messages of 10 vectors a directed link.
    const Collective exchange = all_to_all(ring, {}, 50 * 320, kRecord);
    CHECK(exchange.cycles >= 270 + 29 * 27);
    CHECK(exchange.cycles <= 2 * 270 + 29 * 27);
    CHECK(verify(ring, exchange.timetable).cycles == exchange.cycles);
}

TEST_CASE("every pair gets its vectors once, whatever the machine and the routing") {
    const std::vector<Topology> machines{make_ring(7, {}), make_quadfour(20, {}), make_lpx(18, {}),
                                         dragonfly_of_nodes(4)};
    for (const Topology& topology : machines) {
        CAPTURE(topology.name());
        const std::int64_t pairs = std::int64_t{topology.chip_count()} * (topology.chip_count() - 1);
        for (const Routing routing : {Routing::minimal, Routing::spread, Routing::automatic}) {
            const MessageOptions options{.routing = routing, .record = true};
            const std::int64_t size_bytes = 5 * 320 * topology.chip_count();
            const Collective exchange = all_to_all(topology, {}, size_bytes, options);
            const Verification proof = verify(topology, exchange.timetable);
            CHECK(proof.cycles == exchange.cycles);
            CHECK(proof.bytes_received == pairs * 5 * 320);
            CHECK(all_to_all(topology, {}, size_bytes, {.routing = routing}).cycles == exchange.cycles);
        }
    }
}

TEST_CASE("random traffic between pairs: bytes sent are bytes received, and detours only help") {
    for (std::uint64_t trial = 0; trial < 20; ++trial) {
        const Topology topology = trial % 2 == 0 ? make_quadfour(24, {}) : dragonfly_of_nodes(4);
        std::vector<PairVectors> pairs;
        std::int64_t total = 0;
        for (std::int32_t source = 0; source < topology.chip_count(); ++source) {
            for (std::int32_t target = 0; target < topology.chip_count(); ++target) {
                const auto draw = random_bits(trial, static_cast<std::uint64_t>(source),
                                              static_cast<std::uint64_t>(target));
                const auto count = static_cast<std::int64_t>(draw % 97 % 13);
                if (source == target || draw % 3 == 0)
                    continue;
                pairs.push_back({source, target, count});
                total += count;
            }
        }
        const Collective minimal = all_to_all_v(topology, pairs, kRecord);
        CHECK(verify(topology, minimal.timetable).bytes_received == total * 320);
        CHECK(verify(topology, minimal.timetable).cycles == minimal.cycles);
        const Collective best = all_to_all_v(topology, pairs, {.routing = Routing::automatic});
        CHECK(best.cycles <= minimal.cycles);
        // The way back is the same traffic turned round.
        const Collective back = combine(topology, pairs, {}, kRecord);
        CHECK(verify(topology, back.timetable).bytes_received == total * 320);
    }
}

TEST_CASE("traffic between two nodes takes detours over the others") {
    // Node 0's chips all send to node 1's, which one link joins.
    const Topology machine = dragonfly_of_nodes(8);
    std::vector<PairVectors> pairs;
    for (std::int32_t chip = 0; chip < 8; ++chip)
        pairs.push_back({chip, 8 + chip, 100});
    const Collective minimal = all_to_all_v(machine, pairs, {.routing = Routing::minimal});
    CHECK(minimal.cycles >= 800 * 27);
    const Collective spread = all_to_all_v(machine, pairs, {.routing = Routing::spread, .record = true});
    CHECK(2 * spread.cycles < minimal.cycles);
    CHECK(verify(machine, spread.timetable).cycles == spread.cycles);
}

TEST_CASE("what comes back is added at the pace of the adder") {
    const Topology node = make_node(4, {});
    const std::vector<PairVectors> pairs{{0, 1, 5}, {0, 2, 5}, {0, 3, 5}};
    // Chip 0 gets from three links at once and takes a vector every 10 cycles: a period of 30, not 27.
    const ReduceCost reduce{.first_cycles = 40, .cycles_per_vector = 10};
    CHECK(combine(node, pairs, reduce).cycles == 270 + 4 * 30 + 40 + 30);
    CHECK(combine(node, pairs, {}).cycles == 270 + 4 * 27);
}

TEST_CASE("gather and scatter are bound by the links of the one chip") {
    const Topology ring = make_ring(5, {});
    // Each other chip has 10 of 50 vectors; two a side of chip 0. The near ones' come first.
    CHECK(gather(ring, 0, {}, 50 * 320, kRecord).cycles == 270 + 19 * 27);
    CHECK(scatter(ring, 0, {}, 50 * 320, kRecord).cycles == 270 + 19 * 27);
    for (const bool is_gather : {true, false}) {
        const Collective moved =
            is_gather ? gather(ring, 0, {}, 50 * 320, kRecord) : scatter(ring, 0, {}, 50 * 320, kRecord);
        CHECK(verify(ring, moved.timetable).bytes_received == 40 * 320);
    }
    // A root outside the group keeps nothing.
    const std::vector<std::int32_t> pair{1, 2};
    CHECK(verify(ring, scatter(ring, 0, pair, 50 * 320, kRecord).timetable).bytes_received == 50 * 320);
}

TEST_CASE("the stages of a pipeline hand on at once") {
    const Topology machine = make_quadfour(32, {});
    std::vector<std::vector<std::int32_t>> stages(4);
    for (std::int32_t chip = 0; chip < 32; ++chip)
        stages[static_cast<std::size_t>(chip / 8)].push_back(chip);
    const Collective handed = pipeline(machine, stages, 10 * 320, kRecord);
    CHECK(handed.timetable.transfers.size() == 24);
    CHECK(verify(machine, handed.timetable).cycles == handed.cycles);
    stages[2].pop_back();
    CHECK_THROWS_AS((void)pipeline(machine, stages, 320), ValueError);
    stages[2].push_back(0);
    CHECK_THROWS_WITH_AS((void)pipeline(machine, stages, 320), "the group names chip 0 twice", ValueError);
}

TEST_CASE("messages start when their first vector is made") {
    const Topology node = make_node(8, {});
    const MessageOptions made{.record = true, .made = {500, 40}};
    const Collective exchange = all_to_all(node, {}, 24 * 320, made);
    CHECK(exchange.cycles == 500 + 2 * 40 + 270);
    CHECK(verify(node, exchange.timetable).cycles == exchange.cycles);
}

TEST_CASE("pairs that send nothing take no time, and those that cannot be are refused") {
    const Topology node = make_node(4, {});
    const std::vector<PairVectors> nothing{{0, 1, 0}, {2, 2, 0}};
    CHECK(all_to_all_v(node, nothing).cycles == 0);
    CHECK(all_to_all_v(node, {}).cycles == 0);
    const auto refused = [&](PairVectors pair) {
        const std::vector<PairVectors> pairs{{0, 1, 3}, pair};
        try {
            (void)all_to_all_v(node, pairs);
        } catch (const ValueError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(refused({2, 2, 1}) == "pairs[1] sends from chip 2 to itself");
    CHECK(refused({0, 1, 1}) == "the pairs name chip 0 and chip 1 twice");
    CHECK(refused({0, 4, 1}).find("pairs[1].target must be a chip of node-4") == 0);
    CHECK(refused({0, 2, -1}).find("pairs[1].vector_count must be at least 0") == 0);
    CHECK_THROWS_AS((void)all_to_all(node, {}, 0), ValueError);
    CHECK_THROWS_AS((void)all_to_all(node, {}, std::int64_t{1} << 60U), ValueError);
}

} // namespace lpusim::net
