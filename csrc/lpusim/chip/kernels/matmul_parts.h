#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/kernels/kernels_matmul.h"
#include "lpusim/chip/kernels/layout.h"

/// What the planners and the builders of matrix products both need to know.
namespace lpusim::chip {

inline constexpr std::int64_t kSumBytes = 4;   ///< streams and slices of one vector of sums
inline constexpr std::int64_t kMapStreams = 2; ///< of the addresses that a Gather takes, the lowest ones

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

[[nodiscard]] ProductBound product_bound(const ChipSpec& spec, const MatmulType& type, std::int64_t m,
                                         std::int64_t n, std::int64_t k, std::int64_t slots = 1);

[[nodiscard]] constexpr Direction outward(Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? Direction::West : Direction::East;
}

[[nodiscard]] constexpr Direction inward(Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? Direction::East : Direction::West;
}

/// Between slice `index` and the MXM of its hemisphere.
[[nodiscard]] std::int64_t mxm_hops(const ChipSpec& spec, std::int64_t index);

/// Between the VXM and either MXM.
[[nodiscard]] std::int64_t vxm_hops(const ChipSpec& spec);

/// Cycles from the first activation of a pass to just after the last.
[[nodiscard]] std::int64_t activation_cycles(const GemmPlan& plan, const MatmulType& type);

/// Load instructions that fill one tile (of each plane of a taker) from weight source `source`.
[[nodiscard]] std::int64_t load_cycles(const GemmPlan& plan, std::size_t source);

/// Cycles of a pass in which the weights queue cannot load: it waits for the last load and installs.
[[nodiscard]] std::int64_t install_gap_cycles(const ChipSpec& spec);

/// Tiles and chunks of a slot that a taker works through in order, tile by tile.
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

/// The work of one taker in a slot: none, one or two segments. No taker has more than the first in the west.
[[nodiscard]] std::vector<Segment> segments_of(const GemmPlan& plan, Hemisphere hemisphere,
                                               std::int64_t taker);

/// A part of the grid outer x inner that is a rectangle; `linear` is its first cell, counted inner first.
struct Rectangle {
    std::int64_t outer = 0;
    std::int64_t outer_count = 0;
    std::int64_t inner = 0;
    std::int64_t inner_count = 0;
    std::int64_t linear = 0;
};

/// Cells begin .. end - 1 of a grid with rows of `inner_size`, as at most three rectangles in order.
[[nodiscard]] std::vector<Rectangle> rectangles(std::int64_t begin, std::int64_t end,
                                                std::int64_t inner_size);

/// Equal cells of words, a number of them for each slot in order, dealt to sets of slices: several slots to a
/// set, or, where one slot fills more than a set, several sets to a slot.
struct CellSets {
    std::int64_t cells_a_slot = 0;
    std::int64_t cells_a_set = 0; ///< that fit
    std::int64_t slots_a_set = 1;
    std::int64_t sets_a_slot = 1;
    std::int64_t sets = 1;
};
[[nodiscard]] CellSets cell_sets(std::int64_t slots, std::int64_t cells_a_slot, std::int64_t cells_a_set);

/// Activations of one stream (cells of chunk_rows words by slot, chunk and step), and results of one taker
/// (by slot and item).
[[nodiscard]] CellSets activation_cells(const GemmPlan& plan, const ChipSpec& spec);
[[nodiscard]] CellSets result_cells(const GemmPlan& plan, const ChipSpec& spec);

/// Weight tiles of one stream by (tile, step), `loads` words each, in sets: whole slices, or, where they are
/// gathered, a bank each, which holds the same tiles of all experts and of the zero expert.
struct WeightSets {
    std::int64_t tiles = 0;
    std::int64_t tiles_a_set = 0; ///< 0: not one tile fits
    std::int64_t sets = 0;
    std::int64_t sets_a_slice = 1;
    std::int64_t expert_words = 0; ///< from one expert to the next in a set
    std::int64_t window_words = 0; ///< of all experts in a set

    [[nodiscard]] std::int64_t slices() const { return (sets + sets_a_slice - 1) / sets_a_slice; }
};
[[nodiscard]] WeightSets weight_sets(const GemmPlan& plan, const ChipSpec& spec, std::int64_t loads);

/// Slices of a hemisphere, from the VXM outward: routing, activations, weights, results. What is needed first
/// in a stage lies furthest from the MXM, so that nothing later can be earlier.
struct GemmLayout {
    std::int64_t routing = 0; ///< first slice of four: expert numbers (west), offsets in a window (east)
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
    std::int64_t first_result = 0;  ///< driven
    std::int64_t first_routing = 0; ///< expert number at the VXM
    std::int64_t start = 0;         ///< cycle 0 of the program; negative
};
[[nodiscard]] GemmTiming timing_of(const GemmPlan& plan, const GemmLayout& layout, const ChipSpec& spec);

} // namespace lpusim::chip
