#include "lpusim/base/errors.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/proof/rule_test.h"

/// What an instruction keeps for several cycles, results that meet, and what floating-point products and sums
/// give. The weights of planes 0 and 1 of the west are active from cycles 5 and 6 on.
namespace lpusim::chip {
namespace {

/// A value that mem.w.3 reads at t is at the MXM at t + 3, one of mem.w.2 at t + 4.
ChipSpec mxm_spec() {
    ChipSpec spec = small_spec();
    spec.mem_read_latency_cycles = 1;
    return spec;
}

const std::string kWeights = "@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                             "@4 mxm.w.0.weights install\n"
                             "@1 mem.w.3 read 1 -> w.0\n@4 mxm.w.1.weights load 0 <- w.0 streams 1\n"
                             "@5 mxm.w.1.weights install\n";

/// Both bytes of activations at the MXM in cycles 5 to 16, low on w.2, high on w.3.
const std::string kActivations = "@2 mem.w.3 read 2 -> w.2 repeat 12 every 1\n"
                                 "@1 mem.w.2 read 2 -> w.3 repeat 12 every 1\n";

InstructionRun activate(std::int64_t plane, std::int64_t issue, DType dtype, std::vector<Level> repeat = {},
                        std::int64_t roundings = 1) {
    return {{Unit::MxmActivations, Hemisphere::West, plane, 0},
            issue,
            MxmActivate{dtype, {Direction::West, 2}, roundings},
            std::move(repeat),
            {}};
}

InstructionRun accumulate(std::int64_t issue, DType dtype, bool start = true,
                          std::optional<StreamRef> to = std::nullopt) {
    return {
        {Unit::MxmAccumulators, Hemisphere::West, 0, 0}, issue, MxmAccumulate{0, start, to, dtype}, {}, {}};
}

std::string error_with(const std::vector<InstructionRun>& more) {
    return error_of(program_of(kWeights + kActivations, more), mxm_spec());
}

InstructionRun vxm(std::int64_t alu, std::int64_t issue, VxmOp op,
                   std::optional<StreamRef> to = std::nullopt) {
    return {{Unit::Vxm, Hemisphere::West, alu, 0},
            issue,
            VxmCompute{op, DType::Fp32, DType::Fp32, VxmImmediate{0}, {}, to},
            {},
            {}};
}

} // namespace

TEST_CASE("an fp16 activation needs active weights on both planes") {
    CHECK(error_with({activate(0, 5, DType::Fp16)}) == "weights@5");
    CHECK(error_with({activate(0, 5, DType::Int8)}) == "");
    CHECK(error_with({activate(0, 6, DType::Fp16)}) == "");
    CHECK(error_with({activate(1, 5, DType::Fp8)}) == "weights@5");
}

TEST_CASE("a pair of planes takes an fp16 vector every two cycles, not every one") {
    CHECK(error_with({activate(0, 6, DType::Fp16, {{4, 2, 0, 0}})}) == "");
    CHECK(error_with({activate(0, 6, DType::Fp16, {{4, 1, 0, 0}})}) == "held@7");
    CHECK(error_with({activate(0, 6, DType::Fp16), activate(0, 7, DType::Fp16)}) == "held@7");
    CHECK(error_with({activate(0, 6, DType::Fp16), activate(0, 8, DType::Fp16)}) == "");
    ChipSpec slow = mxm_spec();
    slow.mxm_fp16_cycles = 3;
    const auto every = [&](std::int64_t cycles) {
        return error_of(
            program_of(kWeights + kActivations, {activate(0, 6, DType::Fp16, {{3, cycles, 0, 0}})}), slow);
    };
    CHECK(every(2) == "held@8");
    CHECK(every(3) == "");
}

TEST_CASE("the step between two inner repeats must leave a pair of planes its cycles, too") {
    // Instances in cycles 6 and 8, then 6 + 3 = 9 or 6 + 4 = 10 and two later.
    CHECK(error_with({activate(0, 6, DType::Fp16, {{2, 4, 0, 0}, {2, 2, 0, 0}})}) == "");
    CHECK(error_with({activate(0, 6, DType::Fp16, {{2, 3, 0, 0}, {2, 2, 0, 0}})}) == "held@9");
    const Program program =
        program_of(kWeights + kActivations, {activate(0, 6, DType::Fp16, {{2, 3, 0, 0}, {2, 2, 0, 0}})});
    const Run run = run_both(program, mxm_spec());
    REQUIRE(run.error);
    CHECK(run.error->repeat == 2);
    CHECK(run.error->other_repeat == 1);
    CHECK(describe(*run.error, program, mxm_spec()) ==
          "cycle 9: run 8 on mxm.w.0.activations (activate fp16 <- w.2; repeat 1, 0) multiplies on an MXM "
          "plane "
          "that run 8 on mxm.w.0.activations (activate fp16 <- w.2; repeat 0, 1) has until cycle 9");
}

TEST_CASE("fp16 keeps the second plane of its pair from int8 for as long, and is kept from it") {
    CHECK(error_with({activate(0, 7, DType::Fp16), activate(1, 6, DType::Int8)}) == "");
    CHECK(error_with({activate(0, 7, DType::Fp16), activate(1, 7, DType::Int8)}) == "held@7");
    CHECK(error_with({activate(0, 7, DType::Fp16), activate(1, 8, DType::Int8)}) == "held@8");
    CHECK(error_with({activate(0, 7, DType::Fp16), activate(1, 9, DType::Int8)}) == "");
    CHECK(error_with({activate(0, 7, DType::Fp16), activate(0, 8, DType::Int8)}) == "held@8");
    CHECK(error_with({activate(0, 7, DType::Fp16), activate(0, 9, DType::Int8)}) == "");
}

TEST_CASE("of two that begin in one cycle the greater queue is named, else the later one") {
    // Runs 8 and 9. The queue of plane 1 comes after that of plane 0.
    const Run together = run_both(
        program_of(kWeights + kActivations, {activate(1, 7, DType::Int8), activate(0, 7, DType::Fp16)}),
        mxm_spec());
    REQUIRE(together.error);
    CHECK(together.error->run == 8);
    CHECK(together.error->queue.index == 1);
    CHECK(together.error->other_run == 9);
    const Run later = run_both(
        program_of(kWeights + kActivations,
                   {activate(1, 8, DType::Int8), activate(0, 7, DType::Fp16), activate(0, 8, DType::Int8)}),
        mxm_spec());
    REQUIRE(later.error);
    CHECK(later.error->tau == 8);
    CHECK(later.error->run == 10); // Both int8 are too early; plane 0 is the lesser queue.
    CHECK(later.error->other_run == 9);
}

TEST_CASE("column sums of fp16 come from the first plane, a cycle later than those of int8") {
    const auto sums_at = [](std::int64_t tau) {
        return error_with({activate(0, 6, DType::Fp16), accumulate(tau, DType::Fp32)});
    };
    CHECK(sums_at(9) == "gone@9");
    CHECK(sums_at(10) == "");
    CHECK(sums_at(11) == "gone@11");
    InstructionRun second = accumulate(10, DType::Fp32);
    second.queue.index = 1;
    CHECK(error_with({activate(0, 6, DType::Fp16), second}) == "gone@10");
    CHECK(error_with({activate(0, 6, DType::Fp8), accumulate(9, DType::Fp32)}) == "");
}

TEST_CASE("a unit that is kept for several cycles allows one repeat less") {
    std::vector<Level> repeat(8, Level{2, 1, 0, 0});
    for (std::size_t level = 8; level-- > 0;)
        repeat[level].cycles = level == 7 ? 2 : 2 * repeat[level + 1].cycles;
    CHECK_THROWS_AS(validate(program_of("", {activate(0, 6, DType::Fp16, repeat)}), mxm_spec()), ValueError);
    CHECK_NOTHROW(validate(program_of("", {activate(0, 6, DType::Int8, repeat)}), mxm_spec()));
    repeat.pop_back();
    CHECK_NOTHROW(validate(program_of("", {activate(0, 6, DType::Fp16, repeat)}), mxm_spec()));
}

TEST_CASE("rule 14: a function takes four cycles, and two results of one ALU may not meet") {
    const ChipSpec spec = small_spec();
    const auto error = [&](const std::vector<InstructionRun>& runs) {
        return error_of(program_of("", runs), spec);
    };
    CHECK(error({vxm(0, 3, VxmOp::Exp), vxm(0, 5, VxmOp::Neg)}) == "");
    CHECK(error({vxm(0, 3, VxmOp::Exp), vxm(0, 6, VxmOp::Neg)}) == "result@7");
    CHECK(error({vxm(0, 3, VxmOp::Exp), vxm(0, 7, VxmOp::Neg)}) == "");
    CHECK(error({vxm(0, 3, VxmOp::Exp), vxm(1, 6, VxmOp::Neg)}) == "");
    CHECK(error({vxm(0, 3, VxmOp::Exp), vxm(0, 4, VxmOp::Exp)}) == "");
    // Both driven on one stream: that error comes first.
    const StreamRef to{Direction::East, 0};
    CHECK(error({vxm(0, 3, VxmOp::Exp, to), vxm(0, 6, VxmOp::Neg, to)}) == "collision@7");
    const Program program = program_of("", {vxm(0, 6, VxmOp::Neg), vxm(0, 3, VxmOp::Exp)});
    const Run run = run_both(program, spec);
    REQUIRE(run.error);
    CHECK(run.error->run == 1); // The later run of the program.
    CHECK(run.error->other_run == 0);
    const std::string line = describe(*run.error, program, spec);
    CHECK(line.find("has its result in the same cycle as run 0 on vxm.0 (neg fp32") != std::string::npos);
    CHECK(line.find("an ALU has one result a cycle") != std::string::npos);
}

TEST_CASE("rule 14: a chained function is there after four cycles, then gone") {
    const auto chained_at = [](std::int64_t tau) {
        InstructionRun consumer = vxm(1, tau, VxmOp::Neg);
        std::get<VxmCompute>(consumer.instruction).a = VxmChain{0};
        return error_of(program_of("", {vxm(0, 3, VxmOp::Tanh), consumer}), small_spec());
    };
    CHECK(chained_at(6) == "gone@6");
    CHECK(chained_at(7) == "");
    CHECK(chained_at(8) == "gone@8");
}

TEST_CASE("a select takes three operands in the cycle of its issue") {
    const ChipSpec spec = small_spec();
    Memory memory(spec);
    put(memory, 0, 0, {1, 2, 3, 4, 5, 6, 7, 8});
    put(memory, 1, 0, {11, 12, 13, 14, 15, 16, 17, 18});
    put(memory, 4, 0, {0, 1, 0, 2, 0, 0, 0, 255});
    // Slices 0 and 1 of the west and 0 of the east are one hop from the VXM: there in cycle 3.
    const std::string reads = "@0 mem.w.0 read 0 -> e.0\n@0 mem.w.1 read 0 -> e.1\n";
    const InstructionRun select{{Unit::Vxm, Hemisphere::West, 0, 0},
                                3,
                                VxmCompute{VxmOp::Select, DType::Int8, DType::Int8,
                                           VxmStream{{Direction::East, 0}}, VxmStream{{Direction::East, 1}},
                                           StreamRef{Direction::West, 4}, VxmStream{{Direction::West, 0}}},
                                {},
                                {}};
    CHECK(error_of(program_of(reads, {select}), spec) == "empty@3");
    const Run run = run_both(
        program_of(reads + "@0 mem.e.0 read 0 -> w.0\n@5 mem.w.0 write 9 <- w.4", {select}), spec, memory);
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, 0, 9) == Bytes{11, 2, 13, 4, 15, 16, 17, 8});
}

namespace {

/// Little-endian bytes of one number a lane, in the four slices that `driven` writes.
std::uint32_t word_at(const Memory& memory, std::int64_t lane) {
    std::uint32_t word = 0;
    for (std::int64_t byte = 0; byte < 4; ++byte)
        word |= std::uint32_t{memory.read(4 + byte, 9)[lane]} << (8 * byte);
    return word;
}

/// Column 0 of what the accumulator drives in cycle `tau`, from x = 0 eastward on e.0 to e.3.
std::uint32_t driven_word(const ChipSpec& spec, const Memory& memory, std::vector<InstructionRun> runs,
                          std::int64_t tau) {
    std::string writes;
    for (std::int64_t byte = 0; byte < 4; ++byte) {
        const std::int64_t distance = mem_position(spec, Hemisphere::East, byte);
        writes += "@" + std::to_string(tau + distance) + " mem.e." + std::to_string(byte) + " write 9 <- e." +
                  std::to_string(byte) + "\n";
    }
    const Run run = run_both(program_of(kWeights + kActivations + writes, runs), spec, memory);
    REQUIRE(!run.error);
    return word_at(run.memory, 0);
}

constexpr StreamRef kOut{Direction::East, 0};

/// Fp16 weights of column 0 and activations: bytes of lanes in the low and high slices and planes.
Memory fp16_memory(const ChipSpec& spec, const std::vector<std::uint16_t>& weights,
                   const std::vector<std::uint16_t>& activations) {
    Memory memory(spec);
    Bytes bytes[4];
    for (std::size_t lane = 0; lane < 8; ++lane) {
        bytes[0].push_back(static_cast<std::uint8_t>(weights[lane] & 0xffU));
        bytes[1].push_back(static_cast<std::uint8_t>(weights[lane] >> 8U));
        bytes[2].push_back(static_cast<std::uint8_t>(activations[lane] & 0xffU));
        bytes[3].push_back(static_cast<std::uint8_t>(activations[lane] >> 8U));
    }
    put(memory, 3, 0, bytes[0]);
    put(memory, 3, 1, bytes[1]);
    put(memory, 3, 2, bytes[2]);
    put(memory, 2, 2, bytes[3]);
    return memory;
}

constexpr std::uint16_t kOne = 0x3c00, kOneAndAHalf = 0x3e00, k4096 = 0x6c00;

} // namespace

TEST_CASE("an fp16 product takes the low bytes of its weights from the first plane, the high ones from the "
          "second") {
    const ChipSpec spec = mxm_spec();
    const Memory memory =
        fp16_memory(spec, std::vector<std::uint16_t>(8, kOne), std::vector<std::uint16_t>(8, kOneAndAHalf));
    const std::uint32_t word =
        driven_word(spec, memory, {activate(0, 6, DType::Fp16), accumulate(10, DType::Fp32, true, kOut)}, 11);
    CHECK(word == 0x41400000); // 8 * 1.5 = 12
}

TEST_CASE("with two roundings each half of the lanes is rounded, then the halves are added") {
    const ChipSpec spec = mxm_spec();
    // 2^24 + 1 in the first half, which is a tie and rounds to 2^24; 1 in the second.
    const Memory memory =
        fp16_memory(spec, {k4096, kOne, 0, 0, kOne, 0, 0, 0}, {k4096, kOne, 0, 0, kOne, 0, 0, 0});
    const auto sum = [&](std::int64_t roundings) {
        return driven_word(
            spec, memory,
            {activate(0, 6, DType::Fp16, {}, roundings), accumulate(10, DType::Fp32, true, kOut)}, 11);
    };
    CHECK(sum(1) == 0x4b800001); // 16,777,218
    CHECK(sum(2) == 0x4b800000); // 16,777,216
}

TEST_CASE("fp32 accumulation rounds at each step; a chip that accumulates wide rounds once") {
    ChipSpec spec = mxm_spec();
    // Each pass sums to 2^24 + 1, which fp32 rounds to 2^24.
    const Memory memory = fp16_memory(spec, {k4096, kOne, 0, 0, 0, 0, 0, 0}, {k4096, kOne, 0, 0, 0, 0, 0, 0});
    const auto after = [&](std::int64_t passes) {
        std::vector<InstructionRun> runs{activate(0, 6, DType::Fp16, {{passes, 2, 0, 0}})};
        for (std::int64_t pass = 0; pass < passes; ++pass) {
            runs.push_back(accumulate(10 + 2 * pass, DType::Fp32, pass == 0,
                                      pass + 1 == passes ? std::optional(kOut) : std::nullopt));
        }
        return driven_word(spec, memory, runs, 9 + 2 * passes);
    };
    CHECK(after(1) == 0x4b800000); // 2^24 + 1 -> 2^24
    CHECK(after(3) == 0x4c400000); // 3 * 2^24
    spec.mxm_wide_accumulate = 1;
    CHECK(after(1) == 0x4b800000);
    CHECK(after(3) == 0x4c400001); // 3 * 2^24 + 3: nearest is 3 * 2^24 + 4
}

TEST_CASE("only bits travel from a plane to its accumulators: the accumulation gives them their type") {
    const ChipSpec spec = mxm_spec();
    const Memory memory =
        fp16_memory(spec, std::vector<std::uint16_t>(8, kOne), std::vector<std::uint16_t>(8, kOneAndAHalf));
    const auto twice = [&](DType dtype) {
        return driven_word(spec, memory,
                           {activate(0, 6, DType::Fp16, {{2, 2, 0, 0}}), accumulate(10, dtype, true),
                            accumulate(12, dtype, false, kOut)},
                           13);
    };
    CHECK(twice(DType::Fp32) == 0x41c00000);  // 24
    CHECK(twice(DType::Int32) == 0x82800000); // twice the bits of 12
}

TEST_CASE("fp8 products are exact and rounded once") {
    const ChipSpec spec = mxm_spec();
    Memory memory(spec);
    put(memory, 3, 0, Bytes(8, 0x38));                                   // 1
    put(memory, 3, 2, {0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x41}); // 2 seven times, 2.25
    const std::uint32_t word =
        driven_word(spec, memory, {activate(0, 6, DType::Fp8), accumulate(9, DType::Fp32, true, kOut)}, 10);
    CHECK(word == 0x41820000); // 16.25
}

TEST_CASE("a chip that accumulates wide leaves int8 as it is, and rounds what words are added to") {
    ChipSpec spec = mxm_spec();
    spec.mxm_wide_accumulate = 1;
    const Memory memory =
        fp16_memory(spec, std::vector<std::uint16_t>(8, kOne), std::vector<std::uint16_t>(8, kOneAndAHalf));
    // Low bytes of all numbers are 0: int8 sums are 0, which is also +0.0 in fp32.
    CHECK(driven_word(spec, memory,
                      {activate(0, 6, DType::Fp16), activate(0, 8, DType::Int8),
                       accumulate(10, DType::Fp32, true), accumulate(11, DType::Fp32, false, kOut)},
                      12) == 0x41400000);
    CHECK(driven_word(spec, memory,
                      {activate(0, 6, DType::Int8), activate(0, 7, DType::Fp16),
                       accumulate(9, DType::Int32, true), accumulate(11, DType::Int32, false, kOut)},
                      12) == 0x41400000);
}

TEST_CASE("an instruction fetch takes two vectors, in its cycle and the next") {
    const ChipSpec spec = small_spec();
    const InstructionRun fetch{{Unit::Mem, Hemisphere::West, 2, 0}, 3, Ifetch{{Direction::East, 0}}, {}, {}};
    CHECK(error_of(program_of("@0 mem.w.3 read 0 -> e.0 repeat 2 every 1", {fetch}), spec) == "");
    CHECK(error_of(program_of("@0 mem.w.3 read 0 -> e.0", {fetch}), spec) == "empty@4");
    CHECK(error_of(program_of("@1 mem.w.3 read 0 -> e.0", {fetch}), spec) == "empty@3");
    CHECK(run_both(program_of("@0 mem.w.3 read 0 -> e.0 repeat 2 every 1", {fetch}), spec).cycles == 4 + 2);
}

TEST_CASE("a config takes its queue for a cycle and changes nothing else") {
    const ChipSpec spec = small_spec();
    const InstructionRun config{{Unit::Mem, Hemisphere::West, 3, 0}, 1, Config{1}, {}, {}};
    Memory memory(spec);
    put(memory, 3, 0, Bytes(8, 5));
    const Run run =
        run_both(program_of("@2 mem.w.3 read 0 -> e.0\n@5 mem.w.2 write 9 <- e.0", {config}), spec, memory);
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, 2, 9) == Bytes(8, 5)); // All lanes, not those of one superlane.
    CHECK(error_of(program_of("@1 mem.w.3 read 0 -> e.0", {config}), spec) == "busy@1");
}

} // namespace lpusim::chip
