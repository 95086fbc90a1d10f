#include "lpusim/chip/fuzz/random_changes.h"

#include <algorithm>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/chip/fuzz/random_work.h"

namespace lpusim::chip {
namespace {

void move_address(InstructionRun& run, const Level& level, std::int64_t steps) {
    if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
        if (access->read)
            access->read->address += steps * level.address_stride;
        if (access->write)
            access->write->address += steps * level.write_address_stride;
    } else if (auto* load = std::get_if<MxmLoad>(&run.instruction)) {
        load->column += steps * level.address_stride;
    } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
        add->slot += steps * level.address_stride;
    }
}

} // namespace

std::vector<InstructionRun> split_run(const InstructionRun& run, Draw& draw) {
    if (run.repeat.empty())
        return {run};
    const auto at = static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(run.repeat.size())));
    const Level whole = run.repeat[at];
    if (whole.count < 2)
        return {run};
    InstructionRun first = run, second = run;
    Level& left = first.repeat[at];
    Level& right = second.repeat[at];
    const std::int64_t way = draw.below(whole.count % 2 == 0 && run.repeat.size() < 6 ? 3 : 2);
    if (way == 2) {
        first.repeat.insert(
            first.repeat.begin() + static_cast<std::ptrdiff_t>(at),
            {whole.count / 2, 2 * whole.cycles, 2 * whole.address_stride, 2 * whole.write_address_stride});
        first.repeat[at + 1].count = 2;
        return {first};
    }
    std::int64_t steps = 1;
    if (way == 1) { // Odd and even.
        for (Level* level : {&left, &right}) {
            level->cycles *= 2;
            level->address_stride *= 2;
            level->write_address_stride *= 2;
        }
        left.count = (whole.count + 1) / 2;
    } else {
        steps = left.count = draw.between(1, whole.count - 1);
    }
    right.count = whole.count - left.count;
    second.issue += steps * whole.cycles;
    move_address(second, whole, steps);
    return {first, second};
}

void sort_by_issue(Program& program) {
    std::stable_sort(program.runs.begin(), program.runs.end(),
                     [](const InstructionRun& a, const InstructionRun& b) { return a.issue < b.issue; });
}

bool is_valid(const Program& program, const ChipSpec& spec) {
    try {
        validate(program, spec);
        return true;
    } catch (const ValueError&) {
        return false;
    }
}

void mutate(Program& program, const ChipSpec& spec, Draw& draw) {
    auto& runs = program.runs;
    if (runs.empty())
        return;
    const auto at = static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(runs.size())));
    InstructionRun& run = runs[at];
    const auto nudge = [&](StreamRef& stream) {
        if (draw.chance(30)) {
            stream.direction = stream.direction == Direction::East ? Direction::West : Direction::East;
        } else {
            stream.stream = draw.below(spec.streams_per_direction);
        }
    };
    const auto nudge_group = [&](StreamRef& group, std::int64_t width) {
        nudge(group);
        group.stream -= group.stream % width;
    };
    switch (draw.below(28)) {
    case 0:
        run.issue += draw.between(-3, 3);
        break;
    case 1:
        run.issue = draw.below(150);
        break;
    case 2:
        if (!run.repeat.empty()) {
            run.repeat[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(run.repeat.size())))]
                .count += draw.between(-2, 3);
        }
        break;
    case 3:
        if (!run.repeat.empty()) {
            run.repeat[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(run.repeat.size())))]
                .cycles += draw.between(-1, 3);
        }
        break;
    case 4:
        if (!run.repeat.empty()) {
            Level& level = run.repeat[static_cast<std::size_t>(
                draw.below(static_cast<std::int64_t>(run.repeat.size())))];
            const Movable can = movable(run.instruction);
            const std::int64_t step = draw.between(-3, 3), write_step = draw.between(-3, 3);
            level.address_stride += can.address ? step : 0;
            level.write_address_stride += can.write_address ? write_step : 0;
        }
        break;
    case 5:
        if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
            if (access->read)
                nudge(access->read->to);
            if (access->write)
                nudge(access->write->from);
        } else if (auto* load = std::get_if<MxmLoad>(&run.instruction)) {
            nudge(load->from);
        } else if (auto* activate = std::get_if<MxmActivate>(&run.instruction)) {
            nudge(activate->from);
        } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
            if (add->to)
                nudge_group(*add->to, dtype_bytes(DType::Int32));
        } else if (auto* compute = std::get_if<VxmCompute>(&run.instruction)) {
            if (auto* stream = std::get_if<VxmStream>(&compute->a))
                nudge_group(stream->from, dtype_bytes(compute->dtype));
            if (auto* chain = std::get_if<VxmChain>(&compute->b))
                chain->alu = draw.below(spec.vxm_alus);
            if (compute->to)
                nudge_group(*compute->to, dtype_bytes(compute->result));
        } else if (auto* move = std::get_if<SxmMove>(&run.instruction)) {
            nudge(draw.chance(50) ? move->a : move->to);
        } else if (auto* fetch = std::get_if<Ifetch>(&run.instruction)) {
            nudge(fetch->from);
        }
        break;
    case 6:
        if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
            if (access->read)
                access->read->address += draw.between(-20, 20);
            if (access->write)
                access->write->address += draw.between(-20, 20);
        } else if (auto* load = std::get_if<MxmLoad>(&run.instruction)) {
            load->column += draw.between(-2, 2);
        } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
            add->slot += draw.between(-3, 3);
        }
        break;
    case 20: // An operation that takes another time, and one more of it.
        if (auto* compute = std::get_if<VxmCompute>(&run.instruction);
            compute != nullptr && (compute->dtype == DType::Fp32 || compute->dtype == DType::Fp16) &&
            (compute->op == VxmOp::Pass || is_function(compute->op))) {
            InstructionRun twin = run;
            twin.issue += draw.between(1, 5);
            auto& other = std::get<VxmCompute>(twin.instruction);
            other.op = other.op == VxmOp::Pass ? VxmOp::Tanh : VxmOp::Pass;
            other.to.reset();
            if (draw.chance(50))
                other.a = VxmImmediate{1};
            runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(at) + 1, twin);
        }
        break;
    case 21: // Another plane, or another type.
        if (auto* activate = std::get_if<MxmActivate>(&run.instruction); activate != nullptr) {
            if (draw.chance(60)) {
                run.queue.index = draw.below(spec.mxm_planes_per_hemisphere);
            } else if (activate->dtype != DType::Fp16) {
                activate->dtype = activate->dtype == DType::Int8 ? DType::Fp8 : DType::Int8;
            }
        } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
            add->dtype = add->dtype == DType::Int32 ? DType::Fp32 : DType::Int32;
        }
        break;
    case 22:
    case 23: // Another piece of work, whatever it meets.
        for (InstructionRun& more : draw.chance(40) ? RandomWork(spec, draw, program.maps).build()
                                                    : RandomWork(spec, draw, program.maps).build_contest())
            runs.push_back(std::move(more));
        break;
    case 7: {
        InstructionRun twin = run;
        twin.issue += draw.between(0, 9);
        runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(at) + 1, twin);
        break;
    }
    case 24: // Another window, or another map.
        if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
            for (auto* map : {access->read ? &access->read->gather : nullptr,
                              access->write ? &access->write->scatter : nullptr}) {
                if (map == nullptr || !*map)
                    continue;
                (*map)->window_words += draw.between(-2, 2);
                if (draw.chance(30))
                    nudge_group((*map)->map, 2);
            }
        } else if (auto* receive = std::get_if<C2cReceive>(&run.instruction)) {
            receive->held_cycles += draw.between(-2, 2);
        } else if (auto* send = std::get_if<C2cSend>(&run.instruction)) {
            nudge(send->from);
        }
        break;
    case 25: // An access through a map becomes a plain one, or a plain one goes through a map.
        if (auto* access = std::get_if<MemAccess>(&run.instruction); access != nullptr && access->read) {
            if (access->read->gather) {
                access->read->gather.reset();
            } else {
                access->read->gather = AddressMap{{Direction::East, 0}, draw.between(1, 8)};
                nudge_group(access->read->gather->map, 2);
            }
        }
        break;
    case 26: // To another chip.
        run.queue.chip = draw.below(program.chips);
        break;
    case 27: // A plain read that meets a gather of the same slice.
        if (auto* access = std::get_if<MemAccess>(&run.instruction); access != nullptr) {
            InstructionRun plain = run;
            plain.issue += spec.mem_map_latency_cycles;
            MemAccess& other = std::get<MemAccess>(plain.instruction);
            if (other.read)
                other.read->gather.reset();
            if (other.write)
                other.write->scatter.reset();
            runs.push_back(plain);
        }
        break;
    case 8:
        runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(at));
        break;
    case 9:
        if (run.queue.unit == Unit::Mem)
            run.queue.index = draw.below(spec.mem_slices_per_hemisphere);
        break;
    case 10: // A read beside the write, often in its bank.
        if (auto* access = std::get_if<MemAccess>(&run.instruction); access != nullptr && access->write) {
            access->read = MemRead{access->write->address + draw.between(-4, 4),
                                   {Direction::East, draw.below(spec.streams_per_direction)}};
        }
        break;
    case 12: // Every second one of what arrives, or two of it at once.
        if (!run.repeat.empty()) {
            Level& level = run.repeat.back();
            level.count = std::max<std::int64_t>(1, level.count / 2);
            level.cycles *= 2;
        }
        break;
    case 13: // The same first and last instance, others between.
        if (!run.repeat.empty() && run.repeat.back().count > 2 && run.repeat.back().cycles > 0) {
            Level& level = run.repeat.back();
            const std::int64_t span = (level.count - 1) * level.cycles;
            const std::int64_t steps = draw.between(1, span);
            if (span % steps == 0) {
                level.cycles = span / steps;
                level.count = steps + 1;
            }
        }
        break;
    case 17: { // The same in other words.
        const auto parts = split_run(run, draw);
        runs.insert(runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(at)), parts.begin(), parts.end());
        break;
    }
    case 18: { // A barrier in the middle of whatever the queue does.
        const std::int64_t sync = run.issue + draw.below(40);
        const QueueId parked = run.queue;
        runs.push_back({parked, sync, Sync{}, {}, {}});
        if (draw.chance(85))
            runs.push_back({{Unit::Vxm, Hemisphere::West, 0}, sync + draw.below(3), Notify{}, {}, {}});
        break;
    }
    case 19: // Weights in turn, one load or install more or less, or all of it again.
        for (InstructionRun& other : runs) {
            if (other.queue.unit != Unit::MxmWeights)
                continue;
            if (draw.chance(50) && !other.repeat.empty()) {
                other.repeat[0].count =
                    std::max<std::int64_t>(1, other.repeat[0].count + draw.between(-1, 1));
            } else if (draw.chance(30)) {
                other.repeat.insert(other.repeat.begin(),
                                    {draw.between(2, 40), draw.between(1, 60), draw.below(2), 0});
            }
        }
        break;
    case 14: // An install or an activation once more.
        if (run.queue.unit == Unit::MxmWeights || run.queue.unit == Unit::MxmActivations)
            run.repeat.push_back({draw.between(1, 3), draw.between(1, 9), 0, 0});
        break;
    case 15: // A twin in another slice: a third drive of the same cell, perhaps.
        if (run.queue.unit == Unit::Mem) {
            InstructionRun twin = run;
            twin.queue.index = draw.below(spec.mem_slices_per_hemisphere);
            runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(at) + 1, twin);
        }
        break;
    case 11: // The same weight columns again.
        if (std::holds_alternative<MxmLoad>(run.instruction) && !run.repeat.empty()) {
            run.repeat[0].address_stride += draw.between(-2, 2);
        }
        break;
    default:
        if (run.queue.unit == Unit::Mem && std::holds_alternative<MemAccess>(run.instruction)) {
            run.slices.count = draw.between(1, 3);
            const Movable can = movable(run.instruction);
            const auto stride = [&draw](bool moves) { return moves ? draw.between(-1, 1) : 0; };
            run.slices.stream_stride = stride(can.stream);
            run.slices.write_stream_stride = stride(can.write_stream);
            run.slices.cycles = draw.between(0, 2);
            run.slices.address_stride = stride(can.address);
            run.slices.write_address_stride = stride(can.write_address);
        } else {
            run.issue += draw.between(-9, 9);
        }
        break;
    }
    if (draw.chance(80))
        sort_by_issue(program);
}

} // namespace lpusim::chip
