#include "lpusim/chip/program.h"

#include "lpusim/base/errors.h"
#include "lpusim/chip/proof/rule_test.h"
#include "lpusim/chip/text/position.h"

namespace lpusim::chip {
namespace {

std::string refusal(const std::string& text) {
    try {
        validate(parse(text), small_spec());
    } catch (const ValueError& error) {
        return error.what();
    }
    return "";
}

std::string refused_unit(const std::string& name) {
    try {
        return std::to_string(position_of(name, small_spec()));
    } catch (const ValueError& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("a stream that is not there names the operand and what there is") {
    CHECK(refusal("@0 mem.w.0 read 0 -> e.8") ==
          "run 0 (line 1) on mem.w.0: the target of the read, e.8, must lie in e.0 to e.7");
    CHECK(refusal("@0 mem.w.0..3 read 0 -> w.5 each stream 1") ==
          "run 0 (line 1) on mem.w.0: the target of the read on slice 3 of the range, w.8, must lie in w.0 "
          "to w.7");
    CHECK(refusal("\nlate: @0 vxm.0 add fp32 e.0, w.8 -> e.0") ==
          "run 0 (line 2, late) on vxm.0: operand b, w.8 to w.11, must lie in w.0 to w.7");
    CHECK(refusal("@0 mem.w.0 read 0 -> e.0 gather 4 <- e.8")
              .ends_with("the map of the gather, e.8 to e.9, must lie in e.0 to e.7"));
}

TEST_CASE("a group that is not aligned names the operand and the nearest ones that are") {
    CHECK(refusal("@0 vxm.0 add fp32 e.0, w.3 -> e.0") ==
          "run 0 (line 1) on vxm.0: operand b, w.3 to w.6, is a group of 4 streams, which must start at a "
          "multiple "
          "of 4; nearest: w.0 or w.4");
    CHECK(refusal("@0 vxm.0 neg fp16 e.0 -> e.5")
              .ends_with(
                  "the result, e.5 to e.6, is a group of 2 streams, which must start at a multiple of 2; "
                  "nearest: e.4 or e.6"));
    CHECK(refusal("@0 vxm.0 add fp32 e.0, w.4 -> e.0").empty());
}

TEST_CASE("a stride that moves nothing is refused, and the one that was meant is named") {
    CHECK(refusal("@0 mem.w.0 write 0 <- e.0 repeat 4 every 1 address 1") ==
          "run 0 (line 1) on mem.w.0: a repeat says 'address 1', which moves nothing of this instruction; "
          "did you "
          "mean 'write_address 1'?");
    CHECK(refusal("@0 mem.w.0 read 0 -> e.0 repeat 4 every 1 write_address -1")
              .ends_with("did you mean 'address -1'?"));
    CHECK(refusal("@0 mem.w.0..1 write 0 <- e.0 each stream 1 follow e")
              .ends_with("'each' says 'stream 1', which moves nothing of this instruction; did you mean "
                         "'write_stream 1'?"));
    CHECK(refusal("@0 vxm.0 relu int8 e.0 repeat 4 every 1 address 1")
              .ends_with("a repeat says 'address 1', which moves nothing of this instruction"));
    CHECK(refusal("@0 mem.w.0 read 0 -> e.0 write 9 <- e.1 repeat 4 every 1 address 1 write_address 1")
              .empty());
    CHECK(refusal("@0 mxm.w.0.accumulators start 0 repeat 2 every 1 address 1").empty());
}

TEST_CASE("a tensor lies somewhere, all of it") {
    const std::string tensor = "tensor a input int8 3 x 20 lanes 8 columns\n"; // Three vectors a row.
    const std::string rows = "loop 3 row 1 address 1";
    CHECK(refusal(tensor) == "tensor a: has no piece, so it lies nowhere in SRAM");
    CHECK(refusal(tensor + "piece w.0 address 0 row 0 column 0 " + rows) ==
          "tensor a: its pieces have 3 vectors, but 3 x 20 with 8 lanes along columns needs 9");
    CHECK(refusal(tensor + "piece w.0 address 0 row 0 column 0 " + rows + " loop 3 column 8 address 3")
              .empty());
    CHECK(refusal(tensor + "piece w.0 address 0 row 0 column 0 " + rows + " loop 3 column 4 address 3") ==
          "tensor a: no piece holds row 0, column 16 of its 3 x 20"); // Columns 0 to 15.
    CHECK(refusal(tensor +
                  "piece w.0 address 0 row 0 column 0 loop 2 row 2 address 1 loop 3 column 8 address 2\n"
                  "piece e.0 address 0 row 0 column 0 loop 3 column 8 address 1") ==
          "tensor a: no piece holds row 1, column 0 of its 3 x 20");
    // Vectors that overlap, and one that goes on past the matrix.
    CHECK(refusal(tensor + "piece w.0 address 0 row 0 column 0 " + rows + " loop 4 column 6 address 3")
              .empty());
    CHECK(refusal("tensor w input int8 20 x 3 lanes 8 rows\n"
                  "piece w.0 address 0 row 0 column 0 loop 3 column 1 address 1 loop 2 row 8 address 3\n"
                  "piece e.0 address 0 row 16 column 1 loop 2 column 1 address 1") ==
          "tensor w: its pieces have 8 vectors, but 20 x 3 with 8 lanes along rows needs 9");
    CHECK(refusal("tensor w input int8 20 x 3 lanes 8 rows\n"
                  "piece w.0 address 0 row 0 column 0 loop 3 column 1 address 1 loop 2 row 8 address 3\n"
                  "piece e.0 address 0 row 16 column 1 loop 3 column 1 address 1") ==
          "tensor w: no piece holds row 16, column 0 of its 20 x 3");
}

TEST_CASE("a unit's name says where it stands, whole or as much of it as is needed") {
    for (const auto& [name, position] : {std::pair{"mem.w.0", "4"},
                                         {"mem.w.3", "2"},
                                         {"mem.e.3", "8"},
                                         {"vxm", "5"},
                                         {"vxm.3", "5"},
                                         {"sxm.w", "1"},
                                         {"sxm.e.2", "9"},
                                         {"mxm.w", "0"},
                                         {"mxm.e.1", "10"},
                                         {"mxm.e.1.weights", "10"},
                                         {"c2c.e", "10"},
                                         {"chip1.mem.w.0", "4"}}) {
        CHECK(refused_unit(name) == position);
    }
    const std::string expected = "expected a unit such as mem.w.3, mxm.e.0, vxm, sxm.w or c2c.e.0, got ";
    CHECK(refused_unit("men.w.3") == expected + "'men.w.3'; did you mean 'mem.w.3'?");
    CHECK(refused_unit("") == expected + "''");
    CHECK(refused_unit("mem.w.0..3") == expected + "'mem.w.0..3'; that is a range");
    CHECK(refused_unit("mem.w.4") ==
          "'mem.w.4' is not on this chip: there are mem.w.0 to mem.w.3, got number 4; nearest: mem.w.3");
    CHECK(refused_unit("mxm.e.2").starts_with("'mxm.e.2' is not on this chip"));
}

} // namespace lpusim::chip
