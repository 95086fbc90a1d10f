#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/kernel_schedule.h"

/// The part of KernelSchedule that places tensors and moves them between SRAM and streams.
namespace lpusim::chip {

namespace {

using Kind = Reservations::Kind;

/// The same loop without what it does to addresses.
std::vector<Level> cycles_of(std::vector<Level> levels) {
    for (Level& level : levels) {
        level = {level.count, level.cycles};
    }
    return levels;
}

/// Vectors that one step of the outermost loop covers.
std::int64_t step_words(const std::vector<TensorLoop>& loops) {
    return loops.empty() ? 1 : loops.front().address_stride;
}

} // namespace

std::size_t KernelSchedule::tensor(Tensor tensor) {
    check_fits(spec_,
               tensor.name + " of " + std::to_string(tensor.rows) + " x " + std::to_string(tensor.columns) +
                   " " + to_string(tensor.dtype),
               {{tensor.rows, tensor.columns, dtype_bytes(tensor.dtype)}});
    program_.tensors.push_back(std::move(tensor));
    return program_.tensors.size() - 1;
}

std::size_t KernelSchedule::block(std::size_t tensor, std::int64_t row, std::int64_t column,
                                  std::vector<TensorLoop> loops, TensorLoop across) {
    Block block;
    block.tensor = tensor;
    block.dtype = program_.tensors[tensor].dtype;
    block.row = row;
    block.column = column;
    block.loops = std::move(loops);
    block.across = across;
    return add_block(std::move(block));
}

std::size_t KernelSchedule::scratch(DType dtype, std::vector<TensorLoop> loops) {
    Block block;
    block.dtype = dtype;
    block.loops = std::move(loops);
    return add_block(std::move(block));
}

std::size_t KernelSchedule::add_block(Block block) {
    block.across.slice_stride = dtype_bytes(block.dtype);
    block.set_slices = block.across.count * dtype_bytes(block.dtype);
    std::int64_t words = 1;
    for (auto loop = block.loops.rbegin(); loop != block.loops.rend(); ++loop) {
        loop->address_stride = words;
        words = checked_multiply(words, loop->count);
    }
    if (words > spec_.mem_words_per_slice) {
        block.set_steps = spec_.mem_words_per_slice / step_words(block.loops);
        if (block.set_steps == 0) {
            throw CapacityError("a row of " + std::to_string(step_words(block.loops)) +
                                    " vectors is longer than an SRAM slice of " +
                                    std::to_string(spec_.mem_words_per_slice),
                                checked_multiply(step_words(block.loops), spec_.lanes()),
                                spec_.mem_words_per_slice * spec_.lanes());
        }
        block.sets = div_ceil(block.loops.front().count, block.set_steps);
    }
    blocks_.push_back(std::move(block));
    return blocks_.size() - 1;
}

std::vector<KernelSchedule::SetAccess> KernelSchedule::accesses(const Block& block, const Copy& copy,
                                                                std::int64_t key,
                                                                const std::vector<Level>& levels,
                                                                std::int64_t first_word) const {
    if (block.sets == 1) {
        return {{copy.slice, key, first_word, levels}};
    }
    // One level walks the outermost loop; each set of slices serves its part of it.
    const std::int64_t steps = block.loops.front().count;
    const auto walks = std::ranges::find_if(levels, [&](const Level& level) {
        return level.address_stride == step_words(block.loops) && level.count == steps;
    });
    assert(walks != levels.end() && first_word < step_words(block.loops));
    std::vector<SetAccess> sets;
    for (std::int64_t set = 0; set < block.sets; ++set) {
        const std::int64_t begin = set * block.set_steps;
        std::vector<Level> mine = levels;
        mine[static_cast<std::size_t>(walks - levels.begin())].count =
            std::min(block.set_steps, steps - begin);
        sets.push_back(
            {copy.slice + set * block.set_slices, key + begin * walks->cycles, first_word, std::move(mine)});
    }
    return sets;
}

std::optional<KernelSchedule::Copy> KernelSchedule::room(const Block& block, Hemisphere hemisphere) const {
    const std::int64_t first = slices_used_[static_cast<std::size_t>(hemisphere)];
    if (block.sets * block.set_slices > spec_.mem_slices_per_hemisphere - first) {
        return {};
    }
    return Copy{hemisphere, first};
}

void KernelSchedule::keep(Block& block, const Copy& copy) {
    slices_used_[static_cast<std::size_t>(copy.hemisphere)] += block.sets * block.set_slices;
    block.copies.push_back(copy);
    if (!block.tensor) {
        return;
    }
    for (std::int64_t set = 0; set < block.sets; ++set) {
        TensorPiece piece{copy.hemisphere, copy.slice + set * block.set_slices, 0, block.row, block.column,
                          block.loops};
        if (block.sets > 1) {
            TensorLoop& outer = piece.loops.front();
            const std::int64_t begin = set * block.set_steps;
            piece.row += begin * outer.row_stride;
            piece.column += begin * outer.column_stride;
            outer.count = std::min(block.set_steps, outer.count - begin);
        }
        if (block.across.count > 1) {
            piece.loops.push_back(block.across);
        }
        std::erase_if(piece.loops, [](const TensorLoop& loop) { return loop.count == 1; });
        program_.tensors[*block.tensor].pieces.push_back(std::move(piece));
    }
}

KernelSchedule::Reach KernelSchedule::reach(const Block& block, const Copy& copy) const {
    const std::int64_t last = copy.slice + block.sets * block.set_slices - 1;
    const std::int64_t a = mem_position(spec_, copy.hemisphere, copy.slice);
    const std::int64_t b = mem_position(spec_, copy.hemisphere, last);
    return {std::min(a, b), std::max(a, b)};
}

bool KernelSchedule::slices_free(const Block& block, const Copy& copy, Direction direction,
                                 const std::vector<SetAccess>& sets, Offsets offsets) const {
    for (const SetAccess& set : sets) {
        for (std::int64_t slice = set.slice; slice < set.slice + block.set_slices; ++slice) {
            const auto cycles = loop_cycles(
                set.key + hops_along(direction, mem_position(spec_, copy.hemisphere, slice)), set.levels);
            const std::int64_t ordinal = slice_ordinal(spec_, copy.hemisphere, slice);
            if (!taken_.is_free({Kind::SliceQueue, ordinal}, cycles.shifted(offsets.issue)) ||
                !taken_.is_free({Kind::SlicePort, ordinal}, cycles.shifted(offsets.access))) {
                return false;
            }
        }
    }
    return true;
}

void KernelSchedule::take_slices(const Block& block, const Copy& copy, Direction direction,
                                 const std::vector<SetAccess>& sets, Offsets offsets) {
    for (const SetAccess& set : sets) {
        for (std::int64_t slice = set.slice; slice < set.slice + block.set_slices; ++slice) {
            const auto cycles = loop_cycles(
                set.key + hops_along(direction, mem_position(spec_, copy.hemisphere, slice)), set.levels);
            const std::int64_t ordinal = slice_ordinal(spec_, copy.hemisphere, slice);
            taken_.take({Kind::SliceQueue, ordinal}, cycles.shifted(offsets.issue));
            taken_.take({Kind::SlicePort, ordinal}, cycles.shifted(offsets.access));
        }
    }
}

std::vector<KernelSchedule::Copy> KernelSchedule::fresh_copies(const Block& block,
                                                               std::int64_t position) const {
    const std::int64_t vxm = vxm_position(spec_);
    const bool east = position == vxm ? slices_used_[1] < slices_used_[0] : position > vxm;
    std::vector<Copy> copies;
    for (const Hemisphere hemisphere :
         {east ? Hemisphere::East : Hemisphere::West, east ? Hemisphere::West : Hemisphere::East}) {
        if (const auto copy = room(block, hemisphere)) {
            copies.push_back(*copy);
        }
    }
    if (copies.empty()) {
        const std::int64_t slices = block.sets * block.set_slices;
        const std::int64_t left =
            spec_.mem_slices_per_hemisphere - std::min(slices_used_[0], slices_used_[1]);
        const std::int64_t slice_bytes = spec_.mem_words_per_slice * spec_.lanes();
        throw CapacityError(name_of(block) + " needs " + std::to_string(slices) +
                                " SRAM slices side by side; a hemisphere has " + std::to_string(left) +
                                " left",
                            slices * slice_bytes, left * slice_bytes);
    }
    return copies;
}

std::string KernelSchedule::name_of(const Block& block) const {
    return block.tensor ? program_.tensors[*block.tensor].name : "values in between";
}

std::optional<KernelSchedule::ReadPlan> KernelSchedule::plan_read(const Block& block, const Copy& copy,
                                                                  std::int64_t position, std::int64_t cycle,
                                                                  const std::vector<Level>& levels,
                                                                  std::int64_t first_word) const {
    const Reach slices = reach(block, copy);
    if (slices.west <= position && position <= slices.east) {
        return {}; // the reader is not downstream of all of them
    }
    const Direction direction = slices.east < position ? Direction::East : Direction::West;
    const std::int64_t key = stream_key(direction, position, cycle);
    ReadPlan plan;
    plan.source.position = direction == Direction::East ? slices.west : slices.east;
    plan.source.cycle = key + hops_along(direction, plan.source.position);
    plan.source.levels = cycles_of(levels);
    plan.source.streams = block.set_slices;
    plan.sets = accesses(block, copy, key, levels, first_word);
    const auto stream = find_route(plan.source, position);
    if (!stream || !slices_free(block, copy, direction, plan.sets, read_offsets())) {
        return {};
    }
    plan.stream = *stream;
    return plan;
}

Flow KernelSchedule::do_read(const Block& block, const Copy& copy, std::int64_t position, ReadPlan plan) {
    const Direction direction = plan.stream.direction;
    take_slices(block, copy, direction, plan.sets, read_offsets());
    for (const SetAccess& set : plan.sets) {
        const std::int64_t first = mem_position(spec_, copy.hemisphere, set.slice);
        SliceRange range;
        range.count = block.set_slices;
        range.stream_stride = 1;
        range.follow = direction;
        plan.source.drives.push_back({emit({Unit::Mem, copy.hemisphere, set.slice},
                                           set.key + hops_along(direction, first) + read_offsets().issue,
                                           MemAccess{MemRead{set.address, {}}, {}}, set.levels,
                                           block.set_slices > 1 ? range : SliceRange{})});
    }
    take_route(plan.source, plan.stream, position);
    return add_source(std::move(plan.source), block.dtype);
}

std::int64_t KernelSchedule::readable(std::size_t block, std::int64_t position) const {
    const Block& from = blocks_[block];
    std::int64_t hops = 0;
    for (const Copy& copy : from.copies) {
        const Reach slices = reach(from, copy);
        hops = std::max({hops, std::abs(position - slices.west), std::abs(position - slices.east)});
    }
    return from.written + 1 + spec_.mem_read_latency_cycles + hops;
}

bool KernelSchedule::can_read(std::size_t block, std::int64_t position, std::int64_t cycle,
                              const std::vector<Level>& levels) const {
    const Block& from = blocks_[block];
    return std::ranges::any_of(from.copies, [&](const Copy& copy) {
        return plan_read(from, copy, position, cycle, levels, 0).has_value();
    });
}

Flow KernelSchedule::read(std::size_t block, std::int64_t position, std::int64_t cycle,
                          const std::vector<Level>& levels, std::int64_t first_word) {
    Block& from = blocks_[block];
    for (const Copy& copy : from.copies) {
        if (auto plan = plan_read(from, copy, position, cycle, levels, first_word)) {
            return do_read(from, copy, position, *std::move(plan));
        }
    }
    if (from.tensor && program_.tensors[*from.tensor].role != Tensor::Role::Output) {
        for (const Copy& copy : fresh_copies(from, position)) {
            if (auto plan = plan_read(from, copy, position, cycle, levels, first_word)) {
                keep(from, copy);
                return do_read(from, copy, position, *std::move(plan));
            }
        }
    }
    throw NoRoom("no slices and streams are free to read " + name_of(from) + " for position " +
                 std::to_string(position) + " in cycle " + std::to_string(cycle));
}

void KernelSchedule::leave_positions() {
    for (std::int64_t& used : slices_used_) {
        const std::int64_t last = used;
        while (last > 0 && used < spec_.mem_slices_per_hemisphere &&
               mem_distance(spec_, used) == mem_distance(spec_, last - 1)) {
            ++used;
        }
    }
}

Flow KernelSchedule::gather(std::size_t block, const Flow& map, Hemisphere hemisphere, std::int64_t bank) {
    Block& from = blocks_[block];
    const std::int64_t bank_words = spec_.mem_words_per_slice / spec_.mem_banks_per_slice;
    std::int64_t words = 1;
    for (const TensorLoop& loop : from.loops) {
        words *= loop.count;
    }
    const std::int64_t first_word = bank * bank_words;
    assert(from.sets == 1 && first_word < words);
    words = std::min(words - first_word, bank_words);
    const Offsets offsets{0, spec_.mem_map_latency_cycles};
    const bool fresh = from.copies.empty();
    const std::optional<Copy> copy = fresh ? room(from, hemisphere) : from.copies.front();
    if (!copy) {
        const std::int64_t left =
            spec_.mem_slices_per_hemisphere - slices_used_[static_cast<std::size_t>(hemisphere)];
        const std::int64_t slice_bytes = spec_.mem_words_per_slice * spec_.lanes();
        throw CapacityError("a part of " + name_of(from) + " needs " + std::to_string(from.set_slices) +
                                " SRAM slices side by side; a hemisphere has " + std::to_string(left) +
                                " left",
                            from.set_slices * slice_bytes, left * slice_bytes);
    }
    assert(copy->hemisphere == hemisphere);
    Source& maker = sources_[map.source];
    const Reach slices = reach(from, *copy);
    const Direction direction = maker.position < slices.west ? Direction::East : Direction::West;
    const std::int64_t first = direction == Direction::East ? slices.west : slices.east;
    const std::int64_t last = direction == Direction::East ? slices.east : slices.west;
    const std::int64_t key = stream_key(direction, maker.position, map.cycle);
    Source source;
    source.position = first;
    source.cycle = key + hops_along(direction, first) + offsets.access + spec_.mem_read_latency_cycles;
    source.levels = map.levels;
    source.streams = from.set_slices;
    source.bound = direction;
    const std::vector<SetAccess> sets{{copy->slice, key, first_word, map.levels}};
    const auto stream = find_route(maker, last);
    if (!stream || !slices_free(from, *copy, direction, sets, offsets)) {
        throw NoRoom("no slices and streams are free to gather from " + name_of(from));
    }
    if (fresh) {
        keep(from, *copy);
    }
    take_slices(from, *copy, direction, sets, offsets);
    take_route(maker, *stream, last);
    SliceRange range;
    range.count = from.set_slices;
    range.stream_stride = 1;
    range.follow = direction;
    MemAccess access;
    access.read = MemRead{first_word, {}, AddressMap{*stream, words}};
    source.drives = {{emit({Unit::Mem, copy->hemisphere, copy->slice},
                           key + hops_along(direction, mem_position(spec_, copy->hemisphere, copy->slice)),
                           access, map.levels, from.set_slices > 1 ? range : SliceRange{})}};
    return add_source(std::move(source), from.dtype);
}

bool KernelSchedule::try_write(Block& block, const Copy& copy, bool fresh, const Flow& flow,
                               const std::vector<Level>& levels, std::int64_t first_word) {
    Source& source = sources_[flow.source];
    const Reach slices = reach(block, copy);
    if (slices.west <= source.position && source.position <= slices.east) {
        return false;
    }
    const Direction direction = source.position < slices.west ? Direction::East : Direction::West;
    const std::int64_t farthest = direction == Direction::East ? slices.east : slices.west;
    const std::int64_t key = flow.cycle - hops_along(direction, source.position);
    const auto sets = accesses(block, copy, key, levels, first_word);
    const Offsets offsets{0, spec_.mem_write_latency_cycles};
    const auto stream = find_route(source, farthest);
    if (!stream || !slices_free(block, copy, direction, sets, offsets)) {
        return false;
    }
    if (fresh) {
        keep(block, copy);
    }
    take_slices(block, copy, direction, sets, offsets);
    take_route(source, *stream, farthest);
    block.written = key + hops_along(direction, farthest) + offsets.access;
    for (const SetAccess& set : sets) {
        std::vector<Level> moved = set.levels;
        for (Level& level : moved) {
            level.write_address_stride = std::exchange(level.address_stride, 0);
        }
        SliceRange range;
        range.count = block.set_slices;
        range.write_stream_stride = 1;
        range.follow = direction;
        const std::int64_t first = mem_position(spec_, copy.hemisphere, set.slice);
        emit({Unit::Mem, copy.hemisphere, set.slice}, set.key + hops_along(direction, first),
             MemAccess{{}, MemWrite{set.address, *stream}}, std::move(moved),
             block.set_slices > 1 ? range : SliceRange{});
    }
    return true;
}

void KernelSchedule::write(std::size_t block, const Flow& flow, std::vector<std::int64_t> strides,
                           std::int64_t first_word) {
    Block& into = blocks_[block];
    std::vector<Level> levels = flow.levels;
    std::int64_t words = 1;
    for (std::size_t i = levels.size(); i-- > 0;) {
        levels[i].address_stride = strides.empty() ? words : strides[i];
        words *= levels[i].count;
    }
    for (const Copy& copy : std::vector<Copy>(into.copies)) {
        if (try_write(into, copy, false, flow, levels, first_word)) {
            return;
        }
    }
    if (into.copies.empty()) {
        for (const Copy& copy : fresh_copies(into, sources_[flow.source].position)) {
            if (try_write(into, copy, true, flow, levels, first_word)) {
                return;
            }
        }
    }
    throw NoRoom("no streams are free to write " + name_of(into));
}

} // namespace lpusim::chip
