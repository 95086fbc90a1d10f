#include "lpusim/chip/text/program_binary.h"

#include <doctest/doctest.h>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/kernels_matmul.h"
#include "lpusim/chip/text/text.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// "LPUP", version 1, one chip (zig-zag 2), then `rest`.
Bytes bytes(std::initializer_list<int> rest) {
    Bytes all{'L', 'P', 'U', 'P', 1, 2};
    for (const int byte : rest) {
        all.push_back(static_cast<std::uint8_t>(byte));
    }
    return all;
}

std::string complaint(const Bytes& all, std::int64_t expanded_bytes_max = kExpandedBytesMax) {
    try {
        (void)decode(all, expanded_bytes_max);
    } catch (const ValueError& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("the bytes of a program are what the format says, on every machine") {
    CHECK(encode(Program{}) == bytes({0, 0, 0})); // no maps, tensors or runs
    CHECK(encode(parse("@5 vxm.0 sync\n@3 vxm.1 notify\n@300 vxm.1 ifetch <- w.3\n")) ==
          bytes({0, 0, 3,                //
                 0x1c, 0x04, 0, 0, 10,   // sync (12), same repeats; vxm, chip 0, index 0; + 5
                 0x9d, 3,                // notify (13), next queue; - 2
                 0x5b, 0xd2, 0x04, 7})); // ifetch (11), same queue; + 297 as 594; w.3
    CHECK(encode(parse("map m 7..0 . .\n")) ==
          bytes({1, 1, 'm', 10, 8, 14, 1, 1, 1, 1, 1, 0, 0})); // 8 lanes from 7 in steps of -1, then -1 twice
    CHECK(
        encode(parse("tensor t constant int8 3 x 4 lanes 5 rows\npiece e.2 address 0 row 0 column 0 loop 9 "
                     "address 1\ndata 09*8 01020304\n")) ==
        bytes(
            {0,  1,          1, 't',    0x60, 6, 8,  10, // int8, constant, along rows; 3 x 4, 5 lanes
             1,  0x82,       4, 1,      0x08, 2, 18, // one piece: east, slice 2; one loop: address 1, count 9
             12, 8 << 2 | 1, 9, 4 << 2, 1,    2, 3,  4,  0}));
}

TEST_CASE("a matrix product takes a fifth of its text") {
    const Program program = gemm(ChipSpec{}, 2000, 1280, 1280);
    CHECK(encode(program).size() < to_text(program).size() / 5);
}

TEST_CASE("malformed bytes are refused with the offset of what cannot be read") {
    CHECK(complaint({}) == "byte 0: this is no program: it does not start with LPUP");
    CHECK(complaint({'L', 'P', 'U', 'X', 1}) == "byte 3: this is no program: it does not start with LPUP");
    CHECK(complaint({'L', 'P', 'U', 'P'}) == "byte 4: the program ends in the middle");
    CHECK(complaint({'L', 'P', 'U', 'P', 2}) == "byte 4: version 2 is not known here; the newest is 1");
    CHECK(complaint(bytes({})) == "byte 6: the program ends in the middle");
    CHECK(complaint(bytes({0, 0, 0, 7})) == "byte 9: the program ends here, but more bytes follow");
    CHECK(complaint(bytes({0, 0, 1, 0x1f, 0x04})) == "byte 9: unknown instruction 15");
    CHECK(complaint(bytes({0, 0, 1, 0xdc, 0})) == "byte 9: a queue that is both the same and the next");
    CHECK(complaint(bytes({0, 0, 1, 0x1c, 0x07, 0, 0, 0})) == "byte 10: unknown unit 7");
    CHECK(complaint(bytes({0, 0, 1, 0x5b, 0, 128})) == "byte 11: unknown stream 128");
    CHECK(complaint(bytes({0, 0, 1, 0x53, 0, 6, 0})) == "byte 11: unknown type 6");
    CHECK(complaint(bytes({0, 0, 1, 0x55, 0, 26, 0})) == "byte 11: unknown VXM operation 26");
    CHECK(complaint(bytes({0, 0, 1, 0x55, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x80, 0x10})) ==
          "byte 14: an immediate of more than 32 bits");
    CHECK(complaint(bytes({0, 0, 1, 0x50, 0, 2})) == "byte 11: a map for a read or write that is not there");
    CHECK(complaint(bytes({0, 0, 1, 0x7c, 0, 0x40})) == "byte 11: a direction for a range that follows none");
    CHECK(complaint(bytes({0, 0, 1, 0x5c, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2})) ==
          "byte 10: an integer of more than 64 bits");
    CHECK(complaint(bytes({0, 1, 1, '/', 0, 0, 0, 0, 0, 0})) ==
          "byte 9: a name has letters, digits, '_', '.' and '-' only");
    CHECK(complaint(bytes({0, 1, 1, 't', 0x30, 0, 0, 0, 0, 0})) == "byte 10: unknown role 3");
    CHECK(complaint(bytes({1, 1, 'm', 2, 3, 0, 0, 0})) == "byte 10: a range of 3 lanes, where 2 are left");
    CHECK(complaint(bytes({1, 1, 'm', 2, 2, 0, 0x80, 0x80, 4})) ==
          "byte 12: a range of lanes that leaves -32768 to 32767"); // 0, then 32768
}

TEST_CASE("a count that the rest of the bytes cannot hold is refused before anything is allocated") {
    CHECK(complaint(bytes({0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x1c})) ==
          "byte 8: 18446744073709551615 runs do not fit in the 1 bytes that are left");
    CHECK(complaint(bytes({0, 0, 3, 0, 0, 0, 0, 0})) ==
          "byte 8: 3 runs do not fit in the 5 bytes that are left"); // A run is two bytes at least.
    CHECK(complaint(bytes({9, 0})).starts_with("byte 6: 9 lane maps do not fit"));
    CHECK(complaint(bytes({0, 9, 0})).starts_with("byte 7: 9 tensors do not fit"));
    CHECK(complaint(bytes({0, 0, 1, 0x4c, 0, 0x80, 1})).starts_with("byte 11: 128 repeats do not fit"));
}

TEST_CASE("repeats come to as many bytes as allowed and not one more") {
    const auto constant = [](int count) {
        return bytes({0, 1, 1, 't', 0x20, 2, 2, 2, 0, count, count << 2 | 1, 9, 0});
    };
    CHECK(decode(constant(20), 20).tensors[0].data == Bytes(20, 9));
    CHECK(complaint(constant(20), 19) == "byte 16: repeats come to more than 268435456 bytes");
    CHECK(complaint(bytes({0, 1, 1, 't', 0x20, 2, 2, 2, 0, 20, 21 << 2 | 1, 9, 0})) ==
          "byte 16: a stretch of 21 times 1 bytes of data, where 20 are left");
}

TEST_CASE("a long list of repeats is not taken over from run to run") {
    Program program;
    InstructionRun run;
    run.instruction = Sync{};
    for (const std::size_t levels : {16U, 17U}) {
        run.repeat.assign(levels, Level{2, 1, 0, 0});
        program.runs.assign(100, run);
        const Bytes coded = encode(program);
        CHECK(decode(coded) == program);
        CHECK((coded.size() > 1000) == (levels == 17));
    }
}
