#include <algorithm>
#include <bit>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/matmul_runs.h"

namespace lpusim::chip {

namespace {

/// Where and when things happen in a chain; the planner and the builder read the same clock.
///
/// Slices of a hemisphere, from the VXM outward: two buffers for activations, used in turn, each with one
/// slice for each taker of the chip (result tile t lies in slice t % turns); weights next to the MXM.
class ChainClock {
  public:
    ChainClock(const ChipSpec& spec, const GemvChainPlan& plan) : spec_(spec), plan_(plan) {}

    [[nodiscard]] std::int64_t turns() const { return 2 * plan_.takers; }
    [[nodiscard]] std::int64_t buffer_slice(std::size_t layer, std::int64_t turn) const {
        return static_cast<std::int64_t>(layer % 2) * turns() + turn;
    }
    [[nodiscard]] std::int64_t weight_slice(std::int64_t taker) const {
        return spec_.mem_slices_per_hemisphere - (plan_.takers - taker) * plan_.load_streams;
    }
    [[nodiscard]] const GemvChainLayer& layer(std::size_t index) const { return plan_.layers[index]; }

    /// Result tiles of a turn.
    [[nodiscard]] std::int64_t rounds(std::size_t index, std::int64_t turn) const {
        const std::int64_t behind = layer(index).tiles - turn;
        return behind <= 0 ? 0 : div_ceil(behind, turns());
    }

    [[nodiscard]] std::int64_t first_load(std::size_t index) const {
        return first_install(index) - layer(index).pass_cycles +
               std::max<std::int64_t>(spec_.mxm_install_latency_cycles, 1);
    }
    [[nodiscard]] std::int64_t first_install(std::size_t index) const {
        return layer(index).first_active - spec_.mxm_install_latency_cycles;
    }
    /// The last cycle before the next weights are active: the only one in which no weights arrive.
    [[nodiscard]] std::int64_t first_activation(std::size_t index) const {
        return layer(index).first_active + layer(index).pass_cycles - 1;
    }
    [[nodiscard]] std::int64_t round_cycles(std::size_t index) const {
        return layer(index).steps * layer(index).pass_cycles;
    }
    /// The sums of round 0 leave the MXM.
    [[nodiscard]] std::int64_t first_result(std::size_t index) const {
        return first_activation(index) + (layer(index).steps - 1) * layer(index).pass_cycles +
               spec_.mxm_activate_latency_cycles + spec_.mxm_accumulate_latency_cycles;
    }
    [[nodiscard]] std::int64_t first_scale(std::size_t index) const {
        return first_result(index) + vxm_hops(spec_);
    }
    /// The write instruction of round 0; the west gets a copy that another ALU passes on.
    [[nodiscard]] std::int64_t first_write(std::size_t index, Hemisphere hemisphere,
                                           std::int64_t turn) const {
        const std::int64_t alus = hemisphere == Hemisphere::West ? 2 : 1;
        return first_scale(index) + alus * spec_.vxm_alu_latency_cycles +
               mem_distance(spec_, buffer_slice(index + 1, turn));
    }
    /// The SRAM access that reads the operand of pass 0, if that lay in `slice`.
    [[nodiscard]] std::int64_t first_read(std::size_t index, std::int64_t slice) const {
        return first_activation(index) - mxm_hops(spec_, slice) - spec_.mem_read_latency_cycles;
    }

    /// The first cycle of the program.
    [[nodiscard]] std::int64_t start() const {
        return std::min(first_load(0) - mxm_hops(spec_, weight_slice(0)) - spec_.mem_read_latency_cycles,
                        first_read(0, buffer_slice(0, 0)));
    }

    /// May layer `index` start where it does, given the layer before? It needs its operands, and a slice
    /// cannot read and write at once.
    [[nodiscard]] bool follows(std::size_t index) const {
        return activations_arrive_alone(index) && operands_are_there(index);
    }

  private:
    /// The last activation of the layer before must not meet the first weights of this one.
    [[nodiscard]] bool activations_arrive_alone(std::size_t index) const {
        const GemvChainLayer& before = layer(index - 1);
        const std::int64_t last = first_activation(index - 1) + (before.passes - 1) * before.pass_cycles;
        const std::int64_t loads = div_ceil(layer(index).tile_columns, plan_.load_streams);
        return last < first_load(index) || last >= first_load(index) + loads;
    }

    [[nodiscard]] bool operands_are_there(std::size_t index) const {
        for (std::int64_t turn = 0; turn < std::min(turns(), layer(index).steps); ++turn) {
            for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East}) {
                if (!operands_are_there(index, turn, hemisphere))
                    return false;
            }
        }
        return true;
    }

    /// In one slice: tile `round` is written before step round * turns + turn reads it, and no read shares a
    /// cycle with a write, neither in the queue nor in the bank.
    [[nodiscard]] bool operands_are_there(std::size_t index, std::int64_t turn, Hemisphere hemisphere) const {
        const GemvChainLayer& now = layer(index);
        const std::int64_t read = first_read(index, buffer_slice(index, turn));
        const auto reads_at = [&](std::int64_t cycle) {
            const std::int64_t pass = (cycle - read) / now.pass_cycles;
            return cycle >= read && (cycle - read) % now.pass_cycles == 0 && pass < now.passes &&
                   pass % now.steps % turns() == turn;
        };
        for (std::int64_t round = rounds(index - 1, turn) - 1; round >= 0; --round) {
            const std::int64_t issued =
                first_write(index - 1, hemisphere, turn) + round * round_cycles(index - 1);
            const std::int64_t written = issued + spec_.mem_write_latency_cycles;
            if (written < read)
                break; // And so are all rounds before.
            if (written >= read + (round * turns() + turn) * now.pass_cycles || reads_at(issued) ||
                reads_at(written)) {
                return false;
            }
        }
        return true;
    }

    const ChipSpec& spec_;
    const GemvChainPlan& plan_;
};

class ChainBuilder {
  public:
    ChainBuilder(const ChipSpec& spec, const GemvChainPlan& plan)
        : spec_(spec), plan_(plan), clock_(spec, plan), runs_(spec, clock_.start()) {}

    Program build(const std::vector<std::int64_t>& widths, const std::vector<float>& scales) {
        Tensor x{"x", Tensor::Role::Input, DType::Int8, 1, widths[0], false, spec_.lanes(), {}};
        for (std::int64_t turn = 0; turn < std::min(clock_.turns(), plan_.layers[0].steps); ++turn) {
            for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East})
                x.pieces.push_back(vector_piece(hemisphere, 0, turn, plan_.layers[0].steps, spec_.lanes()));
        }
        runs_.program.tensors.push_back(x);
        std::int64_t address = 0, lanes = spec_.lanes();
        for (std::size_t index = 0; index < plan_.layers.size(); ++index) {
            const GemvChainLayer& layer = plan_.layers[index];
            runs_.program.tensors.push_back({std::string("w") + std::to_string(index + 1),
                                             Tensor::Role::Input,
                                             DType::Int8,
                                             widths[index],
                                             widths[index + 1],
                                             true,
                                             lanes,
                                             {}});
            for (std::int64_t turn = 0; turn < std::min(clock_.turns(), layer.tiles); ++turn) {
                multiply(index, turn, address, lanes);
                requantise(index, turn, scales[index]);
            }
            for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East})
                stream_activations(index, hemisphere);
            address += clock_.rounds(index, 0) * layer.steps * loads(index);
            lanes = layer.tile_columns;
        }
        const std::size_t last = plan_.layers.size() - 1;
        Tensor y{"y", Tensor::Role::Output, DType::Int8, 1, widths.back(), false, lanes, {}};
        for (std::int64_t turn = 0; turn < std::min(clock_.turns(), plan_.layers[last].tiles); ++turn)
            y.pieces.push_back(
                vector_piece(Hemisphere::East, last + 1, turn, plan_.layers[last].tiles, lanes));
        runs_.program.tensors.push_back(y);
        return std::move(runs_.program);
    }

  private:
    static Hemisphere hemisphere_of(std::int64_t turn) {
        return turn % 2 == 0 ? Hemisphere::West : Hemisphere::East;
    }

    [[nodiscard]] std::int64_t loads(std::size_t index) const {
        return div_ceil(plan_.layers[index].tile_columns, plan_.load_streams);
    }

    /// The tiles of a vector that lie in one slice, `lanes` elements each.
    [[nodiscard]] TensorPiece vector_piece(Hemisphere hemisphere, std::size_t layer, std::int64_t turn,
                                           std::int64_t tiles, std::int64_t lanes) const {
        return {hemisphere,
                clock_.buffer_slice(layer, turn),
                0,
                0,
                turn * lanes,
                {{div_ceil(tiles - turn, clock_.turns()), 0, clock_.turns() * lanes, 0, 1}}};
    }

    /// Weights, activations and sums of one taker.
    void multiply(std::size_t index, std::int64_t turn, std::int64_t address, std::int64_t lanes) {
        const GemvChainLayer& layer = plan_.layers[index];
        const Hemisphere hemisphere = hemisphere_of(turn);
        const std::int64_t taker = turn / 2, width = plan_.load_streams, rounds = clock_.rounds(index, turn);
        const std::int64_t whole = layer.tile_columns / width, rest = layer.tile_columns % width;
        const auto stream = [&](std::int64_t load, std::int64_t load_count, std::int64_t columns) {
            const std::int64_t slice = clock_.weight_slice(taker);
            runs_.read(hemisphere, slice, address + load, taker * width, clock_.first_load(index) + load,
                       {{rounds * layer.steps, layer.pass_cycles, loads(index), 0}, {load_count, 1, 1, 0}},
                       columns);
            runs_.program.tensors.back().pieces.push_back(
                {hemisphere,
                 slice,
                 address + load,
                 0,
                 turn * layer.tile_columns + load * width,
                 {{rounds, 0, clock_.turns() * layer.tile_columns, 0, layer.steps * loads(index)},
                  {layer.steps, lanes, 0, 0, loads(index)},
                  {load_count, 0, width, 0, 1},
                  {columns, 0, 1, 1, 0}}});
        };
        if (whole > 0)
            stream(0, whole, width);
        if (rest > 0)
            stream(whole, 1, rest);
        const Level passes{rounds * layer.steps, layer.pass_cycles, 0, 0};
        runs_.load_and_install(hemisphere, taker, layer.tile_columns, width, taker * width,
                               clock_.first_load(index), clock_.first_install(index), {passes});
        MxmActivate activate;
        activate.from = {outward(hemisphere), spec_.streams_per_direction - 1};
        runs_.emit({Unit::MxmActivations, hemisphere, taker}, clock_.first_activation(index), activate,
                   {passes});
        accumulate(index, turn);
    }

    void accumulate(std::size_t index, std::int64_t turn) {
        const GemvChainLayer& layer = plan_.layers[index];
        const Hemisphere hemisphere = hemisphere_of(turn);
        const std::int64_t last = layer.steps - 1;
        const auto add = [&](std::int64_t step, std::int64_t steps) {
            if (steps < 1)
                return;
            MxmAccumulate instruction;
            instruction.start = step == 0;
            if (step == last)
                instruction.to = StreamRef{inward(hemisphere), kSumBytes * (turn / 2)};
            runs_.emit({Unit::MxmAccumulators, hemisphere, turn / 2},
                       clock_.first_activation(index) + spec_.mxm_activate_latency_cycles +
                           step * layer.pass_cycles,
                       instruction,
                       {{clock_.rounds(index, turn), clock_.round_cycles(index), 0, 0},
                        {steps, layer.pass_cycles, 0, 0}});
        };
        add(0, 1);
        add(1, last - 1);
        add(last, last > 0 ? 1 : 0);
    }

    /// One ALU scales the sums and drives the east copy, another one passes it on to the west.
    void requantise(std::size_t index, std::int64_t turn, float scale) {
        const Level rounds{clock_.rounds(index, turn), clock_.round_cycles(index), 0, 0};
        VxmCompute scaled;
        scaled.op = VxmOp::Scale;
        scaled.dtype = DType::Int32;
        scaled.result = DType::Int8;
        scaled.a = VxmStream{{inward(hemisphere_of(turn)), kSumBytes * (turn / 2)}};
        scaled.b = VxmImmediate{std::bit_cast<std::int32_t>(scale)};
        scaled.to = StreamRef{Direction::East, turn};
        runs_.emit({Unit::Vxm, Hemisphere::West, turn}, clock_.first_scale(index), scaled, {rounds});
        VxmCompute passed;
        passed.a = VxmChain{turn};
        passed.to = StreamRef{Direction::West, turn};
        runs_.emit({Unit::Vxm, Hemisphere::West, clock_.turns() + turn},
                   clock_.first_scale(index) + spec_.vxm_alu_latency_cycles, passed, {rounds});
        for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East}) {
            MemAccess access;
            access.write = MemWrite{0, {outward(hemisphere), turn}, {}};
            runs_.emit({Unit::Mem, hemisphere, clock_.buffer_slice(index + 1, turn)},
                       clock_.first_write(index, hemisphere, turn), access,
                       {{rounds.count, rounds.cycles, 0, 1}});
        }
    }

    /// Every step's operand, again for every round; all takers of the hemisphere take the same one.
    void stream_activations(std::size_t index, Hemisphere hemisphere) {
        const GemvChainLayer& layer = plan_.layers[index];
        const std::int64_t rounds = clock_.rounds(index, hemisphere == Hemisphere::West ? 0 : 1);
        if (rounds == 0)
            return;
        for (std::int64_t turn = 0; turn < std::min(clock_.turns(), layer.steps); ++turn) {
            runs_.read(
                hemisphere, clock_.buffer_slice(index, turn), 0, spec_.streams_per_direction - 1,
                clock_.first_activation(index) + turn * layer.pass_cycles,
                {{rounds, clock_.round_cycles(index), 0, 0},
                 {div_ceil(layer.steps - turn, clock_.turns()), clock_.turns() * layer.pass_cycles, 1, 0}});
        }
    }

    const ChipSpec& spec_;
    const GemvChainPlan& plan_;
    ChainClock clock_;
    MatmulRuns runs_;
};

void check_chain(const ChipSpec& spec, const std::vector<std::int64_t>& widths) {
    if (widths.size() < 2) {
        throw ValueError("a chain needs the lengths of its input and of at least one result, got " +
                         std::to_string(widths.size()));
    }
    for (const std::int64_t width : widths)
        check_sizes(spec, {{"every width", width}});
    for (std::size_t layer = 1; layer < widths.size(); ++layer) {
        const std::int64_t rows = widths[layer - 1], columns = widths[layer];
        check_fits(spec,
                   "layer " + std::to_string(layer) + " of a chain, " + std::to_string(rows) + " x " +
                       std::to_string(columns) + ",",
                   {{rows, columns}});
    }
    if (spec.streams_per_direction < kSumBytes || spec.vxm_alus < 4) {
        throw ValueError("a chain needs at least four streams per direction and four ALUs, got " +
                         std::to_string(spec.streams_per_direction) + " and " +
                         std::to_string(spec.vxm_alus));
    }
}

void check_capacity(const ChipSpec& spec, const GemvChainPlan& plan) {
    std::int64_t weight_words = 0, vector_words = 0;
    for (const GemvChainLayer& layer : plan.layers) {
        const std::int64_t loads = div_ceil(layer.tile_columns, plan.load_streams);
        weight_words = checked_add(weight_words, checked_multiply(layer.passes, loads));
        vector_words = std::max(
            {vector_words, div_ceil(layer.steps, 2 * plan.takers), div_ceil(layer.tiles, 2 * plan.takers)});
    }
    const std::int64_t slices = plan.takers * (4 + plan.load_streams);
    const std::int64_t words = std::max(weight_words, vector_words);
    if (slices > spec.mem_slices_per_hemisphere || words > spec.mem_words_per_slice) {
        throw CapacityError("the weights of a chain need " + std::to_string(words) + " words in each of " +
                                std::to_string(slices) + " SRAM slices in each hemisphere; there are " +
                                std::to_string(spec.mem_words_per_slice) + " words in " +
                                std::to_string(spec.mem_slices_per_hemisphere),
                            checked_multiply(checked_multiply(2 * slices, words), spec.lanes()),
                            spec.mem_bytes());
    }
}

} // namespace

GemvChainPlan plan_gemv_chain(const ChipSpec& spec, const std::vector<std::int64_t>& widths) {
    validate(spec);
    check_chain(spec, widths);
    GemvChainPlan plan;
    plan.takers =
        std::min({spec.mxm_planes_per_hemisphere, spec.streams_per_direction / kSumBytes, spec.vxm_alus / 4});
    plan.load_streams = std::min(spec.mxm_load_streams, spec.streams_per_direction / plan.takers);
    const std::int64_t activation_cycles = spec.mxm_install_latency_cycles == 0 ? 2 : 1;
    std::int64_t steps = div_ceil(widths[0], spec.lanes());
    for (std::size_t index = 1; index < widths.size(); ++index) {
        GemvChainLayer layer;
        const std::int64_t n = widths[index], turns = 2 * plan.takers;
        layer.tile_columns = div_ceil(n, turns * div_ceil(n, turns * spec.lanes()));
        layer.tiles = div_ceil(n, layer.tile_columns);
        layer.steps = steps;
        layer.passes = checked_multiply(div_ceil(layer.tiles, turns), steps);
        layer.pass_cycles = div_ceil(layer.tile_columns, plan.load_streams) +
                            std::max(install_gap_cycles(spec), activation_cycles);
        plan.layers.push_back(layer);
        steps = layer.tiles;
        const ProductBound bound =
            product_bound(spec, matmul_type(DType::Int8, spec), 1, n, widths[index - 1]);
        plan.bound.taker_cycles = checked_add(plan.bound.taker_cycles, bound.taker_cycles);
        plan.bound.stream_cycles = checked_add(plan.bound.stream_cycles, bound.stream_cycles);
    }
    check_capacity(spec, plan);
    const ChainClock clock(spec, plan);
    for (std::size_t index = 1; index < plan.layers.size(); ++index) {
        GemvChainLayer& layer = plan.layers[index];
        const GemvChainLayer& before = plan.layers[index - 1];
        const std::int64_t behind = before.first_active + before.passes * before.pass_cycles;
        layer.first_active = behind + std::max<std::int64_t>(0, layer.pass_cycles - before.pass_cycles);
        while (!clock.follows(index))
            ++layer.first_active;
        layer.stall_cycles = layer.first_active - behind;
    }
    const std::int64_t start = clock.start();
    for (GemvChainLayer& layer : plan.layers)
        layer.first_active -= start;
    const std::size_t last = plan.layers.size() - 1;
    const std::int64_t last_turn = (plan.layers[last].tiles - 1) % clock.turns();
    plan.cycles = clock.first_write(last, Hemisphere::West, last_turn) +
                  (clock.rounds(last, 0) - 1) * clock.round_cycles(last) + spec.mem_write_latency_cycles +
                  spec.superlanes;
    return plan;
}

Program gemv_chain(const ChipSpec& spec, const std::vector<std::int64_t>& widths,
                   const std::vector<float>& scales) {
    const GemvChainPlan plan = plan_gemv_chain(spec, widths);
    if (scales.size() != plan.layers.size()) {
        throw ValueError("a chain of " + std::to_string(plan.layers.size()) +
                         " layers needs as many scales, got " + std::to_string(scales.size()));
    }
    return ChainBuilder(spec, plan).build(widths, scales);
}

} // namespace lpusim::chip
