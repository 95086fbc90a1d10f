#include <algorithm>

#include "lpusim/base/integers.h"
#include "lpusim/chip/gemm_plan.h"
#include "lpusim/chip/kernel_parts.h"
#include "lpusim/chip/layout.h"

namespace lpusim::chip {

namespace {

/// A part of the grid outer x inner that is a rectangle; `linear` is its first cell, counted inner first.
struct Rectangle {
    std::int64_t outer = 0;
    std::int64_t outer_count = 0;
    std::int64_t inner = 0;
    std::int64_t inner_count = 0;
    std::int64_t linear = 0;
};

/// Cells begin .. end - 1 of a grid with rows of `inner_size`, as at most three rectangles in order.
std::vector<Rectangle> rectangles(std::int64_t begin, std::int64_t end, std::int64_t inner_size) {
    std::vector<Rectangle> parts;
    while (begin < end) {
        const std::int64_t outer = begin / inner_size;
        const std::int64_t inner = begin % inner_size;
        const std::int64_t whole_rows = inner == 0 ? (end - begin) / inner_size : 0;
        Rectangle part{outer, std::max<std::int64_t>(whole_rows, 1), inner, inner_size, begin};
        if (whole_rows == 0) {
            part.inner_count = std::min(end - begin, inner_size - inner);
        }
        parts.push_back(part);
        begin += part.outer_count * part.inner_count;
    }
    return parts;
}

Direction outward(Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? Direction::West : Direction::East;
}

Direction inward(Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? Direction::East : Direction::West;
}

/// Emits the runs and tensors of one plan. Slices of a hemisphere, from the VXM outward: results,
/// activations, weights.
class GemmBuilder {
  public:
    GemmBuilder(const ChipSpec& spec, const GemmPlan& plan) : spec_(spec), plan_(plan) {
        activation_first_ = kSumBytes * plan.planes * plan.output_sets;
        std::int64_t slice = spec.mem_slices_per_hemisphere;
        weight_first_.resize(plan.load_streams.size());
        stream_first_.resize(plan.load_streams.size());
        for (std::size_t plane = plan.load_streams.size(); plane-- > 0;) {
            slice -= plan.load_streams[plane];
            weight_first_[plane] = slice;
        }
        for (std::size_t plane = 1; plane < plan.load_streams.size(); ++plane) {
            stream_first_[plane] = stream_first_[plane - 1] + plan.load_streams[plane - 1];
        }
        activation_stream_ = spec.streams_per_direction - 1;
        first_load_ =
            spec.mem_read_latency_cycles + std::max(hops(weight_first_.front()), hops(activation_first_));
        // The last activation of a pass enters just before the next weights become active.
        first_activation_ = first_load_ + 2 * plan.pass_cycles - plan.chunk_rows - early_swap_cycles(spec);
    }

    Program build(std::int64_t m, std::int64_t n, std::int64_t k) {
        const std::int64_t lanes = spec_.lanes();
        program_.tensors.push_back({"a", Tensor::Role::Input, DType::Int8, m, k, false, lanes, {}});
        program_.tensors.push_back({"w", Tensor::Role::Input, DType::Int8, k, n, true, lanes, {}});
        program_.tensors.push_back(
            {"c", Tensor::Role::Output, DType::Int32, m, n, false, plan_.tile_columns, {}});
        for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East}) {
            if (groups_of(hemisphere, 0) > 0) {
                stream_activations(hemisphere);
            }
        }
        for (std::int64_t plane = 0; plane < plan_.planes; ++plane) {
            for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East}) {
                if (groups_of(hemisphere, plane) > 0) {
                    stream_weights(hemisphere, plane);
                    load_and_install(hemisphere, plane);
                    activate(hemisphere, plane);
                    accumulate(hemisphere, plane);
                    write_results(hemisphere, plane);
                }
            }
        }
        return std::move(program_);
    }

  private:
    /// Column tiles are dealt west, east, west, ... within a group.
    [[nodiscard]] static std::int64_t turn(Hemisphere hemisphere, std::int64_t plane) {
        return 2 * plane + (hemisphere == Hemisphere::West ? 0 : 1);
    }

    [[nodiscard]] std::int64_t groups_of(Hemisphere hemisphere, std::int64_t plane) const {
        const std::int64_t behind = plan_.tiles - turn(hemisphere, plane);
        return behind <= 0 ? 0 : div_ceil(behind, 2 * plan_.planes);
    }

    /// Between slice `index` and the MXM of its hemisphere.
    [[nodiscard]] std::int64_t hops(std::int64_t index) const {
        return mem_position(spec_, Hemisphere::West, index) - mxm_position(spec_, Hemisphere::West);
    }

    [[nodiscard]] std::int64_t round_cycles() const { return plan_.steps * plan_.pass_cycles; }
    [[nodiscard]] std::int64_t group_cycles() const { return plan_.chunks * round_cycles(); }

    void emit(Unit unit, Hemisphere hemisphere, std::int64_t index, std::int64_t issue,
              Instruction instruction, const std::vector<Level>& levels, SliceRange slices = {}) {
        program_.runs.push_back({{unit, hemisphere, index}, issue, instruction, joined(levels), slices});
    }

    void stream_activations(Hemisphere hemisphere) {
        const std::int64_t rows = plan_.chunk_rows;
        const std::int64_t blocks = plan_.chunks * plan_.steps;
        const std::int64_t blocks_per_slice = spec_.mem_words_per_slice / rows;
        for (std::int64_t i = 0; i < plan_.activation_slices; ++i) {
            const std::int64_t slice = activation_first_ + i;
            const auto parts =
                rectangles(i * blocks_per_slice, std::min(blocks, (i + 1) * blocks_per_slice), plan_.steps);
            for (const Rectangle& part : parts) {
                program_.tensors[0].pieces.push_back({hemisphere,
                                                      slice,
                                                      address_of(part, i * blocks_per_slice),
                                                      part.outer * rows,
                                                      part.inner * spec_.lanes(),
                                                      {{part.outer_count, rows, 0, 0, plan_.steps * rows},
                                                       {part.inner_count, 0, spec_.lanes(), 0, rows},
                                                       {rows, 1, 0, 0, 1}}});
            }
            // One part repeats over all groups by itself; several take turns.
            const std::int64_t rounds = parts.size() == 1 ? 1 : plan_.groups;
            for (std::int64_t group = 0; group < rounds; ++group) {
                for (const Rectangle& part : parts) {
                    const std::int64_t arrives =
                        first_activation_ + group * group_cycles() + part.linear * plan_.pass_cycles;
                    emit(Unit::Mem, hemisphere, slice, arrives - hops(slice) - spec_.mem_read_latency_cycles,
                         MemAccess{MemRead{address_of(part, i * blocks_per_slice),
                                           {outward(hemisphere), activation_stream_}},
                                   {}},
                         {{plan_.groups / rounds, group_cycles(), 0, 0},
                          {part.outer_count, round_cycles(), plan_.steps * rows, 0},
                          {part.inner_count, plan_.pass_cycles, rows, 0},
                          {rows, 1, 1, 0}});
                }
            }
        }
    }

    [[nodiscard]] std::int64_t address_of(const Rectangle& part, std::int64_t first_block) const {
        return (part.linear - first_block) * plan_.chunk_rows;
    }

    void stream_weights(Hemisphere hemisphere, std::int64_t plane) {
        const auto p = static_cast<std::size_t>(plane);
        const std::int64_t width = plan_.load_streams[p];
        const std::int64_t loads = load_cycles(plan_, p);
        const std::int64_t groups = groups_of(hemisphere, plane);
        SliceRange range;
        range.count = width;
        range.stream_stride = 1;
        range.follow = outward(hemisphere);
        emit(Unit::Mem, hemisphere, weight_first_[p],
             first_load_ - hops(weight_first_[p]) - spec_.mem_read_latency_cycles,
             MemAccess{MemRead{0, {outward(hemisphere), stream_first_[p]}}, {}},
             {{groups, group_cycles(), plan_.steps * loads, 0},
              {plan_.chunks, round_cycles(), 0, 0},
              {plan_.steps, plan_.pass_cycles, loads, 0},
              {loads, 1, 1, 0}},
             range);
        program_.tensors[1].pieces.push_back(
            {hemisphere,
             weight_first_[p],
             0,
             0,
             turn(hemisphere, plane) * plan_.tile_columns,
             {{groups, 0, 2 * plan_.planes * plan_.tile_columns, 0, plan_.steps * loads},
              {plan_.steps, spec_.lanes(), 0, 0, loads},
              {loads, 0, width, 0, 1},
              {width, 0, 1, 1, 0}}});
    }

    [[nodiscard]] std::int64_t passes_of(Hemisphere hemisphere, std::int64_t plane) const {
        return groups_of(hemisphere, plane) * plan_.chunks * plan_.steps;
    }

    /// Load and install share a queue, so they take turns pass by pass. The last load may carry fewer
    /// columns.
    void load_and_install(Hemisphere hemisphere, std::int64_t plane) {
        const auto p = static_cast<std::size_t>(plane);
        const std::int64_t width = plan_.load_streams[p];
        const std::int64_t loads = load_cycles(plan_, p);
        const std::int64_t whole = plan_.tile_columns / width;
        const StreamRef from{outward(hemisphere), stream_first_[p]};
        for (std::int64_t pass = 0; pass < passes_of(hemisphere, plane); ++pass) {
            const std::int64_t begin = first_load_ + pass * plan_.pass_cycles;
            if (whole > 0) {
                emit(Unit::MxmWeights, hemisphere, plane, begin, MxmLoad{0, from, width},
                     {{whole, 1, width, 0}});
            }
            if (whole < loads) {
                emit(Unit::MxmWeights, hemisphere, plane, begin + whole,
                     MxmLoad{whole * width, from, plan_.tile_columns - whole * width}, {});
            }
            emit(Unit::MxmWeights, hemisphere, plane,
                 begin + plan_.pass_cycles - std::max<std::int64_t>(spec_.mxm_install_latency_cycles, 1),
                 MxmInstall{}, {});
        }
    }

    void activate(Hemisphere hemisphere, std::int64_t plane) {
        emit(Unit::MxmActivations, hemisphere, plane, first_activation_,
             MxmActivate{DType::Int8, {outward(hemisphere), activation_stream_}},
             {{passes_of(hemisphere, plane), plan_.pass_cycles, 0, 0}, {plan_.chunk_rows, 1, 0, 0}});
    }

    void accumulate(Hemisphere hemisphere, std::int64_t plane) {
        const StreamRef to{inward(hemisphere), kSumBytes * plane};
        const Level rows{plan_.chunk_rows, 1, 1, 0};
        const std::int64_t rounds = groups_of(hemisphere, plane) * plan_.chunks;
        const std::int64_t begin = first_activation_ + spec_.mxm_activate_latency_cycles;
        const auto add = [&](std::int64_t pass, bool start, bool drive, const Level& outer) {
            MxmAccumulate instruction;
            instruction.start = start;
            if (drive) {
                instruction.to = to;
            }
            emit(Unit::MxmAccumulators, hemisphere, plane, begin + pass * plan_.pass_cycles, instruction,
                 {outer, rows});
        };
        const std::int64_t steps = plan_.steps;
        if (steps == 1) {
            add(0, true, true, {rounds, plan_.pass_cycles, 0, 0});
            return;
        }
        for (std::int64_t round = 0; round < rounds; ++round) {
            add(round * steps, true, false, {});
            if (steps > 2) {
                add(round * steps + 1, false, false, {steps - 2, plan_.pass_cycles, 0, 0});
            }
            add(round * steps + steps - 1, false, true, {});
        }
    }

    void write_results(Hemisphere hemisphere, std::int64_t plane) {
        const std::int64_t rows = plan_.chunk_rows;
        const std::int64_t rounds = groups_of(hemisphere, plane) * plan_.chunks;
        const std::int64_t rounds_per_set = spec_.mem_words_per_slice / rows;
        const std::int64_t driven = first_activation_ + (plan_.steps - 1) * plan_.pass_cycles +
                                    spec_.mxm_activate_latency_cycles + spec_.mxm_accumulate_latency_cycles;
        SliceRange range;
        range.count = kSumBytes;
        range.write_stream_stride = 1;
        range.follow = inward(hemisphere);
        for (std::int64_t set = 0; set * rounds_per_set < rounds; ++set) {
            const std::int64_t slice = kSumBytes * (set * plan_.planes + plane);
            const std::int64_t begin = set * rounds_per_set;
            const std::int64_t end = std::min(rounds, begin + rounds_per_set);
            emit(Unit::Mem, hemisphere, slice, driven + begin * round_cycles() + hops(slice),
                 MemAccess{{}, MemWrite{0, {inward(hemisphere), kSumBytes * plane}}},
                 {{end - begin, round_cycles(), 0, rows}, {rows, 1, 0, 1}}, range);
            for (const Rectangle& part : rectangles(begin, end, plan_.chunks)) {
                const std::int64_t tile = part.outer * 2 * plan_.planes + turn(hemisphere, plane);
                program_.tensors[2].pieces.push_back(
                    {hemisphere,
                     slice,
                     address_of(part, begin),
                     part.inner * rows,
                     tile * plan_.tile_columns,
                     {{part.outer_count, 0, 2 * plan_.planes * plan_.tile_columns, 0, plan_.chunks * rows},
                      {part.inner_count, rows, 0, 0, rows},
                      {rows, 1, 0, 0, 1}}});
            }
        }
    }

    const ChipSpec& spec_;
    const GemmPlan& plan_;
    Program program_;
    std::int64_t activation_first_ = 0;
    std::int64_t activation_stream_ = 0;
    std::vector<std::int64_t> weight_first_; ///< by plane of a hemisphere: its first weight slice
    std::vector<std::int64_t> stream_first_; ///< by plane of a hemisphere: its first weight stream
    std::int64_t first_load_ = 0;            ///< cycle of the first load at every MXM
    std::int64_t first_activation_ = 0;
};

} // namespace

Program gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k) {
    const GemmPlan plan = plan_gemm(spec, m, n, k);
    return GemmBuilder(spec, plan).build(m, n, k);
}

} // namespace lpusim::chip
