#include "lpusim/chip/kernels/side_schedule.h"

#include <utility>

#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/kernels/matmul_parts.h"

namespace lpusim::chip {

Loops operator+(Loops outer, const Loops& inner) {
    outer.insert(outer.end(), inner.begin(), inner.end());
    return outer;
}

Loops in_place(Loops loops) {
    for (Loop& loop : loops) {
        loop.stride = 0;
    }
    return loops;
}

StreamRef SideSchedule::out(std::int64_t stream) const {
    return {outward(side_), stream};
}

StreamRef SideSchedule::in(std::int64_t stream) const {
    return {inward(side_), stream};
}

void SideSchedule::run(Unit unit, std::int64_t index, std::int64_t issue, const Instruction& instruction,
                       const Loops& loops, SliceRange slices) {
    const auto* access = std::get_if<MemAccess>(&instruction);
    const bool writes = access != nullptr && access->write.has_value();
    std::vector<Level> levels;
    for (const Loop& loop : loops) {
        levels.push_back({loop.count, loop.cycles, writes ? 0 : loop.stride, writes ? loop.stride : 0});
    }
    const Hemisphere where = unit == Unit::Vxm ? Hemisphere::West : side_;
    program_.runs.push_back({{unit, where, index}, issue - origin_, instruction, joined(levels), slices});
}

SliceRange SideSchedule::range(SliceGroup group, Direction direction, bool writes) const {
    SliceRange range;
    range.count = group.count;
    (writes ? range.write_stream_stride : range.stream_stride) = 1;
    range.follow = direction;
    return range;
}

void SideSchedule::read_out(SliceGroup group, std::int64_t word, std::int64_t stream, std::int64_t hops,
                            std::int64_t arrives, const Loops& loops) {
    run(Unit::Mem, group.first,
        arrives - hops + mem_distance(spec_, group.first) - spec_.mem_read_latency_cycles,
        MemAccess{MemRead{word, out(stream)}, {}}, loops, range(group, outward(side_), false));
}

void SideSchedule::read_in(SliceGroup group, std::int64_t word, std::int64_t stream, std::int64_t arrives,
                           const Loops& loops) {
    run(Unit::Mem, group.first, arrives - mem_distance(spec_, group.first) - spec_.mem_read_latency_cycles,
        MemAccess{MemRead{word, in(stream)}, {}}, loops, range(group, inward(side_), false));
}

void SideSchedule::write(SliceGroup group, std::int64_t word, std::int64_t stream, std::int64_t driven,
                         const Loops& loops) {
    run(Unit::Mem, group.first, driven + mem_distance(spec_, group.first),
        MemAccess{{}, MemWrite{word, out(stream)}}, loops, range(group, outward(side_), true));
}

void SideSchedule::read_in_turn(SliceGroup group, std::int64_t cycles, std::int64_t word, std::int64_t stream,
                                std::int64_t arrives, const Loops& loops) {
    SliceRange turns = range(group, inward(side_), false);
    turns.cycles = cycles;
    turns.stream_stride = 0;
    run(Unit::Mem, group.first, arrives - mem_distance(spec_, group.first) - spec_.mem_read_latency_cycles,
        MemAccess{MemRead{word, in(stream)}, {}}, loops, turns);
}

void SideSchedule::write_in_turn(SliceGroup group, std::int64_t cycles, std::int64_t word,
                                 std::int64_t stream, std::int64_t driven, const Loops& loops) {
    SliceRange turns = range(group, outward(side_), true);
    turns.cycles = cycles;
    turns.write_stream_stride = 0;
    run(Unit::Mem, group.first, driven + mem_distance(spec_, group.first),
        MemAccess{{}, MemWrite{word, out(stream)}}, loops, turns);
}

void SideSchedule::vxm(std::int64_t alu, std::int64_t cycle, VxmCompute compute, const Loops& loops) {
    run(Unit::Vxm, first_alu_ + alu, cycle, compute, in_place(loops));
}

} // namespace lpusim::chip
