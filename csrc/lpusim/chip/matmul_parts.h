#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/kernels_matmul.h"
#include "lpusim/chip/layout.h"

/// What the planner and the builder of a matrix product both need to know.
namespace lpusim::chip {

inline constexpr std::int64_t kSumBytes = 4; ///< streams and slices of one vector of sums

/// How the MXM multiplies one element type. An fp16 taker is a pair of planes: the even one holds the low
/// bytes of the weights and has the queues, the odd one holds the high bytes.
struct MatmulType {
    DType operand = DType::Int8;
    DType sums = DType::Int32;
    std::int64_t bytes = 1;      ///< of an element; planes of a taker; streams of its activations
    std::int64_t row_cycles = 1; ///< a taker is busy with one activation
};

/// Throws ValueError for a type that the MXM does not multiply.
[[nodiscard]] MatmulType matmul_type(DType dtype, const ChipSpec& spec);

[[nodiscard]] constexpr Direction outward(Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? Direction::West : Direction::East;
}

[[nodiscard]] constexpr Direction inward(Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? Direction::East : Direction::West;
}

/// Between slice `index` and the MXM of its hemisphere.
[[nodiscard]] std::int64_t mxm_hops(const ChipSpec& spec, std::int64_t index);

/// Cycles from the first activation of a pass to just after the last.
[[nodiscard]] std::int64_t activation_cycles(const GemmPlan& plan, const MatmulType& type);

/// Load instructions that fill one tile (of each plane of a taker) from weight source `source`.
[[nodiscard]] std::int64_t load_cycles(const GemmPlan& plan, std::size_t source);

/// Cycles of a pass in which the weights queue cannot load: it waits for the last load and installs.
[[nodiscard]] std::int64_t install_gap_cycles(const ChipSpec& spec);

/// Tiles and chunks that a taker works through in order, tile by tile.
struct Segment {
    std::int64_t tile_first = 0;
    std::int64_t tile_stride = 0;
    std::int64_t tiles = 0;
    std::int64_t chunk_first = 0;
    std::int64_t chunks = 0;
    std::int64_t items_before = 0; ///< of the segments before
    std::int64_t tiles_before = 0;

    [[nodiscard]] std::int64_t items() const { return tiles * chunks; }
};

/// The work of one taker: none, one or two segments.
[[nodiscard]] std::vector<Segment> segments_of(const GemmPlan& plan, Hemisphere hemisphere,
                                               std::int64_t taker);

/// Slices of a hemisphere, from the VXM outward: activations, weights, results. What is needed first in a
/// stage lies furthest from the MXM, so that nothing later can be earlier.
struct GemmLayout {
    /// First slice. Activations of one source after another, sets inside, bytes of an element inside.
    std::int64_t activations = 0;
    /// By source: first slice. Bytes of an element one after another, sets inside, load_streams inside.
    std::vector<std::int64_t> weights;
    /// First slice. Sets from the last to the first, takers inside, bytes inside.
    std::int64_t results = 0;
    std::int64_t slices = 0; ///< all of them

    [[nodiscard]] std::int64_t result_slice(const GemmPlan& plan, std::int64_t set,
                                            std::int64_t taker) const {
        return results + kSumBytes * ((plan.output_sets - 1 - set) * plan.takers + taker);
    }
};

/// Slices may be more than there are; then only `slices` means something.
[[nodiscard]] GemmLayout layout_of(const GemmPlan& plan, const ChipSpec& spec);

/// Cycles relative to the one in which the first weights become active.
struct GemmTiming {
    std::vector<std::int64_t> first_load; ///< by source
    std::int64_t first_install = 0;
    std::int64_t first_activation = 0;
    std::int64_t first_sums = 0;
    std::int64_t first_result = 0; ///< driven
    std::int64_t start = 0;        ///< cycle 0 of the program; negative
};
[[nodiscard]] GemmTiming timing_of(const GemmPlan& plan, const GemmLayout& layout, const ChipSpec& spec);

} // namespace lpusim::chip
