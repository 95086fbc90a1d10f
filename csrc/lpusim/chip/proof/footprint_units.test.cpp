#include "lpusim/chip/proof/footprint.h"
#include "lpusim/chip/proof/rule_test.h"
#include "lpusim/chip/proof/verify.h"

/// What a program leaves busy keeps the next one away, and no longer.
namespace lpusim::chip {
namespace {

/// A value that mem.w.3 reads at t is at the MXM at t + 3, one of mem.w.2 at t + 4.
ChipSpec mxm_spec() {
    ChipSpec spec = small_spec();
    spec.mem_read_latency_cycles = 1;
    return spec;
}

std::string message_at(const Program& before, const Program& next, std::int64_t offset,
                       const ChipSpec& spec) {
    const PlacedProgram placed[] = {{&before, 0}, {&next, offset}};
    return verify(flatten(placed), spec).message;
}

std::int64_t offset_of(const Program& before, const Program& next, const ChipSpec& spec) {
    return least_offset(footprint(before, spec), footprint(next, spec));
}

/// Weights of planes 1 and 0 are active from cycles 5 and 6 on; fp16 enters both in cycle 6 + `late`.
Program fp16_product(std::int64_t late) {
    const auto cycle = [&](std::int64_t base) { return "@" + std::to_string(base + late); };
    return program_of("@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.1.weights load 0 <- w.0 streams 1\n"
                      "@4 mxm.w.1.weights install\n"
                      "@1 mem.w.3 read 1 -> w.0\n@4 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                      "@5 mxm.w.0.weights install\n" +
                      cycle(3) + " mem.w.3 read 2 -> w.2\n" + cycle(2) + " mem.w.2 read 2 -> w.3\n" +
                      cycle(6) + " mxm.w.0.activations activate fp16 <- w.2\n");
}

/// New weights of plane 1, from another slice and on another stream, are active from cycle 7 on.
const std::string kOtherWeights = "@0 mem.w.0 read 8 -> w.4\n@5 mxm.w.1.weights load 0 <- w.4 streams 1\n"
                                  "@6 mxm.w.1.weights install\n";

Program plain(std::int64_t issue, VxmOp op) {
    return program_of("", {{{Unit::Vxm, Hemisphere::West, 0, 0},
                            issue,
                            VxmCompute{op, DType::Fp32, DType::Fp32, VxmImmediate{0}, {}, std::nullopt},
                            {},
                            {}}});
}

} // namespace

TEST_CASE("what follows an fp16 product waits until both planes are free") {
    const ChipSpec spec = mxm_spec();
    const Program before = fp16_product(0); // Both planes are busy in cycles 6 and 7.
    const Program int8 =
        program_of(kOtherWeights + "@2 mem.w.1 read 8 -> w.5\n@7 mxm.w.1.activations activate int8 <- w.5\n");
    CHECK(offset_of(before, int8, spec) == 1);
    CHECK(message_at(before, int8, 0, spec).find("multiplies on an MXM plane that") != std::string::npos);
    CHECK(message_at(before, int8, 1, spec).empty());
}

TEST_CASE("the second plane of a pair keeps its weights until fp16 has entered") {
    const ChipSpec spec = mxm_spec();
    const Program next = program_of(kOtherWeights);
    CHECK(offset_of(fp16_product(0), next, spec) == 0); // Entered in cycle 6, other weights from 7 on.
    CHECK(offset_of(fp16_product(3), next, spec) == 3);
}

TEST_CASE("a function's result keeps its ALU from a plain operation that would catch up, and no longer") {
    const ChipSpec spec = small_spec();
    // Exp in cycle 3 has its result in cycle 7; neg in cycle 3 + offset has its own one cycle later.
    const Program exp = plain(3, VxmOp::Exp), neg = plain(3, VxmOp::Neg);
    CHECK(offset_of(exp, neg, spec) == 4);
    CHECK(message_at(exp, neg, 4, spec).empty());
    CHECK(message_at(exp, neg, 3, spec).find("has its result in the same cycle") != std::string::npos);
    CHECK(offset_of(neg, exp, spec) == 1);
}

TEST_CASE("a flat program keeps the lane maps of all, whatever their names") {
    const ChipSpec spec = small_spec();
    const auto moving = [](std::int64_t read, std::int64_t written, std::vector<std::int16_t> lanes) {
        Program program =
            program_of("@0 mem.w.3 read " + std::to_string(read) + " -> w.0\n@6 mem.w.3 write " +
                           std::to_string(written) + " <- e.0",
                       {{{Unit::Sxm, Hemisphere::West, 0, 0},
                         3,
                         SxmMove{SxmOp::Distribute, 0, {Direction::West, 0}, {}, {Direction::East, 0}},
                         {},
                         {}}});
        program.maps = {{"turn", std::move(lanes)}};
        return program;
    };
    const Program first = moving(0, 9, {3, 2, 1, 0}), second = moving(1, 10, {0, 0, 2, 2});
    const PlacedProgram placed[] = {{&first, 0}, {&second, 20}};
    const Program flat = flatten(placed);
    REQUIRE(flat.maps.size() == 2);
    CHECK(flat.maps[0].name != flat.maps[1].name);
    Memory memory(spec);
    put(memory, 3, 0, {1, 2, 3, 4, 5, 6, 7, 8});
    put(memory, 3, 1, {1, 2, 3, 4, 5, 6, 7, 8});
    const Run run = run_both(flat, spec, memory);
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, 3, 9) == Bytes{4, 3, 2, 1, 8, 7, 6, 5});
    CHECK(vector_at(run.memory, 3, 10) == Bytes{1, 1, 3, 3, 5, 5, 7, 7});
}

} // namespace lpusim::chip
