#include "lpusim/chip/proof/verify.h"

#include <doctest/doctest.h>

#include "lpusim/base/errors.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::chip {

TEST_CASE("a legal program reports how much of each unit it uses") {
    const ChipSpec spec;
    const Program copy = parse("@0 mem.w.0 read 0 -> e.0 repeat 10 every 1\n"
                               "@4 mem.e.0 write 0 <- e.0 repeat 10 every 1\n");
    const Verdict verdict = verify(copy, spec);
    CHECK(verdict.legal());
    CHECK(verdict.message == "");
    CHECK(verdict.cycles ==
          13 + 1 + 20); // The last write is issued at 13, done at 14, and passes 20 superlanes.
    CHECK(verdict.pieces == 3);
    REQUIRE(verdict.resources.size() == 11);
    CHECK(verdict.resources[0].kind == "mem");
    CHECK(verdict.resources[0].count == 88);
    CHECK(verdict.resources[0].occupied_peak == 2); // The read is under way until 9, the write from 4.
    CHECK(verdict.resources[0].busy_mean == doctest::Approx(20.0 / 34.0));
    CHECK(verdict.resources[4].occupied_peak == 0);
    CHECK_NOTHROW(require_legal(copy, spec));
}

TEST_CASE("runs that interleave occupy their queue once") {
    const ChipSpec spec;
    // The first slice from 0 to 10, with another run between; the second one from 6 on, and again from 20.
    const Verdict verdict = verify(parse("@0 mem.w.0 read 0 -> e.0 repeat 6 every 2\n"
                                         "@3 mem.w.0 read 0 -> e.1 repeat 2 every 4\n"
                                         "@6 mem.w.3 read 0 -> e.2\n@20 mem.w.3 read 0 -> e.2\n"),
                                   spec);
    CHECK(verdict.legal());
    CHECK(verdict.resources[0].occupied_peak == 2);
}

TEST_CASE("a broken program names the cycle and both instructions") {
    const ChipSpec spec;
    const Program clash = parse("@0 mem.w.0 read 0 -> e.3\n"
                                "@0 mem.w.1 read 0 -> e.3\n"); // Both slices sit at 21.
    const Verdict verdict = verify(clash, spec);
    REQUIRE(verdict.violation.has_value());
    CHECK(verdict.violation->kind == ViolationClass::StreamCollision);
    CHECK(verdict.message.find("cycle 2: run 1 (line 2) on mem.w.1") == 0);
    CHECK(verdict.message.find("run 0 (line 1) on mem.w.0") != std::string::npos);
    CHECK_THROWS_AS(require_legal(clash, spec), ScheduleError);
}

} // namespace lpusim::chip
