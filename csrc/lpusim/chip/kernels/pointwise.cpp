#include <algorithm>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {

Program pointwise_add(const ChipSpec& spec, std::int64_t vectors) {
    check_sizes(spec, {{"vectors", vectors}});
    const std::int64_t words = spec.mem_words_per_slice;
    const std::int64_t sets = div_ceil(vectors, words);
    if (2 * sets > spec.mem_slices_per_hemisphere) {
        throw CapacityError("an addition of " + std::to_string(vectors) + " vectors needs " +
                                std::to_string(2 * sets) + " SRAM slices in the east hemisphere; there are " +
                                std::to_string(spec.mem_slices_per_hemisphere),
                            checked_multiply(checked_multiply(vectors, 3), spec.lanes()), spec.mem_bytes());
    }
    // a flows east and b west, both into ALU 0; the sum flows east.
    const std::int64_t begin = spec.mem_read_latency_cycles + mem_distance(spec, sets - 1);
    Program program;
    const std::int64_t lanes = spec.lanes();
    for (const char* name : {"a", "b", "c"}) {
        const auto role = *name == 'c' ? Tensor::Role::Output : Tensor::Role::Input;
        program.tensors.push_back({name, role, DType::Int8, vectors, lanes, false, lanes, {}});
    }
    for (std::int64_t set = 0; set < sets; ++set) {
        const std::int64_t count = std::min(words, vectors - set * words);
        const std::int64_t at_vxm = begin + set * words;
        const std::int64_t read = at_vxm - mem_distance(spec, set) - spec.mem_read_latency_cycles;
        const std::int64_t write = at_vxm + spec.vxm_alu_latency_cycles + mem_distance(spec, sets + set);
        const QueueId west{Unit::Mem, Hemisphere::West, set};
        const QueueId east{Unit::Mem, Hemisphere::East, set};
        const QueueId result{Unit::Mem, Hemisphere::East, sets + set};
        program.runs.push_back(
            {west, read, MemAccess{MemRead{0, {Direction::East, 0}}, {}}, joined({{count, 1, 1, 0}}), {}});
        program.runs.push_back(
            {east, read, MemAccess{MemRead{0, {Direction::West, 0}}, {}}, joined({{count, 1, 1, 0}}), {}});
        program.runs.push_back({result,
                                write,
                                MemAccess{{}, MemWrite{0, {Direction::East, 0}}},
                                joined({{count, 1, 0, 1}}),
                                {}});
        const TensorLoop rows{count, 1, 0, 0, 1};
        program.tensors[0].pieces.push_back({Hemisphere::West, set, 0, set * words, 0, {rows}});
        program.tensors[1].pieces.push_back({Hemisphere::East, set, 0, set * words, 0, {rows}});
        program.tensors[2].pieces.push_back({Hemisphere::East, sets + set, 0, set * words, 0, {rows}});
    }
    VxmCompute add;
    add.op = VxmOp::AddSat;
    add.a = VxmStream{{Direction::East, 0}};
    add.b = VxmStream{{Direction::West, 0}};
    add.to = StreamRef{Direction::East, 0};
    program.runs.push_back({{Unit::Vxm, Hemisphere::West, 0}, begin, add, joined({{vectors, 1, 0, 0}}), {}});
    return program;
}

} // namespace lpusim::chip
