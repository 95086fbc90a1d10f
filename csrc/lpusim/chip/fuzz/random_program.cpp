#include "lpusim/chip/fuzz/random_program.h"

#include <algorithm>
#include <utility>

#include "lpusim/base/rng.h"
#include "lpusim/chip/fuzz/draw.h"
#include "lpusim/chip/fuzz/random_changes.h"
#include "lpusim/chip/fuzz/random_work.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {

ChipSpec random_spec(std::uint64_t seed) {
    Draw draw(seed);
    ChipSpec spec;
    spec.superlanes = draw.between(1, 4);
    // Nine lanes hold a square to rotate, which is driven on nine streams.
    const bool squares = draw.chance(15);
    spec.lanes_per_superlane = squares ? draw.between(9, 10) : draw.between(1, 3);
    spec.streams_per_direction = squares ? 16 : 8;
    spec.positions = 7 + 2 * draw.below(4);
    spec.mem_slices_per_hemisphere = draw.between(2, 7);
    spec.mem_words_per_slice = 32;
    spec.mem_banks_per_slice = draw.chance(70) ? 2 : 4;
    spec.mxm_planes_per_hemisphere = draw.between(1, 2);
    spec.mxm_load_streams = draw.between(1, 4);
    spec.mxm_accumulator_vectors = 12;
    spec.vxm_alus = draw.between(1, 4);
    spec.mem_read_latency_cycles = draw.between(1, 3);
    spec.mem_write_latency_cycles = draw.between(0, 2);
    spec.mxm_load_latency_cycles = draw.between(0, 3);
    spec.mxm_install_latency_cycles = draw.between(0, 3);
    spec.mxm_activate_latency_cycles = std::max<std::int64_t>(1, spec.superlanes - 1) + draw.below(4);
    spec.mxm_accumulate_latency_cycles = draw.between(1, 3);
    spec.mxm_fp16_cycles = draw.between(1, 3);
    spec.mxm_wide_accumulate = draw.below(2);
    spec.vxm_alu_latency_cycles = draw.between(1, 3);
    spec.vxm_function_latency_cycles = draw.between(1, 5);
    spec.sxm_queues_per_hemisphere = draw.between(1, 3);
    spec.sxm_shift_latency_cycles = spec.superlanes + draw.below(3);
    spec.sxm_select_latency_cycles = draw.between(1, 3);
    spec.sxm_permute_latency_cycles = spec.superlanes + draw.below(3);
    spec.sxm_distribute_latency_cycles = draw.between(1, 3);
    spec.sxm_rotate_latency_cycles = draw.between(1, 3);
    spec.sxm_transpose_latency_cycles = draw.between(1, 5);
    spec.sync_latency_cycles = draw.between(1, 6);
    spec.mem_map_latency_cycles = draw.between(0, 3);
    spec.c2c_links_per_hemisphere = draw.between(1, 2);
    spec.c2c_link_latency_cycles = draw.between(1, 12);
    spec.c2c_receive_latency_cycles = draw.between(1, 3);
    spec.c2c_vector_cycles = draw.between(1, 3);
    spec.c2c_hold_cycles = draw.between(0, 6);
    spec.c2c_epoch_cycles = draw.between(1, 20);
    return spec;
}

namespace {

std::vector<InstructionRun> on_chip(std::vector<InstructionRun> runs, std::int64_t chip) {
    for (InstructionRun& run : runs)
        run.queue.chip = chip;
    return runs;
}

/// Adds pieces that `make` makes, each if the oracle finds no error with it.
template <class Make>
Program legal_program(const ChipSpec& spec, Draw& draw, std::int64_t chips, const Make& make) {
    Program program;
    program.chips = chips;
    const std::int64_t wanted = draw.between(1, 6);
    std::int64_t kept = 0;
    for (int tries = 0; tries < 40 && kept < wanted; ++tries) {
        Program longer = program;
        for (InstructionRun& run : make(longer.maps))
            longer.runs.push_back(std::move(run));
        sort_by_issue(longer);
        if (!is_valid(longer, spec) || tick(longer, spec, {}, false).error)
            continue;
        program = std::move(longer);
        ++kept;
    }
    return program;
}

} // namespace

Program random_legal_program(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Draw draw(seed);
    return legal_program(spec, draw, chips, [&](std::vector<LaneMap>& maps) {
        return on_chip(RandomWork(spec, draw, maps).build(), draw.below(chips));
    });
}

Program random_linked_program(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Draw draw(seed);
    return legal_program(spec, draw, chips, [&](std::vector<LaneMap>& maps) {
        const std::int64_t chip = draw.below(chips);
        if (draw.chance(30))
            return on_chip(RandomWork(spec, draw, maps).build(), chip);
        return RandomWork(spec, draw, maps).build_linked(chip, (chip + 1) % chips);
    });
}

Program mutated(const Program& program, const ChipSpec& spec, std::uint64_t seed) {
    Draw draw(seed);
    for (int tries = 0; tries < 30; ++tries) {
        Program changed = program;
        const std::int64_t changes = draw.between(1, 3);
        for (std::int64_t i = 0; i < changes; ++i)
            mutate(changed, spec, draw);
        if (is_valid(changed, spec))
            return changed;
    }
    return program;
}

Memory random_memory(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Memory memory(spec, chips);
    std::uint64_t drawn = 0;
    for (std::int64_t slice = 0; slice < memory.slice_count(); ++slice) {
        for (std::int64_t address = 0; address < spec.mem_words_per_slice; ++address) {
            std::uint8_t* bytes = memory.write(slice, address);
            for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
                bytes[lane] = static_cast<std::uint8_t>(random_bits(seed, 12, drawn++));
            }
        }
    }
    return memory;
}

Memory memory_with_maps(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Memory memory = random_memory(spec, seed, chips);
    const std::int64_t blocks = spec.mem_words_per_slice / 8;
    for (std::int64_t slice = 0; slice < memory.slice_count(); ++slice) {
        for (std::int64_t address = 0; address + 1 < spec.mem_words_per_slice; address += 4) {
            std::uint8_t* low = memory.write(slice, address + 2);
            std::uint8_t* high = memory.write(slice, address + 3);
            for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
                low[lane] = static_cast<std::uint8_t>(8 * (address / 4 % blocks) + low[lane] % 8);
                high[lane] = 0;
            }
        }
    }
    return memory;
}

} // namespace lpusim::chip
