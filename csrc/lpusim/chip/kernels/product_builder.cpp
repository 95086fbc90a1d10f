#include "lpusim/chip/kernels/product_builder.h"

#include <algorithm>
#include <string>

namespace lpusim::chip {

ProductBuilder::ProductBuilder(const ChipSpec& spec, const GemmPlan& plan)
    : spec_(spec), plan_(plan), type_(matmul_type(plan.dtype, spec)), layout_(layout_of(plan, spec)),
      timing_(timing_of(plan, layout_, spec)), runs_(spec, timing_.start) {
    const std::int64_t sources = plan.split_rows ? plan.takers : 1;
    activation_stream_ = (spec.streams_per_direction / type_.bytes - sources) * type_.bytes;
}

Program ProductBuilder::build(std::int64_t m, std::int64_t n, std::int64_t k) {
    m_ = m;
    declare_tensors(m, n, k);
    if (gathered())
        route();
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
            load_and_install(hemisphere, taker, items);
            activate(hemisphere, taker, items);
            accumulate(hemisphere, taker, items);
            write_results(hemisphere, taker, segments, items);
        }
    }
    return std::move(runs_.program);
}

void ProductBuilder::declare_tensors(std::int64_t m, std::int64_t n, std::int64_t k) {
    const std::int64_t lanes = spec_.lanes(), rows = plan_.slots * m;
    auto& tensors = runs_.program.tensors;
    const auto add = [&](const std::string& name, Tensor::Role role, DType dtype, std::int64_t row_count,
                         std::int64_t columns, std::int64_t tensor_lanes) {
        tensors.push_back({name, role, dtype, row_count, columns, false, tensor_lanes, {}});
    };
    const auto add_weights = [&](const std::string& name) {
        add(name, Tensor::Role::Input, type_.operand, k, n, lanes);
        tensors.back().lanes_along_rows = true;
    };
    add("a", Tensor::Role::Input, type_.operand, rows, k, lanes);
    if (!gathered())
        add_weights("w");
    for (std::int64_t expert = 0; expert < plan_.experts; ++expert)
        add_weights(std::string("w").append(std::to_string(expert)));
    results_ = tensors.size();
    add("c", Tensor::Role::Output, type_.sums, rows, n, plan_.tile_columns);
    if (gathered()) {
        idle_ = tensors.size();
        add("idle", Tensor::Role::Constant, DType::Int8, 1, 1, 1);
        tensors.back().data = {0};
    }
}

/// Rows of A by (slot, chunk, step), chunk_rows words each; read again for every tile.
void ProductBuilder::stream_activations(Hemisphere hemisphere, std::int64_t taker,
                                        const std::vector<Segment>& segments) {
    const std::int64_t rows = plan_.chunk_rows, steps = plan_.steps;
    const std::int64_t source = plan_.split_rows ? taker : 0;
    const std::int64_t row_first = source * plan_.chunks * rows;
    const std::int64_t kept_first = segments.front().chunk_first;
    const CellSets cells = activation_cells(plan_, spec_);
    for (std::int64_t set = 0; set < cells.sets; ++set) {
        const std::int64_t slice = layout_.activations + (source * plan_.activation_sets + set) * type_.bytes;
        const std::int64_t slot = set / cells.sets_a_slot * cells.slots_a_set;
        const std::int64_t slot_count = std::min(cells.slots_a_set, plan_.slots - slot);
        const std::int64_t cell_first = set % cells.sets_a_slot * cells.cells_a_set;
        const auto parts = [&](std::int64_t chunk_first, std::int64_t chunks) {
            return rectangles(std::max(cell_first, chunk_first * steps),
                              std::min(cell_first + cells.cells_a_set, (chunk_first + chunks) * steps),
                              steps);
        };
        for (const Rectangle& part : parts(0, segments.front().chunks)) {
            tensor(0).pieces.push_back({hemisphere,
                                        slice,
                                        (part.linear - cell_first) * rows,
                                        slot * m_ + row_first + (kept_first + part.outer) * rows,
                                        part.inner * spec_.lanes(),
                                        {{slot_count, m_, 0, 0, cells.cells_a_slot * rows},
                                         {part.outer_count, rows, 0, 0, steps * rows},
                                         {part.inner_count, 0, spec_.lanes(), 0, rows},
                                         {rows, 1, 0, 0, 1}}});
        }
        for (const Segment& segment : segments) {
            const std::int64_t first = segment.chunk_first - kept_first;
            for (const Rectangle& part : parts(first, segment.chunks)) {
                const std::int64_t pass =
                    (slot * plan_.items + segment.items_before + part.outer - first) * steps + part.inner;
                runs_.read(hemisphere, slice, (part.linear - cell_first) * rows,
                           activation_stream_ + source * type_.bytes,
                           timing_.first_activation + pass * plan_.pass_cycles,
                           {slots(slot_count, cells.cells_a_slot * rows),
                            {segment.tiles, segment.chunks * item_cycles(), 0, 0},
                            {part.outer_count, item_cycles(), steps * rows, 0},
                            {part.inner_count, plan_.pass_cycles, rows, 0},
                            {rows, type_.row_cycles, 1, 0}},
                           type_.bytes);
            }
        }
    }
}

void ProductBuilder::activate(Hemisphere hemisphere, std::int64_t taker, std::int64_t items) {
    MxmActivate instruction;
    instruction.dtype = type_.operand;
    instruction.from = {outward(hemisphere),
                        activation_stream_ + (plan_.split_rows ? taker * type_.bytes : 0)};
    runs_.emit({Unit::MxmActivations, hemisphere, plane_of(taker)}, timing_.first_activation, instruction,
               {every_slot(),
                {items * plan_.steps, plan_.pass_cycles, 0, 0},
                {plan_.chunk_rows, type_.row_cycles, 0, 0}});
}

/// The first step of an item replaces what is in the accumulators, the last one drives it.
void ProductBuilder::accumulate(Hemisphere hemisphere, std::int64_t taker, std::int64_t items) {
    const std::int64_t last = plan_.steps - 1;
    const auto add = [&](std::int64_t step, std::int64_t steps) {
        if (steps < 1)
            return;
        MxmAccumulate instruction;
        instruction.start = step == 0;
        instruction.dtype = type_.sums;
        if (step == last)
            instruction.to = StreamRef{inward(hemisphere), kSumBytes * taker};
        runs_.emit({Unit::MxmAccumulators, hemisphere, plane_of(taker)},
                   timing_.first_sums + step * plan_.pass_cycles, instruction,
                   {every_slot(),
                    {items, item_cycles(), 0, 0},
                    {steps, plan_.pass_cycles, 0, 0},
                    {plan_.chunk_rows, type_.row_cycles, 1, 0}});
    };
    add(0, 1);
    add(1, last - 1);
    add(last, last > 0 ? 1 : 0);
}

/// Rows of C by (slot, item), one word a row in each of four slices.
void ProductBuilder::write_results(Hemisphere hemisphere, std::int64_t taker,
                                   const std::vector<Segment>& segments, std::int64_t items) {
    const std::int64_t rows = plan_.chunk_rows;
    const std::int64_t row_first = plan_.split_rows ? taker * plan_.chunks * rows : 0;
    const CellSets cells = result_cells(plan_, spec_);
    for (std::int64_t set = 0; set < cells.sets; ++set) {
        const std::int64_t slice = layout_.result_slice(plan_, set, taker);
        const std::int64_t slot = set / cells.sets_a_slot * cells.slots_a_set;
        const std::int64_t slot_count = std::min(cells.slots_a_set, plan_.slots - slot);
        const std::int64_t begin = set % cells.sets_a_slot * cells.cells_a_set;
        const std::int64_t end = std::min(items, begin + cells.cells_a_set);
        if (begin >= end)
            continue; // This taker has fewer items than others.
        Level each_slot = slots(slot_count);
        each_slot.write_address_stride = cells.cells_a_slot * rows;
        runs_.write(hemisphere, slice, 0, kSumBytes * taker,
                    timing_.first_result + (plan_.steps - 1) * plan_.pass_cycles +
                        (slot * plan_.items + begin) * item_cycles(),
                    {each_slot, {end - begin, item_cycles(), 0, rows}, {rows, type_.row_cycles, 0, 1}},
                    kSumBytes);
        for (const Segment& segment : segments) {
            const std::int64_t before = segment.items_before;
            for (const Rectangle& part :
                 rectangles(std::max(begin, before) - before,
                            std::min(end, before + segment.items()) - before, segment.chunks)) {
                tensor(results_).pieces.push_back(
                    {hemisphere,
                     slice,
                     (before + part.linear - begin) * rows,
                     slot * m_ + row_first + (segment.chunk_first + part.inner) * rows,
                     (segment.tile_first + part.outer * segment.tile_stride) * plan_.tile_columns,
                     {{slot_count, m_, 0, 0, cells.cells_a_slot * rows},
                      {part.outer_count, 0, segment.tile_stride * plan_.tile_columns, 0,
                       segment.chunks * rows},
                      {part.inner_count, rows, 0, 0, rows},
                      {rows, 1, 0, 0, 1}}});
            }
        }
    }
}

} // namespace lpusim::chip
