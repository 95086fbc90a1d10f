#include "lpusim/chip/kernels/kernel_schedule.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <numeric>

#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/tensor.h"
#include "lpusim/chip/tick/tick.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

/// Two superlanes of four lanes; the VXM at x = 6, ten slices a side two or three to a hop.
ChipSpec small_spec() {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.streams_per_direction = 8;
    spec.positions = 13;
    spec.mem_slices_per_hemisphere = 10;
    spec.mem_words_per_slice = 16;
    spec.mxm_load_streams = 4;
    return spec;
}

/// Runs in both engines and returns the int32 tensor "out".
std::vector<std::int32_t> outcome(const Program& program, const ChipSpec& spec,
                                  const std::vector<std::int32_t>& in) {
    const Tensor& input = find_tensor(program, "in");
    const Tensor& output = find_tensor(program, "out");
    Memory memory(spec);
    store_tensor(input, spec, memory, reinterpret_cast<const std::uint8_t*>(in.data()),
                 4 * input.rows * input.columns);
    const Run ticked = tick(program, spec, memory, true);
    const Run folded = fold(program, spec, std::move(memory), true);
    if (ticked.error) {
        FAIL(describe(*ticked.error, program, spec));
    }
    REQUIRE(!folded.error);
    CHECK(ticked.cycles == program_cycles(program, spec));
    CHECK(folded.cycles == ticked.cycles);
    CHECK(folded.memory == ticked.memory);
    std::vector<std::int32_t> out(static_cast<std::size_t>(output.rows * output.columns));
    fetch_tensor(output, spec, ticked.memory, reinterpret_cast<std::uint8_t*>(out.data()),
                 4 * output.rows * output.columns);
    return out;
}

std::vector<std::int32_t> counting(std::int64_t count) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), 1);
    return values;
}

} // namespace

TEST_CASE("a read, an operation and a write take their latencies and the hops between") {
    const ChipSpec spec = small_spec();
    KernelSchedule schedule(spec);
    const auto in = schedule.tensor({"in", Tensor::Role::Input, DType::Int32, 5, 8, false, 8, {}});
    const auto out = schedule.tensor({"out", Tensor::Role::Output, DType::Int32, 5, 8, false, 8, {}});
    const auto source = schedule.block(in, 0, 0, {{5, 1, 0}});
    const auto target = schedule.block(out, 0, 0, {{5, 1, 0}});
    const Flow x = schedule.read(source, vxm_position(spec), 100, {{5, 1, 1}});
    schedule.write(target, schedule.vxm(VxmOp::Add, {x, VxmImmediate{7}}));
    const Program program = schedule.finish();
    // Slices w.0 to w.3 are 1, 1, 1, 2 hops from the VXM, so w.3 issues first; read 2, add 1, then 2 hops to
    // e.3, whose write takes 1: the fifth vector is in SRAM at 2 + 2 + 1 + 2 + 1 + 4 = 12, on superlane 1 one
    // cycle later.
    CHECK(program_cycles(program, spec) == 12 + 2);
    auto expected = counting(40);
    std::ranges::for_each(expected, [](std::int32_t& value) { value += 7; });
    CHECK(outcome(program, spec, counting(40)) == expected);
}

TEST_CASE("a block longer than a slice goes on in the next slices") {
    const ChipSpec spec = small_spec();
    KernelSchedule schedule(spec);
    const auto in = schedule.tensor({"in", Tensor::Role::Input, DType::Int32, 7, 24, false, 8, {}});
    const auto out = schedule.tensor({"out", Tensor::Role::Output, DType::Int32, 7, 24, false, 8, {}});
    const std::vector<TensorLoop> loops{{7, 1, 0}, {3, 0, 8}}; // 5 rows of 3 vectors in 16 words, then 2
    const Flow x =
        schedule.read(schedule.block(in, 0, 0, loops), vxm_position(spec), 0, {{7, 4, 3}, {3, 1, 1}});
    schedule.write(schedule.block(out, 0, 0, loops), schedule.vxm(VxmOp::Sub, {VxmImmediate{0}, x}));
    const Program program = schedule.finish();
    CHECK(program.runs.size() == 2 + 1 + 2);
    CHECK(program.tensors[0].pieces.size() == 2);
    auto expected = counting(168);
    std::ranges::for_each(expected, [](std::int32_t& value) { value = -value; });
    CHECK(outcome(program, spec, counting(168)) == expected);
}

TEST_CASE("a row is folded on one ALU, whatever its latency, and its result can be held") {
    for (const std::int64_t latency : {1, 3}) {
        CAPTURE(latency);
        ChipSpec spec = small_spec();
        spec.vxm_alu_latency_cycles = latency;
        KernelSchedule schedule(spec);
        const auto in = schedule.tensor({"in", Tensor::Role::Input, DType::Int32, 1, 32, false, 8, {}});
        const auto out = schedule.tensor({"out", Tensor::Role::Output, DType::Int32, 1, 24, false, 8, {}});
        const Flow x =
            schedule.read(schedule.block(in, 0, 0, {{4, 0, 8}}), vxm_position(spec), 0, {{4, latency, 1}});
        const Flow sum = schedule.fold_innermost(VxmOp::Sub, x);
        CHECK(sum.levels.empty());
        schedule.write(schedule.block(out, 0, 0, {{3, 0, 8}}), schedule.hold(sum, 3));
        std::vector<std::int32_t> expected(24);
        for (std::int32_t i = 0; i < 24; ++i) { // x[l] - x[l + 8] - x[l + 16] - x[l + 24]
            expected[static_cast<std::size_t>(i)] = -2 * (i % 8 + 1) - 48;
        }
        CHECK(outcome(schedule.finish(), spec, counting(32)) == expected);
    }
}

TEST_CASE("a tensor needed twice in a cycle is stored twice; a result is chained to another ALU") {
    const ChipSpec spec = small_spec();
    KernelSchedule schedule(spec);
    const auto in = schedule.tensor({"in", Tensor::Role::Input, DType::Int32, 6, 8, false, 8, {}});
    const auto out = schedule.tensor({"out", Tensor::Role::Output, DType::Int32, 6, 8, false, 8, {}});
    const auto source = schedule.block(in, 0, 0, {{6, 1, 0}});
    const Flow x = schedule.read(source, vxm_position(spec), 0, {{6, 1, 1}});
    const Flow square = schedule.vxm(VxmOp::Mul, {x, x});
    const Flow again = schedule.read(source, vxm_position(spec), square.cycle, {{6, 1, 1}});
    schedule.write(schedule.block(out, 0, 0, {{6, 1, 0}}), schedule.vxm(VxmOp::Add, {square, again}));
    const Program program = schedule.finish();
    CHECK(program.tensors[0].pieces.size() == 2);
    auto expected = counting(48);
    std::ranges::for_each(expected, [](std::int32_t& value) { value += value * value; });
    CHECK(outcome(program, spec, counting(48)) == expected);
}

TEST_CASE("what the chip lacks is named") {
    ChipSpec spec = small_spec();
    spec.vxm_alus = 1;
    KernelSchedule schedule(spec);
    const auto in = schedule.tensor({"in", Tensor::Role::Input, DType::Int32, 6, 8, false, 8, {}});
    const auto source = schedule.block(in, 0, 0, {{6, 1, 0}});
    const Flow x = schedule.read(source, vxm_position(spec), 0, {{6, 1, 1}});
    const Flow y = schedule.vxm(VxmOp::Neg, {x});
    CHECK_THROWS_WITH_AS((void)schedule.vxm(VxmOp::Neg, {y}), "none of the 1 ALUs is free from cycle 1 on",
                         NoRoom);
    const auto wide = schedule.block(in, 0, 0, {{6, 1, 0}}, {7, 0, 0});
    CHECK_THROWS_WITH_AS((void)schedule.read(wide, vxm_position(spec), 0, {{6, 1, 1}}),
                         "in needs 28 SRAM slices side by side; a hemisphere has 10 left", CapacityError);
}
