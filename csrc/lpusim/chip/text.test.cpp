#include "lpusim/chip/text.h"

#include <doctest/doctest.h>

#include "lpusim/base/errors.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

std::string complaint(const std::string& text) {
    try {
        (void)parse(text);
    } catch (const ValueError& error) {
        return error.what();
    }
    return "";
}

constexpr const char* kEverything = R"(tensor a input int8 3 x 300 lanes 320 columns
piece w.8 address 0 row 0 column 0 loop 3 row 1 address 1 loop 2 column 320 slice 1
tensor b input fp16 3 x 8 lanes 8 columns
piece e.2 address 5 row 0 column 0 byte_slices 4 lane 40 loop 3 row 1 address 1
tensor c output int32 3 x 8 lanes 8 rows
@0 mem.w.12..27 read 100 -> w.0 each cycles -1 address 2 stream 1 follow w repeat 4 every 30 address 20 repeat 20 every 1 address 1
@9 mem.e.3 read 5 -> w.2 write 7 <- e.4 repeat 2 every 3 address 1 write_address -1
@9 mem.e.4..5 write 7 <- e.4 each write_address 1 write_stream 1 follow e
@20 mxm.w.0.weights load 0 <- w.0 streams 16 repeat 20 every 1 address 16
@41 mxm.w.0.weights install
@42 mxm.w.0.activations activate int8 <- w.31
@62 mxm.w.0.accumulators start 0
@63 mxm.e.1.accumulators add 5 -> e.0
@70 vxm.3 add_sat int32 e.0, w.4 -> e.8
@71 vxm.4 shift_right int32 to int8 alu.3, =5 -> e.4
@72 vxm.5 scale int32 to int8 alu.4, =0x3f800000
@73 vxm.6 mul fp32 e.0, =0xbf800000 -> e.4
@74 vxm.7 relu int8 e.0 -> e.1
@75 mem.w.0 sync
@76 vxm.0 notify
)";

} // namespace

TEST_CASE("printing what was parsed gives the same text, and parsing it again the same program") {
    const Program program = parse(kEverything);
    CHECK(program.runs.size() == 15);
    CHECK(to_text(program) == kEverything);
    CHECK(parse(to_text(program)) == program);
}

TEST_CASE("without a cycle a run follows the last one of its queue, and nop waits") {
    const Program program = parse("mem.w.0 read 0 -> e.0 repeat 3 every 5\n"
                                  "mem.w.1 read 0 -> e.0  # another queue starts at 0\n"
                                  "mem.w.0 nop 4\n"
                                  "mem.w.0 read 0 -> e.0\n");
    CHECK(program.runs[0].issue == 0);
    CHECK(program.runs[1].issue == 0);
    CHECK(program.runs[2].issue == 15); // last at 10, so free at 11, then 4 cycles
}

TEST_CASE("fp32 immediates may be written as numbers") {
    const Program program = parse("vxm.0 mul fp32 e.0, =1.5f -> e.4");
    const auto& compute = std::get<VxmCompute>(program.runs[0].instruction);
    CHECK(std::get<VxmImmediate>(compute.b).bits == 0x3fc00000);
}

TEST_CASE("a complaint says line, column, what was expected and what was seen") {
    CHECK(complaint("\n@5 mem.w.x read 0 -> e.0") == "line 2, column 4: expected a queue such as mem.w.3, "
                                                     "mem.e.4..9, mxm.w.0.weights or vxm.5, got "
                                                     "'mem.w.x'");
    CHECK(complaint("mem.w.0 read 0 e.0") == "line 1, column 16: expected '->', got 'e.0'");
    CHECK(complaint("mem.w.0 read 0 ->") ==
          "line 1, column 18: expected a stream such as e.3, got the end of the line");
    CHECK(complaint("mem.w.0 sync now") == "line 1, column 14: expected the end of the line, got 'now'");
    CHECK(complaint("mem.w.0..3 read 0 -> e.0") ==
          "line 1, column 12: a run over several slices needs its cycle: put '@cycle' first");
    CHECK(complaint("piece w.0 address 0 row 0 column 0") ==
          "line 1, column 7: a piece needs a tensor line above it");
    CHECK(complaint("vxm.0 frobnicate int8 e.0").starts_with("line 1, column 7: expected one of pass, add"));
    CHECK(complaint("mem.w.0 read 99999999999999999999 -> e.0") ==
          "line 1, column 14: expected an address (an integer), got '99999999999999999999'");
    CHECK(complaint("@-x mem.w.0 sync") == "line 1, column 1: expected a cycle such as @12, got '@-x'");
    CHECK(complaint("vxm.0 " + std::string(1000, 'x')).size() <
          300); // A megabyte of nonsense is not repeated.
    CHECK(complaint("vxm.0 relu int8 e." + std::string(100, '9')) ==
          "line 1, column 17: expected a stream such as e.3, got 'e." + std::string(58, '9') + "...'");
}

TEST_CASE("a range of slices rises, and no queue is free later than 64-bit cycles reach") {
    CHECK(parse("@0 mem.w.5..5 read 0 -> e.0").runs[0].slices.count == 1);
    for (const char* const range :
         {"5..4", "-9223372036854775808..9223372036854775807", "-1..3", "0..9223372036854775807"}) {
        CHECK(complaint("@0 mem.w." + std::string(range) + " read 0 -> e.0")
                  .starts_with("line 1, column 4: expected a range of slices that rises"));
    }
    const std::string late = "@9223372036854775806 mem.w.0 read 0 -> e.0";
    CHECK(complaint(late) == ""); // Free again in the last cycle there is.
    CHECK(complaint(late + "\nmem.w.0 nop 1") ==
          "line 2, column 14: the queue would be free only beyond the largest 64-bit cycle");
    CHECK(complaint(late + " repeat 3 every 1").starts_with("line 1, column 60: the queue would be free"));
}
