#include <array>
#include <doctest/doctest.h>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/chip/text/text.h"

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

struct Mistake {
    const char* text;
    const char* complaint;
};

constexpr const char* kQueues =
    "a queue such as mem.w.3, mem.e.4..9, mxm.w.0.weights, vxm.5, sxm.e.0, c2c.w.1 "
    "or chip1.vxm.0";

/// "%" in a complaint stands for kQueues.
std::string spelled_out(std::string text) {
    if (const std::size_t at = text.find('%'); at != std::string::npos) {
        text.replace(at, 1, kQueues);
    }
    return text;
}

// What people type who see this language for the first time.
constexpr std::array kMistakes{
    // queues
    Mistake{"@0 mem.x.3 sync",
            "line 1, column 4: expected %, got 'mem.x.3'; after mem comes the hemisphere, w or "
            "e: mem.w.0 or mem.e.0"},
    Mistake{"@0 mem.3 sync",
            "line 1, column 4: expected %, got 'mem.3'; after mem comes the hemisphere, w or e: "
            "mem.w.0 or mem.e.0"},
    Mistake{"mem sync",
            "line 1, column 1: expected %, got 'mem'; after mem comes the hemisphere, w or e: mem.w.0 "
            "or mem.e.0"},
    Mistake{"@0 mem.w.x sync",
            "line 1, column 4: expected %, got 'mem.w.x'; after the hemisphere comes a number from 0 on"},
    Mistake{"@0 mem.w.-1 sync",
            "line 1, column 4: expected %, got 'mem.w.-1'; after the hemisphere comes a number from 0 on"},
    Mistake{"@0 mem.w.3. sync", "line 1, column 4: expected %, got 'mem.w.3.'"},
    Mistake{"@0 vmx.3 sync", "line 1, column 4: expected %, got 'vmx.3'; did you mean 'vxm.3'?"},
    Mistake{"@0 vxm.w.3 sync",
            "line 1, column 4: expected %, got 'vxm.w.3'; an ALU is named like vxm.5: the VXM has "
            "no hemisphere"},
    Mistake{"@0 mxm.w.0 install",
            "line 1, column 4: expected %, got 'mxm.w.0'; a plane has three queues, weights, "
            "activations or accumulators"},
    Mistake{"@0 mxm.w.0.weight install", "line 1, column 4: expected %, got 'mxm.w.0.weight'; a plane has "
                                         "three queues, weights, activations or "
                                         "accumulators; did you mean 'weights'?"},
    Mistake{"@0 sxm.w.0..3 sync",
            "line 1, column 4: expected %, got 'sxm.w.0..3'; nothing comes after the number"},
    Mistake{"@0 mem.w.5..4 sync",
            "line 1, column 4: expected %, got 'mem.w.5..4'; a range of slices rises, as in mem.e.4..9"},
    Mistake{"@0 mem.w.0..9223372036854775807 sync",
            "line 1, column 4: expected %, got "
            "'mem.w.0..9223372036854775807'; a range of slices rises, as in "
            "mem.e.4..9"},
    Mistake{"@0 chipx.mem.w.0 sync", "line 1, column 4: expected %, got 'chipx.mem.w.0'"},
    Mistake{"read 5 -> e.0",
            "line 1, column 1: expected %, or chips, map, lanes, tensor, piece, data, label or let, "
            "got 'read'"},
    Mistake{"tensr a input int8 1 x 1 lanes 1 rows", "line 1, column 1: expected a queue such as mem.w.3, or "
                                                     "chips, map, lanes, tensor, piece, data, label or "
                                                     "let, got 'tensr'; did you mean 'tensor'?"},
    Mistake{"@0", "line 1, column 3: expected %, got the end of the line"},
    Mistake{"@ mem.w.0 sync",
            "line 1, column 1: expected a cycle such as @12 or @load_done+5, got '@'; a name has "
            "letters, digits and '_'"},
    Mistake{"@99999999999999999999 mem.w.0 sync",
            "line 1, column 1: expected a cycle such as @12 or @load_done+5 (a 64-bit integer), got "
            "'@99999999999999999999'"},
    Mistake{"mem.w.0..3 read 0 -> e.0",
            "line 1, column 1: a run over several slices needs its cycle: put '@cycle' first"},
    // streams, addresses and arrows
    Mistake{"mem.w.0 read 0 e.0",
            "line 1, column 16: expected '->' and the stream it drives, such as e.3, got 'e.0'"},
    Mistake{"mem.w.0 read 0 <- e.0",
            "line 1, column 16: expected '->' and the stream it drives, such as e.3, got '<-'"},
    Mistake{"mem.w.0 write 0 -> e.0",
            "line 1, column 17: expected '<-' and the stream it takes, such as e.3, got '->'"},
    Mistake{"mem.w.0 read 0 ->", "line 1, column 18: expected a stream such as e.3, got the end of the line"},
    Mistake{"mem.w.0 read 0 -> east.3", "line 1, column 19: expected a stream such as e.3, got 'east.3'"},
    Mistake{"mem.w.0 read 0 -> e.-1", "line 1, column 19: expected a stream such as e.3, got 'e.-1'"},
    Mistake{"mem.w.0 read 0 -> stream e.40",
            "line 1, column 19: expected a stream such as e.3, got 'stream'"},
    Mistake{"mem.w.0 read -> e.0", "line 1, column 14: expected an address (an integer), got '->'"},
    Mistake{"mem.w.0 read 1.5 -> e.0", "line 1, column 14: expected an address (an integer), got '1.5'"},
    Mistake{"mem.w.0 read 99999999999999999999 -> e.0",
            "line 1, column 14: expected an address (a 64-bit integer), got '99999999999999999999'"},
    Mistake{"mem.w.0 read 0 -> e.0 gather <- e.2",
            "line 1, column 30: expected a window in words, as in 'gather 64 "
            "<- e.4' (an integer), got '<-'"},
    Mistake{"mem.w.0 read 0 -> e.0 gather 0 <- e.2",
            "line 1, column 30: expected a window in words, as in 'gather "
            "64 <- e.4' of at least 1, got '0'"},
    Mistake{"mem.w.0 write 0 <- e.0 gather 8 <- e.2",
            "line 1, column 24: expected the end of the line, got 'gather'"},
    // repeats
    Mistake{"mem.w.0 read 0 -> e.0 repeat 4", "line 1, column 31: expected 'every' and a number of cycles, "
                                              "as in 'repeat 20 every 1', got the end of "
                                              "the line"},
    Mistake{"mem.w.0 read 0 -> e.0 repeat -4 every 1",
            "line 1, column 30: expected a count of at least 1, got '-4'"},
    Mistake{"mem.w.0 read 0 -> e.0 repeat 0 every 1",
            "line 1, column 30: expected a count of at least 1, got '0'"},
    Mistake{"mem.w.0 read 0 -> e.0 repeat 4 every -1",
            "line 1, column 38: expected a number of cycles of at least 0, got '-1'"},
    Mistake{"mem.w.0 read 0 -> e.0 repeat 4 every 1 adress 1",
            "line 1, column 40: expected the end of the line, got 'adress'; did you mean 'address'?"},
    Mistake{"@9223372036854775806 mem.w.0 read 0 -> e.0 repeat 3 every 1",
            "line 1, column 59: this comes to a cycle beyond the largest 64-bit integer"},
    Mistake{"mem.w.0 read 0 -> e.0 repeat 9223372036854775807 every 9223372036854775807",
            "line 1, column 56: the queue would be free only beyond the largest 64-bit cycle"},
    Mistake{"@5 mem.w.0 nop 4", "line 1, column 1: a nop has no cycle of its own: drop the '@'"},
    Mistake{"mem.w.0 nop -4", "line 1, column 13: expected a number of cycles of at least 0, got '-4'"},
    Mistake{"@0 mem.w.0..3 read 0 -> e.0 each follow north",
            "line 1, column 41: expected 'e' or 'w', got 'north'"},
    // instructions
    Mistake{"mem.w.0 raed 0 -> e.0",
            "line 1, column 9: expected an instruction of this queue: read, write, sync, "
            "notify, config, ifetch or nop, got 'raed'; did you mean 'read'?"},
    Mistake{"mem.w.0 relu int8 e.0",
            "line 1, column 9: expected an instruction of this queue: read, write, sync, "
            "notify, config, ifetch or nop, got 'relu'; 'relu' is for vxm queues"},
    Mistake{"mem.w.0",
            "line 1, column 8: expected an instruction of this queue: read, write, sync, notify, config, "
            "ifetch or nop, got the end of the line"},
    Mistake{"c2c.w.0 recieve c2c.e.0 -> e.1", "line 1, column 9: expected an instruction of this queue: "
                                              "send, receive, deskew, sync, notify, config, "
                                              "ifetch or nop, got 'recieve'; did you mean 'receive'?"},
    Mistake{"c2c.w.0 receive mem.w.0..3 -> e.1",
            "line 1, column 17: expected a single queue, got 'mem.w.0..3'"},
    Mistake{"mem.w.0 sync now", "line 1, column 14: expected the end of the line, got 'now'"},
    Mistake{"vxm.0 add int9 e.0, e.1", "line 1, column 11: expected a type (int8, int32, fp32, fp16, fp8 or "
                                       "int16), got 'int9'; did you mean "
                                       "'int8'?"},
    Mistake{"vxm.0 add int8 e.0 e.1", "line 1, column 20: expected the end of the line, got 'e.1'"},
    Mistake{"vxm.0 add int8 e.0, -> e.1",
            "line 1, column 21: expected an operand such as e.4, alu.3, =7, =1.5f "
            "(fp32) or =1.5h (fp16), got '->'"},
    Mistake{"vxm.0 relu int8 alu.-1", "line 1, column 17: expected an ALU such as alu.3, got 'alu.-1'"},
    Mistake{
        "vxm.0 relu fp32 =1",
        "line 1, column 17: expected an fp32 immediate such as =1.5f or raw bits, =0x3fc00000, got '=1'; did "
        "you mean '=1f'?"},
    Mistake{
        "vxm.0 relu fp32 =1e39f",
        "line 1, column 17: expected an fp32 immediate such as =1.5f or raw bits, =0x3fc00000, got '=1e39f'"},
    Mistake{
        "vxm.0 relu fp32 =nanf",
        "line 1, column 17: expected an fp32 immediate such as =1.5f or raw bits, =0x3fc00000, got '=nanf'"},
    Mistake{"vxm.0 relu fp16 =65520h",
            "line 1, column 17: expected an fp16 immediate such as =1.5h (up to 65504) or "
            "raw bits, =0x3e00, got '=65520h'"},
    Mistake{"vxm.0 relu fp16 =1.5f",
            "line 1, column 17: expected an fp16 immediate such as =1.5h (up to 65504) or "
            "raw bits, =0x3e00, got '=1.5f'; did you mean '=1.5h'?"},
    Mistake{
        "vxm.0 mul int8 e.0, 5 -> e.1",
        "line 1, column 21: expected an operand such as e.4, alu.3, =7, =1.5f (fp32) or =1.5h (fp16), got "
        "'5'; a number is an immediate: did you mean '=5'?"},
    Mistake{
        "vxm.0 mul fp16 e.0, -2.5f -> e.2",
        "line 1, column 21: expected an operand such as e.4, alu.3, =7, =1.5f (fp32) or =1.5h (fp16), got "
        "'-2.5f'; a number is an immediate: did you mean '=-2.5h'?"},
    Mistake{
        "vxm.0 mul int8 e.0, 500 -> e.1",
        "line 1, column 21: expected an operand such as e.4, alu.3, =7, =1.5f (fp32) or =1.5h (fp16), got "
        "'500'"},
    Mistake{"vxm.0 relu int8 =128",
            "line 1, column 17: expected an int8 immediate such as =-7 (-128 to 127) or raw "
            "bits, =0x7f, got '=128'"},
    Mistake{"vxm.0 relu int32 =",
            "line 1, column 18: expected an int32 immediate such as =-7 (-2147483648 to "
            "2147483647) or raw bits, =0x7fff, got '='"},
    Mistake{
        "vxm.0 relu int32 =0x123456789",
        "line 1, column 18: expected an int32 immediate such as =-7 (-2147483648 to 2147483647) or raw bits, "
        "=0x7fff, got '=0x123456789'"},
    Mistake{"vxm.0 pass fp8 =1.5",
            "line 1, column 16: expected an fp8 immediate as raw bits, such as =0x3c, got "
            "'=1.5'"},
    Mistake{"mxm.w.0.weights load 0 <- w.0",
            "line 1, column 30: expected 'streams' and how many of them, got the end of the line"},
    Mistake{"sxm.w.0 select 5 e.0 -> e.1", "line 1, column 22: expected ',' and the second stream, got '->'"},
    Mistake{"map swap 1 0\nsxm.w.0 permute swp e.0 -> e.1",
            "line 2, column 17: expected the name of a lane map, from a 'map' line above, got 'swp'; did you "
            "mean "
            "'swap'?"},
    Mistake{"sxm.w.0 permute swap e.0 -> e.1",
            "line 1, column 17: expected the name of a lane map, from a 'map' "
            "line above, got 'swap'; there is none"},
    // declarations
    Mistake{"chips 0", "line 1, column 7: expected a number of chips of at least 1, got '0'"},
    Mistake{"chips 2\nchips 2", "line 2, column 1: the number of chips is already given"},
    Mistake{"tensor a inptu int8 1 x 1 lanes 1 rows",
            "line 1, column 10: expected input, output or constant, got 'inptu'; did you mean 'input'?"},
    Mistake{"tensor a/b input int8 1 x 1 lanes 1 rows",
            "line 1, column 8: expected a name of letters, digits, '_', '.' and '-', got 'a/b'"},
    Mistake{"tensor a input int8 1x1 lanes 1 rows",
            "line 1, column 21: expected a number of rows (an integer), got '1x1'"},
    Mistake{"tensor a input int8 1 by 1 lanes 1 rows",
            "line 1, column 23: expected 'x' and the number of columns, got 'by'"},
    Mistake{"tensor a input int8 -1 x 1 lanes 1 rows",
            "line 1, column 21: expected a number of rows of at least 1, got '-1'"},
    Mistake{"piece w.0 address 0 row 0 column 0", "line 1, column 1: a piece needs a tensor line above it"},
    Mistake{"tensor a input int8 1 x 1 lanes 1 rows\npiece mem.w.0 address 0 row 0 column 0",
            "line 2, column 7: expected a slice such as w.3, got 'mem.w.0'; here it goes without 'mem.'"},
    Mistake{"tensor a input int8 1 x 1 lanes 1 rows\ndata 00",
            "line 2, column 1: data needs a constant's tensor line above it"},
    Mistake{"tensor a constant int8 1 x 1 lanes 1 rows\ndata 0",
            "line 2, column 6: expected bytes as hexadecimal digits, such as 00ff, or repeated, 00ff*160, "
            "got '0'; a "
            "byte is two digits"},
    Mistake{"tensor a constant int8 1 x 1 lanes 1 rows\ndata 0g",
            "line 2, column 6: expected bytes as hexadecimal "
            "digits, such as 00ff, or repeated, 00ff*160, got "
            "'0g'"},
    Mistake{"tensor a constant int8 1 x 1 lanes 1 rows\ndata 00*268435457",
            "line 2, column 6: expected repeats that come to at most 268435456 bytes in the whole text, got "
            "'00*268435457'"},
    Mistake{"map a 3..x",
            "line 1, column 7: expected lanes: a number, '.' for zero, a range such as 319..0 or "
            "0..304/16, or a repeat such as 7*16 (an integer), got '3..x'"},
    Mistake{"map a 0..5/2",
            "line 1, column 7: expected lanes: a number, '.' for zero, a range such as 319..0 or "
            "0..304/16, or a repeat such as 7*16, got '0..5/2'; a range goes from one lane to another "
            "in equal steps"},
    Mistake{"map a 0\nmap a 1", "line 2, column 5: lane map 'a' is already there"},
    Mistake{"lanes 0", "line 1, column 1: lanes need a map line above them"},
    Mistake{"let act w.31", "line 1, column 9: expected '=' and a word, as in 'let act = w.31', got 'w.31'"},
    Mistake{"let act = w.31\nlet act = w.30", "line 2, column 5: 'act' is already named"},
    Mistake{
        "let act = w.31\nvxm.0 relu int8 atc",
        "line 2, column 17: expected an operand such as e.4, alu.3, =7, =1.5f (fp32) or =1.5h (fp16), got "
        "'atc'; did you mean 'act'?"},
    Mistake{
        "let act = 31\nvxm.0 relu int8 act",
        "line 2, column 17: expected an operand such as e.4, alu.3, =7, =1.5f (fp32) or =1.5h (fp16), got "
        "'act', which stands for '31'"},
};

} // namespace

TEST_CASE("a mistake is told with line, column, what was expected, what was seen and what is near") {
    for (const Mistake& mistake : kMistakes) {
        CAPTURE(mistake.text);
        CHECK(complaint(mistake.text) == spelled_out(mistake.complaint));
    }
}

TEST_CASE("columns count characters, and what cannot be shown is spelled out") {
    CHECK(complaint("let a = \xc3\xa9 \xc3\xa9") ==
          "line 1, column 11: expected the end of the line, got '\xc3\xa9'");
    CHECK(complaint(std::string("@0 mem.w.0\0 sync", 16)).starts_with("line 1, column 4: expected a queue"));
    CHECK(complaint(std::string("mem.w.0 sync \0", 14)) ==
          "line 1, column 14: expected the end of the line, got '\\x00'");
    CHECK(complaint("mem.w.0 sync \x7f\x01") ==
          "line 1, column 14: expected the end of the line, got '\\x7f\\x01'");
}

TEST_CASE("a megabyte of nonsense is not repeated, and its first word is the error") {
    for (const char* const start :
         {"", "vxm.0 ", "@", "mem.w.", "vxm.0 relu int8 e.", "map a ", "let a ", "@0 "}) {
        const std::string text = start + std::string(1'000'000, '9');
        CHECK(complaint(text).starts_with("line 1, column "));
        CHECK(complaint(text).size() < 400);
    }
    std::string lines;
    for (int i = 0; i < 1'000'000; ++i) {
        lines += "x\n";
    }
    CHECK(complaint(lines).starts_with("line 1, column 1: expected a queue"));
}
