#include "lpusim/chip/kernels/matmul_runs.h"

#include "lpusim/chip/kernels/kernel_parts.h"

namespace lpusim::chip {

void MatmulRuns::emit(const QueueId& queue, std::int64_t issue, const Instruction& instruction,
                      const std::vector<Level>& levels, const SliceRange& slices) {
    program.runs.push_back({queue, issue - start_, instruction, joined(levels), slices});
}

namespace {

/// Slices in a row that drive as many streams, all on one diagonal.
SliceRange driving(std::int64_t width, Direction direction) {
    SliceRange range;
    if (width > 1) {
        range.count = width;
        range.stream_stride = 1;
        range.follow = direction;
    }
    return range;
}

} // namespace

void MatmulRuns::read(Hemisphere hemisphere, std::int64_t slice, std::int64_t address, std::int64_t stream,
                      std::int64_t arrives, const std::vector<Level>& levels, std::int64_t width) {
    MemAccess access;
    access.read = MemRead{address, {outward(hemisphere), stream}, {}};
    emit({Unit::Mem, hemisphere, slice}, arrives - mxm_hops(spec_, slice) - spec_.mem_read_latency_cycles,
         access, levels, driving(width, outward(hemisphere)));
}

void MatmulRuns::gather(Hemisphere hemisphere, std::int64_t slice, std::int64_t address,
                        std::int64_t window_words, std::int64_t stream, std::int64_t arrives,
                        const std::vector<Level>& levels, std::int64_t width) {
    MemAccess access;
    access.read =
        MemRead{address, {outward(hemisphere), stream}, AddressMap{{outward(hemisphere), 0}, window_words}};
    emit({Unit::Mem, hemisphere, slice},
         arrives - mxm_hops(spec_, slice) - spec_.mem_read_latency_cycles - spec_.mem_map_latency_cycles,
         access, levels, driving(width, outward(hemisphere)));
}

void MatmulRuns::read_for_vxm(Hemisphere hemisphere, std::int64_t slice, std::int64_t address,
                              std::int64_t stream, std::int64_t arrives, const std::vector<Level>& levels) {
    MemAccess access;
    access.read = MemRead{address, {inward(hemisphere), stream}, {}};
    emit({Unit::Mem, hemisphere, slice}, arrives - mem_distance(spec_, slice) - spec_.mem_read_latency_cycles,
         access, levels, driving(kSumBytes, inward(hemisphere)));
}

void MatmulRuns::load_and_install(Hemisphere hemisphere, std::int64_t plane, std::int64_t columns,
                                  std::int64_t width, std::int64_t stream, std::int64_t first_load,
                                  std::int64_t first_install, const std::vector<Level>& passes) {
    const QueueId queue{Unit::MxmWeights, hemisphere, plane};
    const StreamRef from{outward(hemisphere), stream};
    const std::int64_t whole = columns / width, rest = columns % width;
    if (whole > 0) {
        std::vector<Level> loads = passes;
        loads.push_back({whole, 1, width, 0});
        emit(queue, first_load, MxmLoad{0, from, width}, loads);
    }
    if (rest > 0)
        emit(queue, first_load + whole, MxmLoad{whole * width, from, rest}, passes);
    emit(queue, first_install, MxmInstall{}, passes);
}

void MatmulRuns::write(Hemisphere hemisphere, std::int64_t slice, std::int64_t address, std::int64_t stream,
                       std::int64_t driven, const std::vector<Level>& levels, std::int64_t width) {
    SliceRange range;
    if (width > 1) {
        range.count = width;
        range.write_stream_stride = 1;
        range.follow = inward(hemisphere);
    }
    MemAccess access;
    access.write = MemWrite{address, {inward(hemisphere), stream}, {}};
    emit({Unit::Mem, hemisphere, slice}, driven + mxm_hops(spec_, slice), access, levels, range);
}

} // namespace lpusim::chip
