#include <doctest/doctest.h>

#include "lpusim/base/errors.h"
#include "lpusim/chip/proof/flows.h"
#include "lpusim/chip/proof/spans.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::chip {

TEST_CASE("a flow says where a value is driven and read, and by whom") {
    // mem.w.0 is at 21, mem.e.0 at 23: driven in 2, read two hops on in 4.
    const auto found = flows(parse("@0 mem.w.0 read 0 -> e.3 repeat 10 every 2\n"
                                   "@4 mem.e.0 write 0 <- e.3 repeat 10 every 2\n"),
                             {});
    REQUIRE(found.size() == 1);
    CHECK(found[0].drive_position == 21);
    CHECK(found[0].read_position == 23);
    CHECK(found[0].drive_cycles.first() == 2);
    CHECK(found[0].read_cycles.last() == 4 + 18);
    CHECK(found[0].driver_issue == 0);
    CHECK(found[0].reader_issue == 4);
    CHECK(found[0].on_stream);
}

TEST_CASE("a chained result flows in its cycle, on no stream") {
    const auto found = flows(parse("@0 vxm.0 pass int8 =1\n@1 vxm.1 relu int8 alu.0 -> e.0\n"), {});
    REQUIRE(found.size() == 1);
    CHECK(!found[0].on_stream);
    CHECK(found[0].read_cycles.first() == 1);
    CHECK(found[0].driver_issue == 0);
}

TEST_CASE("what nobody reads is a lint with its first instance, what somebody reads is none") {
    const auto found = lint(parse("@0 mem.w.0 read 0 -> e.3 repeat 10 every 2\n"
                                  "@4 mem.e.0 write 0 <- e.3 repeat 4 every 2\n"
                                  "@30 mem.w.1 read 0 -> e.4\n"
                                  "@34 mem.e.1 write 9 <- e.4\n"),
                            {});
    REQUIRE(found.size() == 1);
    CHECK(found[0].kind == Lint::Kind::UnreadStream);
    CHECK(found[0].run == 0);
    CHECK(found[0].repeat == 4);
    CHECK(found[0].count == 6);
    CHECK(found[0].message ==
          "run 0 (line 1) on mem.w.0 (read 0 -> e.3): 6 of 10 results on e.3 are read by nobody, the "
          "first one issued in cycle 8");
}

TEST_CASE("what is true of every slice of a range, or of every stream of a group, is said once") {
    // mem.w.0 to mem.w.3 stand at 21, 21, 21 and 20; eastward the last one issues a cycle earlier.
    const auto slices =
        lint(parse("@5 mem.w.0..3 read 0 -> e.0 each stream 1 follow e repeat 2 every 1\n"), {});
    REQUIRE(slices.size() == 1);
    CHECK(slices[0].slices == 4);
    CHECK(slices[0].count == 2);
    CHECK(slices[0].message ==
          "run 0 (line 1) on mem.w.0..3 (read 0 -> e.0): 2 of 2 results of each on e.0 to e.3 "
          "are read by nobody, the first one issued in cycle 4");
    // Somebody reads the second slice's: those beside it are two findings.
    const auto parted =
        lint(parse("@5 mem.w.0..3 read 0 -> e.0 each stream 1 follow e\n@8 vxm.0 relu int8 e.1 -> e.4\n"
                   "@10 mem.e.0 write 0 <- e.4\n"),
             {});
    REQUIRE(parted.size() == 2);
    CHECK(parted[0].message.starts_with(
        "run 0 (line 1) on mem.w.0 (read 0 -> e.0): 1 of 1 results on e.0 are"));
    CHECK(parted[1].message.starts_with(
        "run 0 (line 1) on mem.w.2..3 (read 0 -> e.0): 1 of 1 results of each on e.2 "
        "to e.3 are"));
    const auto group = lint(parse("@0 vxm.0 pass int32 =1 -> e.4\n"), {});
    REQUIRE(group.size() == 1);
    CHECK(group[0].message.find("1 of 1 results on e.4 to e.7 are read by nobody") != std::string::npos);
}

TEST_CASE("two readers of one value leave nothing unread, wherever they stand") {
    CHECK(lint(parse("@0 mem.w.0 read 0 -> e.3 repeat 10 every 2\n"
                     "@4 mem.e.0 write 0 <- e.3 repeat 6 every 2\n"
                     "@12 mem.e.1 write 0 <- e.3 repeat 6 every 2\n"),
               {})
              .empty());
}

TEST_CASE("a result that is neither driven nor chained is a lint") {
    const auto found = lint(parse("@0 vxm.0 pass int8 =1\n"), {});
    REQUIRE(found.size() == 1);
    CHECK(found[0].kind == Lint::Kind::UnusedResult);
    CHECK(
        lint(parse("@0 vxm.0 pass int8 =1\n@1 vxm.1 pass int8 alu.0 -> e.0\n@3 mem.e.0 write 0 <- e.0\n"), {})
            .empty());
}

TEST_CASE("an illegal program has neither flows nor lints") {
    const Program broken = parse("@0 mem.e.0 write 0 <- e.0\n");
    CHECK_THROWS_AS((void)flows(broken, {}), ScheduleError);
    CHECK_THROWS_AS((void)lint(broken, {}), ScheduleError);
}

TEST_CASE("spans are what follows without a gap; beyond the limit the rest of a run is one span") {
    const Program program = parse("@0 mem.w.0 read 0 -> e.0 repeat 5 every 10 repeat 3 every 1\n");
    const auto all = queue_spans(program, {}, 100);
    REQUIRE(all.size() == 5);
    CHECK(all[1] == QueueSpan{{Unit::Mem, Hemisphere::West, 0}, 0, 10, 3, 3, false, 0});
    const auto some = queue_spans(program, {}, 2);
    REQUIRE(some.size() == 3);
    CHECK(some[2] == QueueSpan{{Unit::Mem, Hemisphere::West, 0}, 0, 20, 23, 9, true, 1});
}

TEST_CASE("spans of one queue whose runs interleave do not overlap, and what is left of them has lanes") {
    const Program program =
        parse("@0 mem.w.0 read 0 -> e.0 repeat 50 every 4\n@1 mem.w.0 read 1 -> e.1 repeat 50 every 4\n");
    const auto spans = queue_spans(program, {}, 4);
    REQUIRE(spans.size() == 6);
    CHECK(spans[0].first_cycle == 0);
    CHECK(spans[1].first_cycle == 1);
    CHECK(spans[4].lane == 1);
    CHECK(spans[5].lane == 2);
}

TEST_CASE("an arrow joins the spans of a flow's first instance") {
    const Program program = parse("@0 mem.w.0 read 0 -> e.3 repeat 10 every 1\n"
                                  "@4 mem.e.0 write 0 <- e.3 repeat 10 every 1\n");
    const auto spans = queue_spans(program, {}, 100);
    const auto arrows = span_flows(spans, flows(program, {}));
    REQUIRE(arrows.size() == 1);
    CHECK(arrows[0] == SpanFlow{0, 1});
}

} // namespace lpusim::chip
