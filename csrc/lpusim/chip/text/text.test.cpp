#include "lpusim/chip/text/text.h"

#include <doctest/doctest.h>
#include <initializer_list>

#include "lpusim/base/errors.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

constexpr const char* kEverything = R"(chips 3
map reverse 319..0
map odd 1..15/2 . 0*4 3 .*3 7
map empty
tensor a input int8 3 x 300 lanes 320 columns
piece w.8 address 0 row 0 column 0 loop 3 row 1 address 1 loop 2 column 320 slice 1
tensor c output fp16 3 x 8 lanes 8 rows
piece chip2.e.3 address 7 row 1 column 2 byte_slices 4 lane 40 loop 2 row 1
tensor one constant fp32 1 x 10 lanes 8 columns
piece w.3 address 9 row 0 column 0
data 0000803f*8 0102030405060708
@0 mem.w.12..27 read 100 -> w.0 each cycles -1 address 2 stream 1 follow w repeat 4 every 30 address 20 repeat 20 every 1 address 1
@9 mem.e.3 read 5 -> w.2 write 7 <- e.4 repeat 2 every 3 address 1 write_address -1
@9 mem.e.4..5 write 7 <- e.4 each write_address 1 write_stream 1 follow e
@9 mem.w.4 read 64 -> e.1 gather 32 <- e.2 write 0 <- w.3 scatter 4096 <- w.30
@20 mxm.w.0.weights load 0 <- w.0 streams 16 repeat 20 every 1 address 16
@41 mxm.w.0.weights install
@42 mxm.w.0.activations activate int8 <- w.31
@42 mxm.w.1.activations activate fp16 <- w.30 roundings 2
@42 mxm.e.1.activations activate fp8 <- e.30
@62 mxm.w.0.accumulators start 0
@63 mxm.e.1.accumulators add 5 -> e.0
@64 mxm.e.1.accumulators start fp32 5 -> e.0
@70 vxm.3 add_sat int32 e.0, w.4 -> e.8
@71 vxm.4 shift_right int32 to int8 alu.3, =5 -> e.4
@72 vxm.5 scale int32 to int8 alu.4, =1f
@73 vxm.6 mul fp32 e.0, =-1.5e-07f -> e.4
@73 vxm.6 mul fp16 e.0, =0.1h -> e.4
@74 vxm.7 relu int8 e.0 -> e.1
@74 vxm.8 select fp32 e.0, =0x7fc00000, alu.7 -> e.4
@74 vxm.9 rsqrt fp16 w.2 -> w.2
@75 sxm.w.0 shift -16 e.0 -> e.1
@75 sxm.w.1 select 160 e.0, w.1 -> e.2
@75 sxm.w.2 permute reverse e.0 -> e.3
@75 sxm.e.3 distribute odd e.0 -> e.4
@75 sxm.e.4 rotate 4 e.0 -> w.16
@75 sxm.e.5 transpose e.0 -> w.16
@76 c2c.e.7 send <- e.3
@76 chip2.c2c.w.7 receive c2c.e.7 held 12 -> e.3
@77 chip2.c2c.w.7 deskew
@78 vxm.0 config 12
@79 mem.w.1 ifetch <- e.0
@80 chip1.mem.w.0 sync
@81 vxm.0 notify
)";

const VxmCompute& compute_of(const Program& program) {
    return std::get<VxmCompute>(program.runs.at(0).instruction);
}

std::int32_t immediate(const std::string& type, const std::string& number) {
    return std::get<VxmImmediate>(compute_of(parse("vxm.0 pass " + type + " =" + number)).a).bits;
}

std::string reprinted(const std::string& type, const std::string& number) {
    const std::string text = to_text(parse("vxm.0 pass " + type + " =" + number));
    return text.substr(text.find('=') + 1, text.size() - text.find('=') - 2);
}

} // namespace

TEST_CASE("printing what was parsed gives the same text, and parsing it again the same program") {
    const Program program = parse(kEverything);
    CHECK(program.runs.size() == 33);
    CHECK(to_text(program) == kEverything);
    CHECK(parse(to_text(program)) == program);
}

TEST_CASE("without a cycle a run follows the last one of its queue, and nop waits") {
    const Program program = parse("mem.w.0 read 0 -> e.0 repeat 3 every 5\n"
                                  "mem.w.1 read 0 -> e.0  # another queue starts at 0\n"
                                  "chip1.mem.w.0 sync     # so does that of another chip\n"
                                  "mem.w.0 nop 4\n"
                                  "mem.w.0 read 0 -> e.0\n");
    CHECK(program.runs[0].issue == 0);
    CHECK(program.runs[1].issue == 0);
    CHECK(program.runs[2].issue == 0);
    CHECK(program.runs[3].issue == 15); // last at 10, so free at 11, then 4 cycles
}

TEST_CASE("immediates are numbers of the operand's type, or raw bits of any") {
    CHECK(immediate("fp32", "1.5f") == 0x3fc00000);
    CHECK(immediate("fp32", "0x3fc00000") == 0x3fc00000);
    CHECK(immediate("fp32", "1e-45f") == 1); // the least subnormal
    CHECK(immediate("fp16", "1.5h") == 0x3e00);
    CHECK(immediate("fp16", "-0h") == 0x8000);
    CHECK(immediate("fp16", "6e-8h") == 1);
    CHECK(immediate("fp16", "2049h") == 0x6800);  // Half way to 2050: to even, 2048.
    CHECK(immediate("fp16", "65504h") == 0x7bff); // the largest
    CHECK(immediate("fp16", "65519h") == 0x7bff); // still nearer to it than to 65536
    CHECK(immediate("int8", "-128") == -128);
    CHECK(immediate("int8", "0x80") == 128);
    CHECK(immediate("int32", "-2147483648") == -2147483647 - 1);
    CHECK(immediate("int32", "0xffffffff") == -1);
    CHECK(immediate("fp8", "0x3c") == 0x3c);
}

TEST_CASE("immediates are printed as the shortest number that reads back, else as raw bits") {
    CHECK(reprinted("fp32", "0x3f800000") == "1f");
    CHECK(reprinted("fp32", "0x3dcccccd") == "0.1f");
    CHECK(reprinted("fp32", "0x80000000") == "-0f");
    CHECK(reprinted("fp32", "0x7f800000") == "0x7f800000"); // infinity
    CHECK(reprinted("fp32", "0xffc00001") == "0xffc00001"); // a NaN
    CHECK(reprinted("fp16", "0x2e66") == "0.1h");
    CHECK(reprinted("fp16", "0x7c00") == "0x7c00");
    CHECK(reprinted("fp16", "0x13c00") == "0x13c00"); // bits beside the sixteen
    CHECK(reprinted("int8", "0x7f") == "127");
    CHECK(reprinted("int8", "0x80") == "0x80");
    CHECK(reprinted("int32", "0x80000000") == "-2147483648");
    CHECK(reprinted("fp8", "0x07") == "0x7");
}

TEST_CASE("every fp16 immediate survives printing and reading") {
    std::string text;
    for (std::int32_t bits = 0; bits < 0x10000; ++bits) {
        text += "vxm.0 pass fp16 =0x";
        for (int shift = 12; shift >= 0; shift -= 4) {
            text += "0123456789abcdef"[bits >> shift & 15];
        }
        text += '\n';
    }
    const Program program = parse(text);
    const std::string printed = to_text(program);
    CHECK(parse(printed) == program);
    // Raw are only the two infinities and the NaNs, 1023 of each sign.
    std::size_t raw = 0;
    for (std::size_t at = printed.find("=0x"); at != std::string::npos; at = printed.find("=0x", at + 1)) {
        ++raw;
    }
    CHECK(raw == 2 + 2 * 1023);
}

TEST_CASE("line ends, tabs, a byte order mark and glued arrows do not matter") {
    const Program plain = parse("@5 mem.w.0 read 1 -> e.0\n@5 vxm.3 add int8 e.0, w.0 -> e.1\n");
    CHECK(parse("@5 mem.w.0 read 1 -> e.0\r\n@5 vxm.3 add int8 e.0, w.0 -> e.1\r\n") == plain);
    CHECK(parse("\xef\xbb\xbf@5 mem.w.0 read 1 -> e.0\n@5 vxm.3 add int8 e.0, w.0 -> e.1") == plain);
    CHECK(parse("@5\tmem.w.0\tread 1->e.0  # \xc3\xa9\n\n \t\r\n@5 vxm.3 add int8 e.0,w.0->e.1") == plain);
    CHECK(parse("@5 mem.w.0 write 1<-e.0") == parse("@5 mem.w.0 write 1 <- e.0"));
    CHECK(parse("") == Program{});
    CHECK(parse("\n\n# nothing\n") == Program{});
}

TEST_CASE("a range of slices rises, and a run may end in the last cycle there is") {
    CHECK(parse("@0 mem.w.5..5 read 0 -> e.0").runs[0].slices.count == 1);
    CHECK(parse("@0 mem.w.5..7 read 0 -> e.0").runs[0].slices.count == 3);
    CHECK(parse("@9223372036854775806 mem.w.0 read 0 -> e.0").runs[0].issue == 9223372036854775806);
    CHECK_THROWS_AS((void)parse("@9223372036854775807 mem.w.0 read 0 -> e.0"), ValueError);
}

TEST_CASE("words named by let stand for queues, slices, streams and numbers below them") {
    const Program program = parse("let act = w.31\n"
                                  "let plane = mxm.w.0.activations\n"
                                  "let base = 100\n"
                                  "let again = act\n"
                                  "@4 plane activate int8 <- act\n"
                                  "@5 mem.w.0 read base -> again repeat base every 2 address base\n"
                                  "@6 vxm.0 relu int8 act -> act\n");
    CHECK(program == parse("@4 mxm.w.0.activations activate int8 <- w.31\n"
                           "@5 mem.w.0 read 100 -> w.31 repeat 100 every 2 address 100\n"
                           "@6 vxm.0 relu int8 w.31 -> w.31\n"));
}

TEST_CASE("an instruction alone names its lane map if it is told the maps") {
    const Program program = parse("map swap 1 0\n@0 sxm.w.0 permute swap e.0 -> e.1");
    CHECK(instruction_text(program.runs[0].instruction, program.maps) == "permute swap e.0 -> e.1");
    CHECK(instruction_text(program.runs[0].instruction, {}) == "permute 0 e.0 -> e.1");
}

TEST_CASE("a lane map that no text can spell is valid on no chip, used or not") {
    for (const std::int16_t lane : std::initializer_list<std::int16_t>{-1, 0, 400}) {
        const Program program{{}, {}, {{"m", {lane}}}};
        CHECK_NOTHROW(validate(program, ChipSpec{}));
        CHECK(parse(to_text(program)) == program);
    }
    CHECK_THROWS_AS(validate(Program{{}, {}, {{"m", {-2}}}}, ChipSpec{}), ValueError);
    CHECK_THROWS_AS(validate(Program{{}, {}, {{"m", {}}, {"m", {}}}}, ChipSpec{}), ValueError);
    CHECK_THROWS_AS(validate(Program{{}, {}, {{"a b", {}}}}, ChipSpec{}), ValueError);
}
