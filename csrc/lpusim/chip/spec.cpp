#include "lpusim/chip/spec.h"

#include <array>
#include <string>
#include <utility>

namespace lpusim::chip {

namespace {
constexpr double kCyclesMax = 1'000'000;
// Far beyond any chip, and small enough that sizes in bytes stay exact.
constexpr std::int64_t kLanesMax = 1 << 14;
} // namespace

std::span<const Field<ChipSpec>> chip_fields() {
    static constexpr std::array<Field<ChipSpec>, 39> kFields{{
        {"clock_hz", "Hz", 1, 1e12, "chip clock", &ChipSpec::clock_hz},
        {"superlanes", "superlanes", 1, 4096, "tiles of a slice; superlane j acts j cycles after superlane 0",
         &ChipSpec::superlanes},
        {"lanes_per_superlane", "lanes", 1, 4096, "bytes of a vector that one superlane holds",
         &ChipSpec::lanes_per_superlane},
        {"streams_per_direction", "streams", 1, 4096, "byte streams flowing east, and as many flowing west",
         &ChipSpec::streams_per_direction},
        {"positions", "positions", 7, 4095,
         "stream register files along one superlane, odd; a stream moves one a cycle", &ChipSpec::positions},
        {"mem_slices_per_hemisphere", "slices", 1, 65536, "SRAM slices on each side of the VXM",
         &ChipSpec::mem_slices_per_hemisphere},
        {"mem_words_per_slice", "words", 1, 1 << 24, "vectors one SRAM slice holds",
         &ChipSpec::mem_words_per_slice},
        {"mem_banks_per_slice", "banks", 1, 64,
         "contiguous address ranges; a read and a write need different ones", &ChipSpec::mem_banks_per_slice},
        {"mxm_planes_per_hemisphere", "planes", 1, 64,
         "matrix planes (lanes x lanes weights) at each end of the line",
         &ChipSpec::mxm_planes_per_hemisphere},
        {"mxm_load_streams", "streams", 1, 4096,
         "weight columns one load cycle of one plane carries, one a stream", &ChipSpec::mxm_load_streams},
        {"mxm_accumulator_vectors", "vectors", 1, 1 << 20, "32-bit accumulator vectors of one plane",
         &ChipSpec::mxm_accumulator_vectors},
        {"vxm_alus", "ALUs", 1, 4096, "vector ALUs a lane, one queue each", &ChipSpec::vxm_alus},
        {"sxm_queues_per_hemisphere", "queues", 0, 64, "switch instructions one hemisphere issues in a cycle",
         &ChipSpec::sxm_queues_per_hemisphere},
        {"c2c_links_per_hemisphere", "links", 0, 64, "links to other chips, one queue each",
         &ChipSpec::c2c_links_per_hemisphere},
        {"mem_read_latency_cycles", "cycles", 1, kCyclesMax, "SRAM read issued to vector driven",
         &ChipSpec::mem_read_latency_cycles},
        {"mem_write_latency_cycles", "cycles", 0, kCyclesMax, "vector taken from its stream to SRAM written",
         &ChipSpec::mem_write_latency_cycles},
        {"mem_map_latency_cycles", "cycles", 0, kCyclesMax,
         "address map of a gather or scatter taken to the point where a read or write would begin",
         &ChipSpec::mem_map_latency_cycles},
        {"mxm_load_latency_cycles", "cycles", 0, kCyclesMax, "weight column taken to install allowed",
         &ChipSpec::mxm_load_latency_cycles},
        {"mxm_install_latency_cycles", "cycles", 0, kCyclesMax,
         "install issued to first activation that uses it", &ChipSpec::mxm_install_latency_cycles},
        {"mxm_activate_latency_cycles", "cycles", 1, kCyclesMax,
         "activation taken to column sums at the accumulator", &ChipSpec::mxm_activate_latency_cycles},
        {"mxm_accumulate_latency_cycles", "cycles", 1, kCyclesMax, "accumulate issued to result driven",
         &ChipSpec::mxm_accumulate_latency_cycles},
        {"mxm_fp16_cycles", "cycles", 1, 64, "cycles one fp16 vector takes a pair of planes",
         &ChipSpec::mxm_fp16_cycles},
        {"mxm_wide_accumulate", "0 or 1", 0, 1,
         "1: floating-point sums stay exact over all passes and are rounded once as they leave; 0: each pass "
         "rounds",
         &ChipSpec::mxm_wide_accumulate},
        {"vxm_alu_latency_cycles", "cycles", 1, kCyclesMax, "operands taken to result driven or chained",
         &ChipSpec::vxm_alu_latency_cycles},
        {"vxm_function_latency_cycles", "cycles", 1, kCyclesMax,
         "operand of exp, rsqrt or tanh taken to result driven or chained",
         &ChipSpec::vxm_function_latency_cycles},
        {"sxm_shift_latency_cycles", "cycles", 1, kCyclesMax,
         "vector taken to result driven: lanes shifted over all superlanes",
         &ChipSpec::sxm_shift_latency_cycles},
        {"sxm_select_latency_cycles", "cycles", 1, kCyclesMax,
         "vector taken to result driven: lanes selected from two vectors",
         &ChipSpec::sxm_select_latency_cycles},
        {"sxm_permute_latency_cycles", "cycles", 1, kCyclesMax,
         "vector taken to result driven: lanes permuted over all superlanes",
         &ChipSpec::sxm_permute_latency_cycles},
        {"sxm_distribute_latency_cycles", "cycles", 1, kCyclesMax,
         "vector taken to result driven: lanes distributed within each superlane",
         &ChipSpec::sxm_distribute_latency_cycles},
        {"sxm_rotate_latency_cycles", "cycles", 1, kCyclesMax,
         "vector taken to result driven: squares of lanes rotated", &ChipSpec::sxm_rotate_latency_cycles},
        {"sxm_transpose_latency_cycles", "cycles", 1, kCyclesMax,
         "vector taken to result driven: streams and lanes of each superlane transposed",
         &ChipSpec::sxm_transpose_latency_cycles},
        {"c2c_link_latency_cycles", "cycles", 1, kCyclesMax,
         "vector taken by a send to there at the other end of the link", &ChipSpec::c2c_link_latency_cycles},
        {"c2c_receive_latency_cycles", "cycles", 1, kCyclesMax, "receive issued to vector driven",
         &ChipSpec::c2c_receive_latency_cycles},
        {"c2c_vector_cycles", "cycles", 1, 4096, "cycles one vector occupies a link",
         &ChipSpec::c2c_vector_cycles},
        {"c2c_hold_cycles", "cycles", 0, kCyclesMax,
         "longest time a vector may wait at the end of a link for its receive", &ChipSpec::c2c_hold_cycles},
        {"c2c_epoch_cycles", "cycles", 1, kCyclesMax, "period of the counter that deskew waits for",
         &ChipSpec::c2c_epoch_cycles},
        {"sync_latency_cycles", "cycles", 1, kCyclesMax, "notify issued to every parked queue free again",
         &ChipSpec::sync_latency_cycles},
        {"instruction_bytes", "bytes", 1, 4096, "instruction text charged for one encoded instruction",
         &ChipSpec::instruction_bytes},
        {"nested_repeat", "0 or 1", 0, 1,
         "1: repeats nest with address strides; 0: fetch is charged as if unrolled",
         &ChipSpec::nested_repeat},
    }};
    return kFields;
}

void validate(const ChipSpec& spec) {
    validate_fields<ChipSpec>("ChipSpec", spec, chip_fields());
    if (spec.lanes() > kLanesMax) {
        throw ValueError("ChipSpec: superlanes x lanes_per_superlane must be at most " +
                         std::to_string(kLanesMax) + " lanes, got " + std::to_string(spec.lanes()));
    }
    if (spec.places() > kPlacesMax) {
        throw ValueError(
            "ChipSpec: vectors of SRAM, stream registers, accumulators, weight columns and 16 for "
            "each queue, bank and stream must be at most " +
            std::to_string(kPlacesMax) + " together, got " + std::to_string(spec.places()));
    }
    if (spec.positions % 2 == 0) {
        throw ValueError("ChipSpec: positions must be odd, so that the VXM sits in the middle, got " +
                         std::to_string(spec.positions));
    }
    if (spec.mem_words_per_slice % spec.mem_banks_per_slice != 0) {
        throw ValueError("ChipSpec: mem_words_per_slice must be a multiple of mem_banks_per_slice = " +
                         std::to_string(spec.mem_banks_per_slice) + ", got " +
                         std::to_string(spec.mem_words_per_slice));
    }
    if (spec.mxm_load_streams > spec.streams_per_direction) {
        throw ValueError("ChipSpec: mxm_load_streams must be at most streams_per_direction = " +
                         std::to_string(spec.streams_per_direction) + ", got " +
                         std::to_string(spec.mxm_load_streams));
    }
    for (const auto& [name, latency_cycles] :
         {std::pair{"mxm_activate_latency_cycles", spec.mxm_activate_latency_cycles},
          std::pair{"sxm_shift_latency_cycles", spec.sxm_shift_latency_cycles},
          std::pair{"sxm_permute_latency_cycles", spec.sxm_permute_latency_cycles}}) {
        if (latency_cycles < spec.superlanes - 1) {
            throw ValueError(std::string("ChipSpec: ") + name +
                             " must be at least superlanes - 1 = " + std::to_string(spec.superlanes - 1) +
                             ", because a result may need every superlane, got " +
                             std::to_string(latency_cycles));
        }
    }
}

} // namespace lpusim::chip
