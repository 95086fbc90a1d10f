#include "lpusim/net/traffic.h"

#include <doctest/doctest.h>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

constexpr TrafficOptions kRecord{.routing = Routing::minimal, .record = true};

[[nodiscard]] Topology line_of_three() {
    const std::vector<Cable> cables{{0, 1}, {1, 2}};
    return {"line", 3, cables, {}};
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

TEST_CASE("requests that share a link take turns") {
    const Topology ring = make_ring(3, {});
    const std::vector<Request> requests{{0, 1, 3 * 320}, {0, 1, 320}, {0, 1, 320, 1000}};
    const Traffic traffic = schedule(ring, requests, kRecord);
    CHECK(verify(ring, traffic.timetable).cycles == 1270);
    CHECK(traffic.timetable.runs[1].start_cycle == 3 * 27);
    CHECK(traffic.timetable.runs[2].start_cycle == 1000);
}

TEST_CASE("messages of one vector take parallel links in turn") {
    const std::vector<Cable> cables{{0, 1, 2}};
    const Topology pair("pair", 2, cables, {});
    const std::vector<Request> requests{{0, 1, 320}, {0, 1, 320}, {0, 1, 320}};
    const Timetable timetable = schedule(pair, requests, kRecord).timetable;
    CHECK(timetable.runs[0].start_cycle == 0);
    CHECK(timetable.runs[1].start_cycle == 0);
    CHECK(timetable.runs[2].start_cycle == 27);
    CHECK(timetable.runs[0].link != timetable.runs[1].link);
}

TEST_CASE("vectors that come in rows of one can leave in rows of four only as the rows fill") {
    const std::vector<Cable> cables{{0, 1, 4}};
    const Topology pair("pair", 2, cables, {.vector_cycles = 10, .hop_cycles = 100});
    const Rotation identity(pair);
    Booking booking(pair, identity, nullptr);
    // Vector i is there at 10 i; vector 7, in the second row, leaves no earlier than 70.
    const Readiness one_wide{.first_cycle = 0, .period_cycles = 10, .width = 1, .last_cycle = 70};
    const Readiness sent = booking.send(0, {0, 0, 0, 8}, one_wide, 10);
    CHECK(sent.last_cycle == 70 + 100);
}

TEST_CASE("a chip does not send to itself") {
    const Topology node = make_node(8, {});
    CHECK_THROWS_WITH_AS((void)send(node, 2, 2, 320),
                         "source and target are both chip 2; a chip does not send to itself", ValueError);
    const std::vector<Request> requests{{0, 1, 320}, {3, 3, 320}};
    CHECK_THROWS_WITH_AS((void)schedule(node, requests), "requests[1] goes from chip 3 to itself",
                         ValueError);
}

TEST_CASE("a message that waits for another leaves when all of that one has arrived") {
    const Topology line = line_of_three();
    // The second is named first. The first arrives whole at 270 + 3 x 27.
    const std::vector<Request> requests{{.source = 1, .target = 2, .size_bytes = 320, .after = {1}},
                                        {.source = 0, .target = 1, .size_bytes = 4 * 320}};
    const Traffic traffic = schedule(line, requests, kRecord);
    CHECK(traffic.arrival_cycle == std::vector<std::int64_t>{351 + 270, 351});
    CHECK(traffic.request_of == std::vector<std::int64_t>{1, 0});
    CHECK(verify(line, traffic.timetable).cycles == 621);
    CHECK(traffic.timetable.transfers[1].release_cycle == 351);
    CHECK(traffic.timetable.dependencies.size() == 1);
}

TEST_CASE("messages that wait for each other in a circle are refused by name") {
    const Topology node = make_node(8, {});
    std::vector<Request> requests{{0, 1, 320}, {1, 2, 320}, {2, 3, 320}, {3, 4, 320}};
    requests[1].after = {0, 3};
    requests[3].after = {2};
    CHECK(schedule(node, requests).cycles == 3 * 270);
    requests[2].after = {1};
    CHECK_THROWS_WITH_AS((void)schedule(node, requests),
                         "requests wait for each other in a circle, so none of them can leave: "
                         "request 1 waits for 3, 3 for 2, 2 for 1",
                         ValueError);
    requests[2].after = {2};
    CHECK_THROWS_WITH_AS((void)schedule(node, requests),
                         "requests wait for each other in a circle, so none of them can leave: "
                         "request 2 waits for 2",
                         ValueError);
    requests[2].after = {4};
    CHECK_THROWS_WITH_AS((void)schedule(node, requests), "requests[2].after must name requests 0 to 3, got 4",
                         ValueError);
}

TEST_CASE("a long message is spread over detours as long as they help") {
    const Topology node = make_node(8, {});
    const TrafficOptions spread{.routing = Routing::spread, .record = true};
    // A detour's first vector comes at 540: too late for 10 vectors, there at 270 + 9 x 27 = 513.
    CHECK(send(node, 0, 1, 10 * 320, spread).timetable.transfers.size() == 1);
    CHECK(send(node, 0, 1, 10 * 320, spread).cycles == 513);
    // 19 go straight, six detours bring 9 each, ten slots later.
    const Traffic wide = send(node, 0, 1, 70 * 320, spread);
    CHECK(wide.cycles == 270 + 18 * 27);
    CHECK(wide.timetable.transfers.size() == 7);
    CHECK(verify(node, wide.timetable).cycles == wide.cycles);
    CHECK(verify(node, wide.timetable).bytes_received == 70 * 320);
    CHECK(send(node, 0, 1, 70 * 320).cycles == 270 + 69 * 27);
    CHECK(send(node, 0, 1, 70 * 320, {.routing = Routing::automatic}).routing == Routing::spread);
    CHECK(send(node, 0, 1, 10 * 320, {.routing = Routing::automatic}).routing == Routing::minimal);
}

TEST_CASE("a second message goes round what the first one holds") {
    const Topology ring = make_ring(4, {});
    // Both ways from 0 to 2 are two hops; the first took over chip 1.
    const std::vector<Request> requests{{0, 2, 100 * 320}, {0, 2, 320}};
    const Traffic traffic = schedule(ring, requests, {.routing = Routing::minimal, .record = true});
    CHECK(traffic.arrival_cycle[1] == 2 * 270);
    CHECK(verify(ring, traffic.timetable).cycles == 2 * 270 + 99 * 27);
}

TEST_CASE("no messages take no time") {
    const Traffic nothing = schedule(make_node(8, {}), {}, kRecord);
    CHECK(nothing.cycles == 0);
    CHECK(nothing.timetable.transfers.empty());
}

} // namespace lpusim::net
