#include <doctest/doctest.h>
#include <string>

#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/proof/accounting.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {
namespace {

/// The same counts from both engines.
Accounting counted(const std::string& text, const ChipSpec& spec = {}) {
    const Program program = parse(text);
    const Run fast = fold(program, spec, {}, false);
    REQUIRE(!fast.error);
    REQUIRE((tick(program, spec, {}, false).accounting == fast.accounting));
    return fast.accounting;
}

} // namespace

TEST_CASE("a stream counts what is driven onto it and what is read from it, by direction") {
    const Accounting counts = counted("@0 mem.w.0 read 0 -> e.3 repeat 10 every 2\n"
                                      "@4 mem.e.0 write 0 <- e.3 repeat 10 every 2\n"
                                      "@4 mem.e.1 write 0 <- e.3 repeat 4 every 2\n");
    REQUIRE(counts.streams.size() == 1);
    CHECK(counts.streams[0] == StreamCount{0, {Direction::East, 3}, 10, 14});
}

TEST_CASE("a group of four streams counts four vectors, one a stream") {
    const Accounting counts = counted("@0 vxm.0 pass int32 =7 -> w.4\n");
    REQUIRE(counts.streams.size() == 4);
    CHECK(counts.streams[3] == StreamCount{0, {Direction::West, 7}, 1, 0});
    CHECK(counts.alu_vectors == 1);
}

TEST_CASE("a walk through addresses counts in the bank it is in, backwards too") {
    // Words 4,090 to 4,101 in steps of 1: six in bank 0 (up to 4,095), six in bank 1.
    const Accounting up = counted("@0 mem.e.2 read 4090 -> e.0 repeat 12 every 1 address 1\n");
    REQUIRE(up.banks.size() == 2);
    CHECK(up.banks[0] == BankCount{0, Hemisphere::East, 2, 0, 6, 0});
    CHECK(up.banks[1] == BankCount{0, Hemisphere::East, 2, 1, 6, 0});
    // 4,101, 4,098, 4,095, 4,092: two in each.
    const Accounting down = counted("@0 mem.e.2 read 4101 -> e.0 repeat 4 every 1 address -3\n");
    REQUIRE(down.banks.size() == 2);
    CHECK(down.banks[0].read_vectors == 2);
    CHECK(down.banks[1].read_vectors == 2);
    // Three rounds that begin at 4,090, 4,094 and 4,098, two words each, ten apart: the first ends at 4,100.
    const Accounting nested =
        counted("@0 mem.e.2 read 4090 -> e.0 repeat 3 every 9 address 4 repeat 2 every 1 address 10\n");
    CHECK(nested.banks[0].read_vectors == 2); // 4,090 and 4,094
    CHECK(nested.banks[1].read_vectors == 4);
}

TEST_CASE("loops that move no address cost nothing, however long they are") {
    const Program program =
        parse("@0 mem.w.0 read 4090 -> e.0 repeat 1000000000000 every 20 repeat 10 every 1 "
              "address 1\n");
    const Run run = fold(program, {}, {}, false);
    REQUIRE(!run.error);
    REQUIRE(run.accounting.banks.size() == 2);
    CHECK(run.accounting.banks[0].read_vectors == 6'000'000'000'000);
    CHECK(run.accounting.banks[1].read_vectors == 4'000'000'000'000);
}

TEST_CASE("a queue that waits for a notify is parked, neither busy nor idle") {
    // Parked from 6 to 41 inclusive: free again at 7 + 35 = 42.
    const Accounting counts = counted("@5 mem.w.0 sync\n@7 vxm.0 notify\n@42 mem.w.0 read 0 -> e.0\n");
    REQUIRE(counts.queues.size() == 2);
    CHECK(counts.queues[0].busy_cycles == 2);
    CHECK(counts.queues[0].parked_cycles == 36);
    CHECK(counts.queues[0].powered_superlane_cycles == 2 * 20);
    CHECK(counts.queues[1].parked_cycles == 0);
}

TEST_CASE("waiting counts for no cycle of a program, and for none of a queue after its end") {
    const auto cycles = [](const std::string& text) { return fold(parse(text), {}, {}, false).cycles; };
    // Twenty superlanes after the last issue; neither 35 cycles of a notify nor an epoch of a deskew.
    CHECK(cycles("@5 mem.w.0 sync\n@7 vxm.0 notify\n") == 7 + 20);
    CHECK(cycles("@7 vxm.0 notify\n") == 7 + 20);
    CHECK(cycles("@3 c2c.e.0 deskew\n") == 3 + 20);
    const Accounting ends_first = counted("@5 mem.w.0 sync\n@7 vxm.0 notify\n");
    CHECK(ends_first.queues[0].parked_cycles == 27 - 6);
    // Until cycle 4 of an epoch that is over then, and until the end of the program where it is not.
    ChipSpec spec;
    spec.c2c_epoch_cycles = 4;
    CHECK(counted("@0 c2c.e.0 deskew\n", spec).queues[0].parked_cycles == 3);
    spec.c2c_epoch_cycles = 20;
    CHECK(counted("@0 c2c.e.0 deskew\n", spec).queues[0].parked_cycles == 19);
    spec.c2c_epoch_cycles = 21;
    const Accounting deskew = counted("@0 c2c.e.0 deskew\n", spec);
    CHECK(deskew.queues[0].parked_cycles == 19);
    CHECK(deskew.queues[0].busy_cycles == 1); // 20 cycles: none is idle.
}

TEST_CASE("activations are counted by type") {
    ChipSpec spec;
    const Accounting counts =
        counted("@0 mem.w.43 read 0 -> w.0\n@4 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                "@5 mxm.w.0.weights install\n@10 mem.w.43 read 0 -> w.1 repeat 3 every 1\n"
                "@14 mxm.w.0.activations activate int8 <- w.1 repeat 3 every 1\n",
                spec);
    CHECK(counts.int8_activations == 3);
    CHECK(counts.fp16_activations == 0);
}

} // namespace lpusim::chip
