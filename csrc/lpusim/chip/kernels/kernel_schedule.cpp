#include "lpusim/chip/kernels/kernel_schedule.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdlib>
#include <limits>
#include <utility>

#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/kernel_parts.h"

namespace lpusim::chip {

namespace {

using Kind = Reservations::Kind;

void set_destination(Instruction& instruction, StreamRef to) {
    if (auto* access = std::get_if<MemAccess>(&instruction)) {
        access->read->to = to;
    } else if (auto* compute = std::get_if<VxmCompute>(&instruction)) {
        compute->to = to;
    } else if (auto* move = std::get_if<SxmMove>(&instruction)) {
        move->to = to;
    } else {
        std::get<MxmAccumulate>(instruction).to = to;
    }
}

} // namespace

Progression loop_cycles(std::int64_t first, std::span<const Level> levels) {
    std::vector<ProgressionLevel> steps;
    for (const Level& level : levels) {
        steps.push_back({level.cycles, level.count});
    }
    return {first, steps};
}

std::int64_t KernelSchedule::lane_map(LaneMap map) {
    const auto known = std::ranges::find(program_.maps, map);
    const std::int64_t index = known - program_.maps.begin();
    if (known == program_.maps.end()) {
        program_.maps.push_back(std::move(map));
    }
    return index;
}

std::int64_t KernelSchedule::arrival(const Flow& flow, std::int64_t position) const {
    return flow.cycle + std::abs(position - sources_[flow.source].position);
}

Flow KernelSchedule::part(Flow flow, std::int64_t cycles, std::vector<Level> levels) {
    flow.cycle += cycles;
    flow.levels = std::move(levels);
    return flow;
}

Flow KernelSchedule::byte_plane(Flow flow, std::int64_t plane) {
    flow.dtype = DType::Int8;
    flow.streams = 1;
    flow.plane += plane;
    return flow;
}

Flow KernelSchedule::beside(const std::vector<Flow>& results, DType dtype) {
    const Source& first = sources_[results.front().source];
    Source together{first.position, first.cycle, first.levels, 0};
    for (const Flow& result : results) {
        const Source& source = sources_[result.source];
        assert(source.alu && !source.routed && source.cycle == together.cycle);
        for (const Source::Drive& drive : source.drives) {
            together.drives.push_back({drive.run, together.streams + drive.plane});
        }
        together.streams += source.streams;
    }
    return add_source(std::move(together), dtype);
}

std::size_t KernelSchedule::emit(QueueId queue, std::int64_t issue, const Instruction& instruction,
                                 std::vector<Level> levels, SliceRange slices) {
    const Movable can = movable(instruction);
    for (Level& level : levels) {
        level.address_stride = can.address ? level.address_stride : 0;
        level.write_address_stride = can.write_address ? level.write_address_stride : 0;
    }
    program_.runs.push_back({queue, issue, instruction, std::move(levels), slices});
    return program_.runs.size() - 1;
}

Flow KernelSchedule::add_source(Source source, DType dtype) {
    sources_.push_back(std::move(source));
    const Source& made = sources_.back();
    return {sources_.size() - 1, made.cycle, made.levels, dtype, made.streams};
}

std::optional<StreamRef> KernelSchedule::free_stream(const Source& source, Direction direction,
                                                     Reservations::Extent extent) const {
    const auto width = static_cast<std::uint64_t>(source.streams);
    const auto group = static_cast<std::int64_t>(std::bit_ceil(width));
    const Progression keys =
        loop_cycles(source.cycle - hops_along(direction, source.position), source.levels);
    const auto is_free = [&](std::int64_t first) {
        for (std::int64_t stream = first; stream < first + source.streams; ++stream) {
            if (!taken_.is_free({stream_kind(direction), stream}, keys, extent)) {
                return false;
            }
        }
        return true;
    };
    const std::int64_t low = source.routed ? source.routed->stream : 0;
    const std::int64_t high = source.routed ? low : spec_.streams_per_direction - source.streams;
    for (std::int64_t first = low; first <= high; first += group) {
        if (is_free(first)) {
            return StreamRef{direction, first};
        }
    }
    return {};
}

std::optional<StreamRef> KernelSchedule::find_route(const Source& source, std::int64_t position) const {
    assert(position != source.position);
    const Direction direction = position > source.position ? Direction::East : Direction::West;
    if ((source.bound && *source.bound != direction) ||
        (source.routed && source.routed->direction != direction)) {
        return {};
    }
    const std::int64_t end = hops_along(direction, position);
    const std::int64_t first = source.routed ? source.routed_end : hops_along(direction, source.position);
    return first >= end ? source.routed : free_stream(source, direction, {first, end});
}

void KernelSchedule::take_route(Source& source, StreamRef stream, std::int64_t position) {
    const Direction direction = stream.direction;
    const std::int64_t start = hops_along(direction, source.position);
    const std::int64_t end = hops_along(direction, position);
    const std::int64_t first = source.routed ? source.routed_end : start;
    if (first < end) {
        const Progression keys = loop_cycles(source.cycle - start, source.levels);
        for (std::int64_t i = 0; i < source.streams; ++i) {
            taken_.take({stream_kind(direction), stream.stream + i}, keys, {first, end});
        }
        source.routed_end = end;
    }
    if (!source.routed) {
        source.routed = stream;
        for (const Source::Drive& drive : source.drives) {
            set_destination(program_.runs[drive.run].instruction, {direction, stream.stream + drive.plane});
        }
    }
}

StreamRef KernelSchedule::route(const Flow& flow, std::int64_t position) {
    Source& source = sources_[flow.source];
    const auto stream = find_route(source, position);
    if (!stream) {
        throw NoRoom("no " + std::to_string(source.streams) + " streams are free from position " +
                     std::to_string(source.position) + " to " + std::to_string(position));
    }
    take_route(source, *stream, position);
    return *stream;
}

std::int64_t KernelSchedule::pick_alu(const Progression& issues, std::int64_t latency_cycles) const {
    const Progression results = issues.shifted(latency_cycles);
    for (std::int64_t alu = 0; alu < spec_.vxm_alus; ++alu) {
        if (taken_.is_free({Kind::AluQueue, alu}, issues) &&
            taken_.is_free({Kind::AluResult, alu}, results)) {
            return alu;
        }
    }
    throw NoRoom("none of the " + std::to_string(spec_.vxm_alus) + " ALUs is free from cycle " +
                 std::to_string(issues.first()) + " on");
}

void KernelSchedule::take_alu(std::int64_t alu, const Progression& issues, std::int64_t latency_cycles) {
    taken_.take({Kind::AluQueue, alu}, issues);
    taken_.take({Kind::AluResult, alu}, issues.shifted(latency_cycles));
}

VxmOperand KernelSchedule::operand(const Operand& value, [[maybe_unused]] const Progression& issues) {
    if (const auto* number = std::get_if<VxmImmediate>(&value)) {
        return *number;
    }
    const Flow& flow = std::get<Flow>(value);
    const Source& source = sources_[flow.source];
    const std::int64_t late = arrival(flow, vxm_position(spec_)) - flow.cycle;
    assert(includes(loop_cycles(source.cycle + late, source.levels), issues));
    (void)late;
    if (source.alu) {
        return VxmChain{*source.alu};
    }
    StreamRef first = route(flow, vxm_position(spec_));
    first.stream += flow.plane;
    return VxmStream{first};
}

Flow KernelSchedule::vxm(VxmOp op, const std::vector<Operand>& operands, std::optional<DType> result) {
    const auto typed = std::ranges::find_if(
        operands, [](const Operand& value) { return std::holds_alternative<Flow>(value); });
    assert(typed != operands.end() && operands.size() <= 3);
    const Flow flow = std::get<Flow>(*typed);
    const std::int64_t cycle = arrival(flow, vxm_position(spec_));
    const Progression issues = loop_cycles(cycle, flow.levels);
    VxmCompute compute;
    compute.op = op;
    compute.dtype = flow.dtype;
    compute.result = result.value_or(flow.dtype);
    VxmOperand* const places[] = {&compute.a, &compute.b, &compute.c};
    for (std::size_t i = 0; i < operands.size(); ++i) {
        *places[i] = operand(operands[i], issues);
    }
    const std::int64_t latency =
        is_function(op) ? spec_.vxm_function_latency_cycles : spec_.vxm_alu_latency_cycles;
    const std::int64_t alu = pick_alu(issues, latency);
    take_alu(alu, issues, latency);
    Source source{vxm_position(spec_), cycle + latency, flow.levels, dtype_bytes(compute.result)};
    source.alu = alu;
    source.drives = {{emit({Unit::Vxm, Hemisphere::West, alu}, cycle, compute, flow.levels)}};
    return add_source(std::move(source), compute.result);
}

Flow KernelSchedule::fold_innermost(VxmOp op, const Flow& flow) {
    std::vector<Level> outer = flow.levels;
    const Level inner = outer.back();
    outer.pop_back();
    if (inner.count == 1) {
        return part(flow, 0, outer);
    }
    const std::int64_t latency = spec_.vxm_alu_latency_cycles;
    assert(inner.cycles == latency);
    const std::int64_t cycle = arrival(flow, vxm_position(spec_));
    const Progression issues = loop_cycles(cycle, flow.levels);
    const std::int64_t alu = pick_alu(issues, latency);
    take_alu(alu, issues, latency);
    VxmCompute compute;
    compute.dtype = compute.result = flow.dtype;
    compute.a = operand(flow, issues);
    const QueueId queue{Unit::Vxm, Hemisphere::West, alu};
    emit(queue, cycle, compute, outer);
    compute.op = op;
    compute.b = std::exchange(compute.a, VxmChain{alu});
    if (inner.count > 2) {
        std::vector<Level> middle = outer;
        middle.push_back({inner.count - 2, latency});
        emit(queue, cycle + latency, compute, middle);
    }
    const std::int64_t last = cycle + (inner.count - 1) * latency;
    Source source{vxm_position(spec_), last + latency, outer, flow.streams};
    source.alu = alu;
    source.drives = {{emit(queue, last, compute, outer)}};
    return add_source(std::move(source), flow.dtype);
}

Flow KernelSchedule::hold(const Flow& flow, std::int64_t count) {
    const std::int64_t latency = spec_.vxm_alu_latency_cycles;
    const std::int64_t cycle = arrival(flow, vxm_position(spec_));
    std::vector<Level> levels = flow.levels;
    levels.push_back({count, latency});
    const Progression issues = loop_cycles(cycle, levels);
    const std::int64_t alu = pick_alu(issues, latency);
    take_alu(alu, issues, latency);
    const QueueId queue{Unit::Vxm, Hemisphere::West, alu};
    VxmCompute compute;
    compute.dtype = compute.result = flow.dtype;
    compute.a = operand(flow, loop_cycles(cycle, flow.levels));
    Source source{vxm_position(spec_), cycle + latency, levels, flow.streams};
    source.alu = alu;
    source.drives = {{emit(queue, cycle, compute, flow.levels)}};
    if (count > 1) {
        compute.a = VxmChain{alu};
        levels.back().count = count - 1;
        source.drives.push_back({emit(queue, cycle + latency, compute, levels)});
    }
    return add_source(std::move(source), flow.dtype);
}

Flow KernelSchedule::counting(std::int64_t cycle, std::vector<Level> levels, std::int64_t count) {
    const std::int64_t latency = spec_.vxm_alu_latency_cycles;
    const std::int64_t issue = cycle - latency;
    const std::vector<Level> turns = levels;
    levels.push_back({count, latency});
    const Progression issues = loop_cycles(issue, levels);
    const std::int64_t alu = pick_alu(issues, latency);
    take_alu(alu, issues, latency);
    const QueueId queue{Unit::Vxm, Hemisphere::West, alu};
    VxmCompute compute;
    compute.dtype = compute.result = DType::Int32;
    compute.a = VxmImmediate{0};
    Source source{vxm_position(spec_), cycle, levels, dtype_bytes(DType::Int32)};
    source.alu = alu;
    source.drives = {{emit(queue, issue, compute, turns)}};
    if (count > 1) {
        compute.op = VxmOp::Add;
        compute.a = VxmChain{alu};
        compute.b = VxmImmediate{1};
        levels.back().count = count - 1;
        source.drives.push_back({emit(queue, cycle, compute, levels)});
    }
    return add_source(std::move(source), DType::Int32);
}

Flow KernelSchedule::delayed(Flow flow, std::int64_t passes) {
    constexpr std::int64_t kSinglyMax = 32;
    const std::int64_t latency = spec_.vxm_alu_latency_cycles;
    // An ALU can hold a vector until the next one comes.
    std::int64_t turns = passes;
    for (const Level& level : flow.levels) {
        if (level.count > 1)
            turns = level.cycles / latency;
    }
    while (passes > kSinglyMax && turns > 1) {
        const std::int64_t held = std::min(passes - 1, turns);
        flow = part(hold(flow, held), (held - 1) * latency, flow.levels);
        passes -= held;
    }
    for (std::int64_t i = 0; i < passes; ++i) {
        flow = vxm(VxmOp::Pass, {flow});
    }
    return flow;
}

KernelSchedule::Resource KernelSchedule::sxm_queue(Hemisphere hemisphere, std::int64_t queue) const {
    return {Kind::SxmQueue, static_cast<std::int64_t>(hemisphere) * spec_.sxm_queues_per_hemisphere + queue};
}

std::int64_t KernelSchedule::sxm_queues_free(Hemisphere hemisphere, std::int64_t cycle,
                                             const std::vector<Level>& levels) const {
    const Progression issues = loop_cycles(cycle, levels);
    std::int64_t free = 0;
    for (std::int64_t queue = 0; queue < spec_.sxm_queues_per_hemisphere; ++queue) {
        free += taken_.is_free(sxm_queue(hemisphere, queue), issues) ? 1 : 0;
    }
    return free;
}

Flow KernelSchedule::sxm(Hemisphere hemisphere, SxmOp op, std::int64_t argument, const Flow& a,
                         const Flow* b) {
    const std::int64_t position = sxm_position(spec_, hemisphere);
    const std::int64_t cycle = arrival(a, position);
    assert(b == nullptr || arrival(*b, position) == cycle);
    SxmMove move;
    move.op = op;
    move.argument = argument;
    const SxmShape shape = sxm_shape(move, spec_);
    assert(a.streams % shape.input_streams == 0);
    move.a = route(a, position);
    if (b != nullptr) {
        move.b = route(*b, position);
    }
    const Progression issues = loop_cycles(cycle, a.levels);
    const std::int64_t moves = a.streams / shape.input_streams;
    Source source{position, cycle + shape.latency_cycles, a.levels, moves * shape.output_streams};
    std::int64_t queue = 0;
    for (std::int64_t i = 0; i < moves; ++i, ++queue) {
        while (queue < spec_.sxm_queues_per_hemisphere &&
               !taken_.is_free(sxm_queue(hemisphere, queue), issues)) {
            ++queue;
        }
        if (queue == spec_.sxm_queues_per_hemisphere) {
            throw NoRoom("no " + std::to_string(moves) + " SXM queues of a hemisphere are free from cycle " +
                         std::to_string(cycle) + " on");
        }
        taken_.take(sxm_queue(hemisphere, queue), issues);
        SxmMove one = move;
        one.a.stream += i * shape.input_streams;
        if (one.b) {
            one.b->stream += i;
        }
        source.drives.push_back(
            {emit({Unit::Sxm, hemisphere, queue}, cycle, one, a.levels), i * shape.output_streams});
    }
    return add_source(std::move(source), a.dtype);
}

void KernelSchedule::load(Hemisphere hemisphere, std::int64_t plane, const Flow& columns,
                          std::int64_t first_column, std::span<const std::int64_t> strides) {
    const std::int64_t position = mxm_position(spec_, hemisphere);
    assert(strides.size() == columns.levels.size());
    std::vector<Level> levels = columns.levels;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        levels[i].address_stride = strides[i];
    }
    emit({Unit::MxmWeights, hemisphere, plane}, arrival(columns, position),
         MxmLoad{first_column, route(columns, position), columns.streams}, std::move(levels));
}

void KernelSchedule::install(Hemisphere hemisphere, std::int64_t plane, std::int64_t cycle,
                             std::vector<Level> levels) {
    emit({Unit::MxmWeights, hemisphere, plane}, cycle, MxmInstall{}, std::move(levels));
}

std::int64_t KernelSchedule::activate(Hemisphere hemisphere, std::int64_t plane, const Flow& activations,
                                      std::int64_t roundings) {
    const std::int64_t position = mxm_position(spec_, hemisphere);
    const std::int64_t cycle = arrival(activations, position);
    emit({Unit::MxmActivations, hemisphere, plane}, cycle,
         MxmActivate{activations.dtype, route(activations, position), roundings}, activations.levels);
    return cycle + spec_.mxm_activate_latency_cycles +
           (activations.dtype == DType::Fp16 ? spec_.mxm_fp16_cycles - 1 : 0);
}

Flow KernelSchedule::accumulate(Hemisphere hemisphere, std::int64_t plane, std::int64_t cycle,
                                std::vector<Level> levels, std::int64_t slot, bool start, DType dtype) {
    Source source{mxm_position(spec_, hemisphere), cycle + spec_.mxm_accumulate_latency_cycles, levels,
                  dtype_bytes(dtype)};
    source.drives = {{emit({Unit::MxmAccumulators, hemisphere, plane}, cycle,
                           MxmAccumulate{slot, start, {}, dtype}, std::move(levels))}};
    return add_source(std::move(source), dtype);
}

Program KernelSchedule::finish() {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    for (const InstructionRun& run : program_.runs) {
        for (const std::int64_t slice : {std::int64_t{0}, run.slices.count - 1}) {
            first = std::min(first, issue_on_slice(run, slice, spec_));
        }
    }
    for (InstructionRun& run : program_.runs) {
        run.issue -= first;
        run.repeat = joined(run.repeat);
    }
    return std::move(program_);
}

} // namespace lpusim::chip
