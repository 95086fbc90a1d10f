#include <algorithm>

#include "lpusim/chip/kernel_parts.h"
#include "lpusim/chip/matmul_parts.h"

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
        if (whole_rows == 0)
            part.inner_count = std::min(end - begin, inner_size - inner);
        parts.push_back(part);
        begin += part.outer_count * part.inner_count;
    }
    return parts;
}

/// The cells that lie in set `set` of `set_cells` each and in the whole rows begin .. end - 1 of the grid.
std::vector<Rectangle> rectangles_of_set(std::int64_t set, std::int64_t set_cells, std::int64_t begin,
                                         std::int64_t end, std::int64_t inner_size) {
    return rectangles(std::max(set * set_cells, begin * inner_size),
                      std::min((set + 1) * set_cells, end * inner_size), inner_size);
}

/// Emits the runs and tensors of one plan.
class GemmBuilder {
  public:
    GemmBuilder(const ChipSpec& spec, const GemmPlan& plan)
        : spec_(spec), plan_(plan), type_(matmul_type(plan.dtype, spec)), layout_(layout_of(plan, spec)),
          timing_(timing_of(plan, layout_, spec)) {
        const std::int64_t sources = plan.split_rows ? plan.takers : 1;
        activation_stream_ = (spec.streams_per_direction / type_.bytes - sources) * type_.bytes;
    }

    Program build(std::int64_t m, std::int64_t n, std::int64_t k) {
        const std::int64_t lanes = spec_.lanes();
        program_.tensors.push_back({"a", Tensor::Role::Input, type_.operand, m, k, false, lanes, {}});
        program_.tensors.push_back({"w", Tensor::Role::Input, type_.operand, k, n, true, lanes, {}});
        program_.tensors.push_back(
            {"c", Tensor::Role::Output, type_.sums, m, n, false, plan_.tile_columns, {}});
        for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East}) {
            for (std::int64_t taker = 0; taker < plan_.takers; ++taker) {
                const auto segments = segments_of(plan_, hemisphere, taker);
                if (segments.empty())
                    continue;
                if (plan_.split_rows || taker == 0)
                    stream_activations(hemisphere, taker, segments);
                if (!plan_.split_rows || taker == 0)
                    stream_weights(hemisphere, taker, segments);
                const std::int64_t items = segments.back().items_before + segments.back().items();
                load_and_install(hemisphere, taker, items * plan_.steps);
                activate(hemisphere, taker, items * plan_.steps);
                accumulate(hemisphere, taker, items);
                write_results(hemisphere, taker, segments, items);
            }
        }
        return std::move(program_);
    }

  private:
    [[nodiscard]] std::int64_t item_cycles() const { return plan_.steps * plan_.pass_cycles; }

    /// `issue` is relative to the cycle in which the first weights become active.
    void emit(Unit unit, Hemisphere hemisphere, std::int64_t index, std::int64_t issue,
              Instruction instruction, const std::vector<Level>& levels, SliceRange slices = {}) {
        program_.runs.push_back(
            {{unit, hemisphere, index}, issue - timing_.start, instruction, joined(levels), slices});
    }

    void read(Hemisphere hemisphere, std::int64_t slice, std::int64_t address, std::int64_t stream,
              std::int64_t arrives, const std::vector<Level>& levels, std::int64_t width = 1) {
        SliceRange range;
        if (width > 1) {
            range.count = width;
            range.stream_stride = 1;
            range.follow = outward(hemisphere);
        }
        emit(Unit::Mem, hemisphere, slice, arrives - mxm_hops(spec_, slice) - spec_.mem_read_latency_cycles,
             MemAccess{MemRead{address, {outward(hemisphere), stream}}, {}}, levels, range);
    }

    /// Rows of A by (chunk, step), chunk_rows words each; read again for every tile.
    void stream_activations(Hemisphere hemisphere, std::int64_t taker, const std::vector<Segment>& segments) {
        const std::int64_t rows = plan_.chunk_rows, steps = plan_.steps;
        const std::int64_t source = plan_.split_rows ? taker : 0;
        const std::int64_t row_first = source * plan_.chunks * rows;
        const std::int64_t kept_first = segments.front().chunk_first;
        const std::int64_t set_blocks = spec_.mem_words_per_slice / rows;
        for (std::int64_t set = 0; set < plan_.activation_sets; ++set) {
            const std::int64_t slice =
                layout_.activations + (source * plan_.activation_sets + set) * type_.bytes;
            for (const Rectangle& part :
                 rectangles_of_set(set, set_blocks, 0, segments.front().chunks, steps)) {
                program_.tensors[0].pieces.push_back({hemisphere,
                                                      slice,
                                                      (part.linear - set * set_blocks) * rows,
                                                      row_first + (kept_first + part.outer) * rows,
                                                      part.inner * spec_.lanes(),
                                                      {{part.outer_count, rows, 0, 0, steps * rows},
                                                       {part.inner_count, 0, spec_.lanes(), 0, rows},
                                                       {rows, 1, 0, 0, 1}}});
            }
            for (const Segment& segment : segments) {
                const std::int64_t first = segment.chunk_first - kept_first;
                for (const Rectangle& part :
                     rectangles_of_set(set, set_blocks, first, first + segment.chunks, steps)) {
                    const std::int64_t pass =
                        (segment.items_before + part.outer - first) * steps + part.inner;
                    read(hemisphere, slice, (part.linear - set * set_blocks) * rows,
                         activation_stream_ + source * type_.bytes,
                         timing_.first_activation + pass * plan_.pass_cycles,
                         {{segment.tiles, segment.chunks * item_cycles(), 0, 0},
                          {part.outer_count, item_cycles(), steps * rows, 0},
                          {part.inner_count, plan_.pass_cycles, rows, 0},
                          {rows, type_.row_cycles, 1, 0}},
                         type_.bytes);
                }
            }
        }
    }

    /// Columns of W by (tile, step), one word a load cycle; read again for every chunk.
    void stream_weights(Hemisphere hemisphere, std::int64_t taker, const std::vector<Segment>& segments) {
        const auto source = static_cast<std::size_t>(plan_.split_rows ? 0 : taker);
        const std::int64_t width = plan_.load_streams[source];
        const std::int64_t loads = load_cycles(plan_, source), steps = plan_.steps;
        const std::int64_t whole = plan_.tile_columns / width, rest = plan_.tile_columns % width;
        const std::int64_t set_tiles = spec_.mem_words_per_slice / loads;
        const std::int64_t byte_slices = plan_.weight_sets * width;
        for (std::int64_t set = 0; set < plan_.weight_sets; ++set) {
            const std::int64_t slice = layout_.weights[source] + set * width;
            for (const Segment& segment : segments) {
                for (const Rectangle& part : rectangles_of_set(set, set_tiles, segment.tiles_before,
                                                               segment.tiles_before + segment.tiles, steps)) {
                    const std::int64_t tile = part.outer - segment.tiles_before;
                    const std::int64_t pass =
                        (segment.items_before + tile * segment.chunks) * steps + part.inner;
                    const auto stream = [&](std::int64_t load, std::int64_t load_count,
                                            std::int64_t columns) {
                        const std::int64_t address = (part.linear - set * set_tiles) * loads + load;
                        for (std::int64_t byte = 0; byte < type_.bytes; ++byte) {
                            read(hemisphere, slice + byte * byte_slices, address, stream_of(source, byte),
                                 timing_.first_load[source] + pass * plan_.pass_cycles + load,
                                 {{part.outer_count, segment.chunks * item_cycles(), steps * loads, 0},
                                  {segment.chunks, item_cycles(), 0, 0},
                                  {part.inner_count, plan_.pass_cycles, loads, 0},
                                  {load_count, 1, 1, 0}},
                                 columns);
                        }
                        program_.tensors[1].pieces.push_back(
                            {hemisphere,
                             slice,
                             address,
                             part.inner * spec_.lanes(),
                             (segment.tile_first + tile * segment.tile_stride) * plan_.tile_columns +
                                 load * width,
                             {{part.outer_count, 0, segment.tile_stride * plan_.tile_columns, 0,
                               steps * loads},
                              {part.inner_count, spec_.lanes(), 0, 0, loads},
                              {load_count, 0, width, 0, 1},
                              {columns, 0, 1, 1, 0}},
                             0,
                             byte_slices});
                    };
                    if (whole > 0)
                        stream(0, whole, width);
                    if (rest > 0)
                        stream(whole, 1, rest);
                }
            }
        }
    }

    /// The first stream that carries this byte of a source's weights.
    [[nodiscard]] std::int64_t stream_of(std::size_t source, std::int64_t byte) const {
        std::int64_t stream = byte * plan_.load_streams[source];
        for (std::size_t before = 0; before < source; ++before)
            stream += type_.bytes * plan_.load_streams[before];
        return stream;
    }

    [[nodiscard]] std::int64_t plane_of(std::int64_t taker) const { return taker * type_.bytes; }

    void load_and_install(Hemisphere hemisphere, std::int64_t taker, std::int64_t passes) {
        const auto source = static_cast<std::size_t>(plan_.split_rows ? 0 : taker);
        const std::int64_t width = plan_.load_streams[source];
        const std::int64_t whole = plan_.tile_columns / width, rest = plan_.tile_columns % width;
        const Level each_pass{passes, plan_.pass_cycles, 0, 0};
        for (std::int64_t byte = 0; byte < type_.bytes; ++byte) {
            const std::int64_t plane = plane_of(taker) + byte;
            const StreamRef from{outward(hemisphere), stream_of(source, byte)};
            if (whole > 0) {
                emit(Unit::MxmWeights, hemisphere, plane, timing_.first_load[source], MxmLoad{0, from, width},
                     {each_pass, {whole, 1, width, 0}});
            }
            if (rest > 0) {
                emit(Unit::MxmWeights, hemisphere, plane, timing_.first_load[source] + whole,
                     MxmLoad{whole * width, from, rest}, {each_pass});
            }
            emit(Unit::MxmWeights, hemisphere, plane, timing_.first_install, MxmInstall{}, {each_pass});
        }
    }

    void activate(Hemisphere hemisphere, std::int64_t taker, std::int64_t passes) {
        const std::int64_t stream = activation_stream_ + (plan_.split_rows ? taker * type_.bytes : 0);
        MxmActivate instruction;
        instruction.dtype = type_.operand;
        instruction.from = {outward(hemisphere), stream};
        emit(Unit::MxmActivations, hemisphere, plane_of(taker), timing_.first_activation, instruction,
             {{passes, plan_.pass_cycles, 0, 0}, {plan_.chunk_rows, type_.row_cycles, 0, 0}});
    }

    /// The first step of an item replaces what is in the accumulators, the last one drives it.
    void accumulate(Hemisphere hemisphere, std::int64_t taker, std::int64_t items) {
        const std::int64_t last = plan_.steps - 1;
        const auto add = [&](std::int64_t step, std::int64_t steps) {
            if (steps < 1)
                return;
            MxmAccumulate instruction;
            instruction.start = step == 0;
            instruction.dtype = type_.sums;
            if (step == last)
                instruction.to = StreamRef{inward(hemisphere), kSumBytes * taker};
            emit(Unit::MxmAccumulators, hemisphere, plane_of(taker),
                 timing_.first_sums + step * plan_.pass_cycles, instruction,
                 {{items, item_cycles(), 0, 0},
                  {steps, plan_.pass_cycles, 0, 0},
                  {plan_.chunk_rows, type_.row_cycles, 1, 0}});
        };
        add(0, 1);
        add(1, last - 1);
        add(last, last > 0 ? 1 : 0);
    }

    /// Rows of C by item, one word a row in each of four slices.
    void write_results(Hemisphere hemisphere, std::int64_t taker, const std::vector<Segment>& segments,
                       std::int64_t items) {
        const std::int64_t rows = plan_.chunk_rows;
        const std::int64_t row_first = plan_.split_rows ? taker * plan_.chunks * rows : 0;
        const std::int64_t set_items = spec_.mem_words_per_slice / rows;
        SliceRange range;
        range.count = kSumBytes;
        range.write_stream_stride = 1;
        range.follow = inward(hemisphere);
        for (std::int64_t set = 0; set * set_items < items; ++set) {
            const std::int64_t slice = layout_.result_slice(plan_, set, taker);
            const std::int64_t begin = set * set_items, end = std::min(items, begin + set_items);
            emit(Unit::Mem, hemisphere, slice,
                 timing_.first_result + (plan_.steps - 1) * plan_.pass_cycles + begin * item_cycles() +
                     mxm_hops(spec_, slice),
                 MemAccess{{}, MemWrite{0, {inward(hemisphere), kSumBytes * taker}}},
                 {{end - begin, item_cycles(), 0, rows}, {rows, type_.row_cycles, 0, 1}}, range);
            for (const Segment& segment : segments) {
                const std::int64_t before = segment.items_before;
                for (const Rectangle& part :
                     rectangles(std::max(begin, before) - before,
                                std::min(end, before + segment.items()) - before, segment.chunks)) {
                    program_.tensors[2].pieces.push_back(
                        {hemisphere,
                         slice,
                         (before + part.linear - begin) * rows,
                         row_first + (segment.chunk_first + part.inner) * rows,
                         (segment.tile_first + part.outer * segment.tile_stride) * plan_.tile_columns,
                         {{part.outer_count, 0, segment.tile_stride * plan_.tile_columns, 0,
                           segment.chunks * rows},
                          {part.inner_count, rows, 0, 0, rows},
                          {rows, 1, 0, 0, 1}}});
                }
            }
        }
    }

    const ChipSpec& spec_;
    const GemmPlan& plan_;
    MatmulType type_;
    GemmLayout layout_;
    GemmTiming timing_;
    std::int64_t activation_stream_ = 0; ///< the first of them
    Program program_;
};

} // namespace

Program gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k, DType dtype) {
    const GemmPlan plan = plan_gemm(spec, m, n, k, dtype);
    return GemmBuilder(spec, plan).build(m, n, k);
}

} // namespace lpusim::chip
