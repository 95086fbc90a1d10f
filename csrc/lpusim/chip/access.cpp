#include "lpusim/chip/access.h"

#include <algorithm>

#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {

namespace {

/// A two-byte address for each superlane.
constexpr std::int64_t kMapBytes = 2;

/// Fills a RunUse for one instruction on one queue.
struct UseBuilder {
    RunUse& use;
    const SliceRange& range;
    std::int64_t slice;
    const ChipSpec& spec;

    [[nodiscard]] std::int64_t position() const { return queue_position(spec, use.queue); }
    [[nodiscard]] std::int64_t plane() const {
        return plane_ordinal(spec, use.queue.hemisphere, use.queue.index, use.queue.chip);
    }
    [[nodiscard]] std::int64_t alu(std::int64_t index) const {
        return alu_ordinal(spec, index, use.queue.chip);
    }

    void at(std::int64_t offset) { use.last_offset = std::max(use.last_offset, offset); }

    void read(const StreamRef& from, std::int64_t stream_stride, std::int64_t width, std::int64_t offset) {
        use.stream_reads.push_back(
            {from.direction, from.stream + slice * stream_stride, width, position(), offset});
        at(offset);
    }

    void drive(const StreamRef& to, std::int64_t stream_stride, std::int64_t width, std::int64_t offset) {
        use.stream_drive =
            StreamUse{to.direction, to.stream + slice * stream_stride, width, position(), offset};
        at(offset);
    }

    void operator()(const MemAccess& access) {
        const std::int64_t ordinal =
            slice_ordinal(spec, use.queue.hemisphere, use.queue.index, use.queue.chip);
        if (access.read) {
            const auto& gather = access.read->gather;
            const std::int64_t access_offset = gather ? spec.mem_map_latency_cycles : 0;
            if (gather) {
                read(gather->map, 0, kMapBytes, 0);
            }
            use.sram_read = SramUse{ordinal, access.read->address + slice * range.address_stride,
                                    gather ? gather->window_words : 1, access_offset};
            drive(access.read->to, range.stream_stride, 1, access_offset + spec.mem_read_latency_cycles);
        }
        if (access.write) {
            const auto& scatter = access.write->scatter;
            const std::int64_t access_offset =
                (scatter ? spec.mem_map_latency_cycles : 0) + spec.mem_write_latency_cycles;
            read(access.write->from, range.write_stream_stride, 1, 0);
            if (scatter) {
                read(scatter->map, 0, kMapBytes, 0);
            }
            use.sram_write = SramUse{ordinal, access.write->address + slice * range.write_address_stride,
                                     scatter ? scatter->window_words : 1, access_offset};
            at(access_offset);
        }
    }

    void operator()(const MxmLoad& load) {
        read(load.from, 0, load.streams, 0);
        use.plane = PlaneUse{PlaneUse::Kind::Load, plane(), load.column,
                             load.streams,         0,       spec.mxm_load_latency_cycles};
        at(spec.mxm_load_latency_cycles);
    }

    void operator()(const MxmInstall&) {
        use.plane = PlaneUse{PlaneUse::Kind::Install, plane(), 0, 0, 0, spec.mxm_install_latency_cycles};
        at(spec.mxm_install_latency_cycles);
    }

    void operator()(const MxmActivate& activate) {
        read(activate.from, 0, dtype_bytes(activate.dtype), 0);
        const bool pair = activate.dtype == DType::Fp16;
        const std::int64_t busy_cycles = pair ? spec.mxm_fp16_cycles : 1;
        const std::int64_t latency = spec.mxm_activate_latency_cycles + busy_cycles - 1;
        use.plane = PlaneUse{PlaneUse::Kind::Activate, plane(), 0, pair ? 2 : 1, 0, 0};
        use.holds.push_back({HoldUse::Kind::Array, plane(), 0, busy_cycles});
        if (pair) {
            use.holds.push_back({HoldUse::Kind::Array, plane() + 1, 0, busy_cycles});
        }
        use.moment_drive = MomentUse{MomentUse::Kind::ColumnSums, plane(), latency};
        at(latency);
    }

    void operator()(const MxmAccumulate& accumulate) {
        use.moment_reads.push_back({MomentUse::Kind::ColumnSums, plane(), 0});
        use.plane = PlaneUse{PlaneUse::Kind::Accumulate, plane(), accumulate.slot, 0, 0, 0};
        if (accumulate.to) {
            drive(*accumulate.to, 0, dtype_bytes(accumulate.dtype), spec.mxm_accumulate_latency_cycles);
        }
    }

    void operand(const VxmOperand& value, DType dtype) {
        if (const auto* stream = std::get_if<VxmStream>(&value)) {
            read(stream->from, 0, dtype_bytes(dtype), 0);
        } else if (const auto* chain = std::get_if<VxmChain>(&value)) {
            use.moment_reads.push_back({MomentUse::Kind::Alu, alu(chain->alu), 0});
        }
    }

    void operator()(const VxmCompute& compute) {
        operand(compute.a, compute.dtype);
        operand(compute.b, operand_b_dtype(compute));
        operand(compute.c, compute.dtype);
        const std::int64_t latency =
            is_function(compute.op) ? spec.vxm_function_latency_cycles : spec.vxm_alu_latency_cycles;
        use.moment_drive = MomentUse{MomentUse::Kind::Alu, alu(use.queue.index), latency};
        at(latency);
        if (compute.to) {
            drive(*compute.to, 0, dtype_bytes(compute.result), latency);
        }
    }

    void operator()(const SxmMove& move) {
        const SxmShape shape = sxm_shape(move, spec);
        read(move.a, 0, shape.input_streams, 0);
        if (move.b) {
            read(*move.b, 0, 1, 0);
        }
        drive(move.to, 0, shape.output_streams, shape.latency_cycles);
    }

    void operator()(const C2cSend& send) {
        read(send.from, 0, 1, 0);
        const std::int64_t link = link_ordinal(spec, use.queue);
        use.holds.push_back({HoldUse::Kind::Link, link, 0, spec.c2c_vector_cycles});
        use.moment_drive = MomentUse{MomentUse::Kind::Link, link, spec.c2c_link_latency_cycles};
        at(spec.c2c_link_latency_cycles);
    }

    void operator()(const C2cReceive& receive) {
        use.moment_reads.push_back(
            {MomentUse::Kind::Link, link_ordinal(spec, receive.peer), -receive.held_cycles});
        drive(receive.to, 0, 1, spec.c2c_receive_latency_cycles);
    }

    void operator()(const Deskew&) { use.barrier = BarrierRole::Deskew; }

    void operator()(const Config&) {}

    void operator()(const Ifetch& fetch) {
        read(fetch.from, 0, 1, 0);
        read(fetch.from, 0, 1, 1);
    }

    void operator()(const Sync&) { use.barrier = BarrierRole::Sync; }

    void operator()(const Notify&) { use.barrier = BarrierRole::Notify; }
};

} // namespace

SxmShape sxm_shape(const SxmMove& move, const ChipSpec& spec) {
    switch (move.op) {
    case SxmOp::Shift:
        return {1, 1, spec.sxm_shift_latency_cycles};
    case SxmOp::Select:
        return {1, 1, spec.sxm_select_latency_cycles};
    case SxmOp::Permute:
        return {1, 1, spec.sxm_permute_latency_cycles};
    case SxmOp::Distribute:
        return {1, 1, spec.sxm_distribute_latency_cycles};
    case SxmOp::Rotate:
        return {1, move.argument * move.argument, spec.sxm_rotate_latency_cycles};
    case SxmOp::Transpose:
        break;
    }
    return {spec.lanes_per_superlane, spec.lanes_per_superlane, spec.sxm_transpose_latency_cycles};
}

std::int64_t issue_on_slice(const InstructionRun& run, std::int64_t slice, const ChipSpec& spec) {
    std::int64_t issue = run.issue + slice * run.slices.cycles;
    if (run.slices.follow) {
        const std::int64_t first = mem_position(spec, run.queue.hemisphere, run.queue.index);
        const std::int64_t here = mem_position(spec, run.queue.hemisphere, run.queue.index + slice);
        issue += *run.slices.follow == Direction::East ? here - first : first - here;
    }
    return issue;
}

RunUse use_of(const InstructionRun& run, std::int64_t slice, const ChipSpec& spec) {
    RunUse use;
    use.queue = run.queue;
    use.queue.index += slice;
    use.issue = issue_on_slice(run, slice, spec);
    std::visit(UseBuilder{use, run.slices, slice, spec}, run.instruction);
    return use;
}

Releases::Releases(const Program& program, const ChipSpec& spec)
    : sync_latency_cycles_(spec.sync_latency_cycles), epoch_cycles_(spec.c2c_epoch_cycles) {
    for (const InstructionRun& run : program.runs) {
        if (std::holds_alternative<Notify>(run.instruction)) {
            notifies_[run.queue.chip].push_back(run.issue);
        }
    }
    for (auto& [chip, issues] : notifies_) {
        std::sort(issues.begin(), issues.end());
    }
}

std::optional<std::int64_t> Releases::after(const RunUse& parking) const {
    assert(parks(parking.barrier));
    if (parking.barrier == BarrierRole::Deskew) {
        return (parking.issue / epoch_cycles_ + 1) * epoch_cycles_;
    }
    const auto chip = notifies_.find(parking.queue.chip);
    if (chip == notifies_.end()) {
        return std::nullopt;
    }
    const auto notify = std::lower_bound(chip->second.begin(), chip->second.end(), parking.issue);
    return notify == chip->second.end() ? std::nullopt : std::optional(*notify + sync_latency_cycles_);
}

std::int64_t program_cycles(const Program& program, const ChipSpec& spec) {
    std::int64_t last_tau = -1;
    for (const InstructionRun& run : program.runs) {
        const std::int64_t span = repeat_span_cycles(run);
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
            const RunUse use = use_of(run, slice, spec);
            last_tau = std::max(last_tau, use.issue + span + use.last_offset);
        }
    }
    return last_tau < 0 ? 0 : last_tau + spec.superlanes;
}

} // namespace lpusim::chip
