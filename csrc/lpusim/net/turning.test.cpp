#include "lpusim/net/turning.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/net/all_to_all.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/hierarchy.h"
#include "lpusim/net/test_machines.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

/// The result proved turn by turn, and again as the whole that it stands for.
void check_whole(const Topology& topology, const Collective& result, bool sums_at_end = false) {
    CAPTURE(topology.name());
    CAPTURE(algorithm_name(result.algorithm));
    const Verification proof = verify(topology, result.timetable, result.turning);
    const Timetable whole = expand(topology, result.timetable, result.turning);
    const Verification expanded = verify(topology, whole);
    CHECK(proof.cycles == expanded.cycles);
    CHECK(proof.slot_count == expanded.slot_count);
    CHECK(proof.bytes_sent == expanded.bytes_sent);
    CHECK(expanded.bytes_sent == expanded.bytes_received);
    CHECK(std::ssize(whole.transfers) == expanded_transfer_count(topology, result.timetable, result.turning));
    if (sums_at_end)
        CHECK(expanded.cycles <= result.cycles);
    else
        CHECK(expanded.cycles == result.cycles);
}

} // namespace

TEST_CASE("the finest rotation of a machine is found by its links") {
    CHECK(Rotation::finest(make_node(8, {})).step_chips() == 1);
    CHECK(Rotation::finest(make_ring(12, {})).step_chips() == 1);
    CHECK(Rotation::finest(make_quadfour(72, {})).step_chips() == 8);
    CHECK(Rotation::finest(make_lpx(512, {})).step_chips() == 256);
    CHECK(Rotation::finest(dragonfly_of_nodes(32)).turn_count() == 33);
    // A partly filled node, a wider cable, a slower link, a chip that is down: nothing turns.
    CHECK(Rotation::finest(make_quadfour(68, {})).is_identity());
    const std::vector<Cable> wide{{0, 1, 2}, {1, 2}, {2, 0}};
    CHECK(Rotation::finest(Topology("wide", 3, wide, {})).is_identity());
    const std::vector<Cable> slow{{.a = 0, .b = 1, .forward = LinkTiming{28, 270}}, {1, 2}, {2, 0}};
    CHECK(Rotation::finest(Topology("slow", 3, slow, {})).is_identity());
    const std::vector<Cable> four{{0, 1}, {1, 2}, {2, 3}, {3, 0}};
    CHECK(Rotation::finest(Topology("ring", 4, four, {})).step_chips() == 1);
    CHECK(Rotation::finest(Topology("ring", 4, four, {}, {.down_chips = {2}})).is_identity());
    CHECK(Rotation::finest(Topology("ring", 4, four, {}, {.relay_chips = {2}})).is_identity());
    CHECK(Rotation::finest(Topology("ring", 4, four, {}, {.relay_chips = {0, 2}})).step_chips() == 2);
}

TEST_CASE("a link turns with the chips it joins") {
    const Topology ring = make_quadfour(72, {});
    const Rotation rotation = Rotation::finest(ring);
    for (std::int32_t link = 0; link < ring.directed_link_count(); ++link) {
        const Bundle& bundle = ring.bundle_of_link(link);
        const Bundle& turned = ring.bundle_of_link(rotation.turned_link(ring, link, 5));
        CHECK(turned.from == (bundle.from + 40) % 72);
        CHECK(turned.to == (bundle.to + 40) % 72);
        const auto index = static_cast<std::int32_t>(&bundle - ring.bundles().data());
        CHECK(rotation.bundle_class(index) < rotation.bundle_class_count());
    }
}

TEST_CASE("what is scheduled by symmetry is legal when all turns run, and ends when it says") {
    const std::vector<Topology> machines{make_node(8, {}), make_ring(9, {}), make_quadfour(72, {}),
                                         dragonfly_of_nodes(8), make_lpx(512, {})};
    const ReduceCost reduce{.first_cycles = 31, .cycles_per_vector = 2};
    for (const Topology& topology : machines) {
        const Hierarchy* hierarchy = nullptr;
        const auto levels = Hierarchy::of(Group(topology, {}));
        if (levels)
            hierarchy = &*levels;
        for (const std::int64_t vectors : {1, 7, 100, 1234}) {
            CAPTURE(vectors);
            for (const Algorithm algorithm :
                 {Algorithm::two_phase, Algorithm::exchange, Algorithm::ring, Algorithm::hierarchical}) {
                if (algorithm == Algorithm::hierarchical && hierarchy == nullptr)
                    continue;
                if (topology.chip_count() > 100 && algorithm != Algorithm::hierarchical && vectors != 100)
                    continue;
                const Options options{.algorithm = algorithm, .record = true, .symmetry = Symmetry::used};
                const Collective sum = all_reduce(topology, {}, vectors * 320, reduce, options);
                CHECK(sum.turning.turn_count > 1);
                check_whole(topology, sum, algorithm == Algorithm::exchange);
            }
        }
        const Options options{.record = true, .symmetry = Symmetry::used};
        check_whole(topology, reduce_scatter(topology, {}, 1000 * 320, {}, options), true);
        check_whole(topology, all_gather(topology, {}, 1000 * 320, options));
        for (const std::int64_t vectors : {1, 3}) {
            const std::int64_t size_bytes = vectors * 320 * topology.chip_count();
            if (topology.chip_count() > 100 && vectors > 1)
                continue;
            check_whole(topology,
                        all_to_all(topology, {}, size_bytes, {.record = true, .symmetry = Symmetry::used}));
        }
    }
}

TEST_CASE("264 and 576 chips by symmetry are legal in full") {
    const Options options{.algorithm = Algorithm::two_phase, .record = true, .symmetry = Symmetry::used};
    const Topology dragonfly = dragonfly_of_nodes(32);
    check_whole(dragonfly, all_reduce(dragonfly, {}, 264 * 320, {}, options));
    check_whole(dragonfly,
                all_to_all(dragonfly, {}, 264 * 320, {.record = true, .symmetry = Symmetry::used}));
    const Topology ring = make_quadfour(576, {});
    check_whole(ring, all_reduce(ring, {}, 100 * 320, {}, options));
}

TEST_CASE("by symmetry and chip by chip an all-reduce of equal shards differs little") {
    for (const Topology& topology : {make_quadfour(72, {}), make_quadfour(136, {})}) {
        for (const std::int64_t vectors : {1, 10}) {
            const std::int64_t size_bytes = vectors * 320 * topology.chip_count();
            const auto cycles = [&](Symmetry symmetry) {
                return all_reduce(topology, {}, size_bytes, {},
                                  {.algorithm = Algorithm::two_phase, .symmetry = symmetry})
                    .cycles;
            };
            const std::int64_t each = cycles(Symmetry::ignored), turned = cycles(Symmetry::used);
            CAPTURE(each);
            CAPTURE(turned);
            CHECK(10 * turned <= 12 * each);
        }
    }
}

TEST_CASE("without a rotation nothing turns, whatever is asked for") {
    const Topology partly = make_quadfour(68, {});
    const Options options{.record = true, .symmetry = Symmetry::used};
    const Collective sum = all_reduce(partly, {}, 68 * 320, {}, options);
    CHECK(sum.turning.turn_count == 1);
    CHECK(verify(partly, sum.timetable, sum.turning).cycles == sum.cycles);
    CHECK(expand(partly, sum.timetable, sum.turning).runs.size() == sum.timetable.runs.size());
}

TEST_CASE("a turn that collides with another turn is refused though it is legal alone") {
    // Chip c of a ring of three sends to c + 1 at once; all images use links of one class.
    const Topology ring = make_ring(3, {});
    const std::int32_t link = ring.bundles_from(0).front().first_link;
    const Bundle& bundle = ring.bundle_of_link(link);
    Timetable timetable{
        .transfers = {{.source = 0, .target = bundle.to, .vector_count = 1},
                      {.source = 1, .target = (bundle.to + 1) % 3, .first_vector = 1, .vector_count = 1}},
        .runs = {{.transfer = 0, .link = link, .vector_count = 1, .start_cycle = 0},
                 {.transfer = 1,
                  .link = Rotation::finest(ring).turned_link(ring, link, 1),
                  .first_vector = 1,
                  .vector_count = 1,
                  .start_cycle = 27}},
        .dependencies = {}};
    const Turning turning{.step_chips = 1, .turn_count = 3, .piece_chip = {-1, -1}};
    CHECK(verify(ring, timetable, turning).slot_count == 6);
    CHECK(verify(ring, expand(ring, timetable, turning)).slot_count == 6);
    timetable.runs[1].start_cycle = 26;
    CHECK(verify(ring, timetable).slot_count == 2);
    try {
        (void)verify(ring, timetable, turning);
        FAIL("two turns hold one link");
    } catch (const ScheduleError& error) {
        CHECK(std::string(error.what()).find("when all turns by 1 chips run, ") == 0);
        CHECK(std::string(error.what()).find("at cycle 26") != std::string::npos);
    }
    CHECK_THROWS_AS((void)verify(ring, expand(ring, timetable, turning)), ScheduleError);
}

TEST_CASE("random shifts of rows: the proof of one turn and that of the whole agree") {
    const Topology ring = make_quadfour(72, {});
    const Collective sum =
        all_reduce(ring, {}, 200 * 320, {},
                   {.algorithm = Algorithm::two_phase, .record = true, .symmetry = Symmetry::used});
    int illegal = 0;
    for (std::uint64_t trial = 0; trial < 40; ++trial) {
        Timetable moved = sum.timetable;
        Run& run = moved.runs[random_bits(7, 0, trial) % moved.runs.size()];
        const auto by = static_cast<std::int64_t>(random_bits(7, 1, trial) % 60) - 30;
        run.start_cycle = std::max<std::int64_t>(0, run.start_cycle + by);
        const auto is_legal = [](const auto& check) {
            try {
                (void)check();
                return true;
            } catch (const ScheduleError&) {
                return false;
            }
        };
        const bool one = is_legal([&] { return verify(ring, moved, sum.turning); });
        const bool whole = is_legal([&] { return verify(ring, expand(ring, moved, sum.turning)); });
        CHECK(one == whole);
        illegal += one ? 0 : 1;
    }
    CHECK(illegal > 5);
    CHECK(illegal < 40);
}

TEST_CASE("a turning that does not fit its machine or rows is refused") {
    const Topology ring = make_ring(6, {});
    const Timetable empty;
    CHECK_THROWS_AS((void)verify(ring, empty, {.step_chips = 4, .turn_count = 2}), ValueError);
    CHECK_THROWS_AS((void)verify(ring, empty, {.step_chips = 2, .turn_count = 3, .piece_chip = {0}}),
                    ValueError);
    const Topology partly = make_quadfour(60, {});
    CHECK_THROWS_AS((void)verify(partly, empty, {.step_chips = 4, .turn_count = 15}), ScheduleError);
    const Collective sum = all_reduce(ring, {}, 600 * 320, {}, {.record = true, .symmetry = Symmetry::used});
    CHECK_THROWS_AS((void)expand(ring, sum.timetable, sum.turning, 10), CapacityError);
}

} // namespace lpusim::net
