#include "lpusim/chip/access.h"

#include <algorithm>

#include "lpusim/base/integers.h"
#include "lpusim/chip/layout.h"

namespace lpusim::chip {

namespace {

/// Fills a RunUse for one instruction on one queue.
struct UseBuilder {
    RunUse& use;
    const SliceRange& range;
    std::int64_t slice;
    const ChipSpec& spec;

    [[nodiscard]] std::int64_t position() const { return queue_position(spec, use.queue); }
    [[nodiscard]] std::int64_t plane() const {
        return plane_ordinal(spec, use.queue.hemisphere, use.queue.index);
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
        const std::int64_t ordinal = slice_ordinal(spec, use.queue.hemisphere, use.queue.index);
        if (access.read) {
            use.sram_read = SramUse{ordinal, access.read->address + slice * range.address_stride, 0};
            drive(access.read->to, range.stream_stride, 1, spec.mem_read_latency_cycles);
        }
        if (access.write) {
            read(access.write->from, range.write_stream_stride, 1, 0);
            use.sram_write = SramUse{ordinal, access.write->address + slice * range.write_address_stride,
                                     spec.mem_write_latency_cycles};
            at(spec.mem_write_latency_cycles);
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
        use.plane = PlaneUse{PlaneUse::Kind::Activate, plane(), 0, 0, 0, 0};
        use.moment_drive = MomentUse{MomentUse::Kind::ColumnSums, plane(), spec.mxm_activate_latency_cycles};
        at(spec.mxm_activate_latency_cycles);
    }

    void operator()(const MxmAccumulate& accumulate) {
        use.moment_reads.push_back({MomentUse::Kind::ColumnSums, plane(), 0});
        use.plane = PlaneUse{PlaneUse::Kind::Accumulate, plane(), accumulate.slot, 0, 0, 0};
        if (accumulate.to) {
            drive(*accumulate.to, 0, dtype_bytes(DType::Int32), spec.mxm_accumulate_latency_cycles);
        }
    }

    void operand(const VxmOperand& value, DType dtype) {
        if (const auto* stream = std::get_if<VxmStream>(&value)) {
            read(stream->from, 0, dtype_bytes(dtype), 0);
        } else if (const auto* chain = std::get_if<VxmChain>(&value)) {
            use.moment_reads.push_back({MomentUse::Kind::Alu, chain->alu, 0});
        }
    }

    void operator()(const VxmCompute& compute) {
        operand(compute.a, compute.dtype);
        operand(compute.b, operand_b_dtype(compute));
        use.moment_drive = MomentUse{MomentUse::Kind::Alu, use.queue.index, spec.vxm_alu_latency_cycles};
        at(spec.vxm_alu_latency_cycles);
        if (compute.to) {
            drive(*compute.to, 0, dtype_bytes(compute.result), spec.vxm_alu_latency_cycles);
        }
    }

    void operator()(const Sync&) { use.barrier = BarrierRole::Sync; }

    void operator()(const Notify&) {
        use.barrier = BarrierRole::Notify;
        at(spec.sync_latency_cycles);
    }
};

} // namespace

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
