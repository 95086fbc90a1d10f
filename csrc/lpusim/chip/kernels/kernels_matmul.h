#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Builders of matrix products. Every schedule passes `verify`.
///
/// Words used below. A *taker* is what takes one activation vector at a time: an MXM plane for int8 and fp8,
/// a pair of planes for fp16, busy with it for mxm_fp16_cycles (`row_cycles`; otherwise 1). A *tile* is up to
/// `lanes` columns of the weights, a *step* is `lanes` rows of them, a *chunk* is a part of the activation
/// rows that fits the accumulators, and an *item* is one tile against one chunk: its steps follow each other
/// on one taker, so that the accumulator adds them in program order. A *pass* is one step of one item. A
/// *slot* is one product of several equal ones in a row.
namespace lpusim::chip {

/// The least cycles that the units which can bound a product need for it on this chip. Utilisation of the one
/// that does is the larger of them over the cycles of the program.
struct ProductBound {
    std::int64_t taker_cycles = 0;  ///< rows * ceil(n / lanes) * ceil(k / lanes) * row_cycles / takers
    std::int64_t stream_cycles = 0; ///< every byte of weights once / stream_bytes_per_cycle

    friend bool operator==(const ProductBound&, const ProductBound&) = default;
};

/// How a product is cut and what it costs.
struct GemmPlan {
    DType dtype = DType::Int8; ///< of both operands
    std::int64_t slots = 1;
    std::int64_t experts = 0; ///< whose weights a slot may take; 0: its weights are always the same
    /// True: the takers of a hemisphere hold the same weights and take different rows; hemispheres take
    /// turns with tiles, and an odd last tile is shared, half of its chunks each. Best with many rows.
    /// False: every taker holds a tile of its own and all take the same rows. Best when weights are the
    /// bottleneck.
    bool split_rows = false;
    std::int64_t takers = 0;       ///< used in each hemisphere
    std::int64_t tile_columns = 0; ///< weight columns a taker holds at a time
    std::int64_t tiles = 0;        ///< column tiles of all N
    std::int64_t steps = 0;        ///< row tiles of K, each `lanes` rows
    std::int64_t chunks = 0;       ///< parts of a taker's rows, one accumulator slot a row
    std::int64_t chunk_rows = 0;   ///< rows of a chunk; the last one is padded
    std::int64_t items = 0;        ///< of the busiest taker, in a slot
    /// Columns that one load cycle carries into a plane, by weight source of a hemisphere: one source for all
    /// its takers (`split_rows`) or one each.
    std::vector<std::int64_t> load_streams;
    bool streams_exclusive = false; ///< activations have streams to themselves, so they overlap with loading
    std::int64_t pass_cycles = 0;   ///< from one install to the next
    std::int64_t activation_sets = 0; ///< slices in a row that feed one stream of activations
    std::int64_t weight_sets = 0;     ///< slices in a row that feed one stream of weights
    std::int64_t output_sets = 0;     ///< groups of four slices a taker that hold its part of C
    std::int64_t cycles = 0;          ///< of the whole program, exactly
    ProductBound bound;

    [[nodiscard]] std::int64_t passes() const { return slots * items * steps; }
};

/// The fastest cut that fits. Throws ValueError for a shape or chip that no product fits (sizes below 1, too
/// few streams) and CapacityError when SRAM is short. Cost: one look at each way to share the streams.
[[nodiscard]] GemmPlan plan_gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k,
                                 DType dtype = DType::Int8);

/// c[m, n] = a[m, k] * w[k, n]; int8 in and int32 out (modulo 2^32), or fp8 or fp16 in and fp32 out (`lanes`
/// products are summed exactly and rounded once; the sums of the steps are added in order). Tensors: inputs
/// "a" and "w", output "c".
///
/// Weights and activations stream from SRAM; while one tile is active the next one loads. With the plan's
/// names, a program takes
///
///     fill + passes * pass_cycles + drain      where
///     pass_cycles = max(chunk_rows * row_cycles, loads + gap)
///                   where activations have streams of their own,
///                   max(chunk_rows * row_cycles, loads + max((chunk_rows - 1) * row_cycles + 1, gap))
///                   where weights use every stream,
///     loads = ceil(tile_columns / load_streams),  gap = load latency + install latency - 1,
///
/// fill is the way of the first tile into its plane (read, hops, loads, install) and drain the way of the
/// last row out of it (column sums, accumulate, hops, write, superlanes). `GemmPlan::cycles` is exact.
///
/// What bounds it: the takers, at m * ceil(k / lanes) * ceil(n / lanes) * row_cycles / takers of the chip; or
/// the streams, at the bytes of w / stream_bytes_per_cycle, of which loads / (loads + gap) can be had,
/// because a plane's queue that installs cannot load. Fill and drain come on top: on the default chip 23 +
/// hops and 41 + hops.
///
/// Runs: a fixed number for each plane and each slice that holds a part, whatever the shape. Errors as
/// plan_gemm.
[[nodiscard]] Program gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k,
                           DType dtype = DType::Int8);

/// A product whose weights are installed once and stay: every taker holds one tile of one step.
struct ResidentPlan {
    DType dtype = DType::Int8;
    std::int64_t takers = 0; ///< there are in each hemisphere
    std::int64_t tiles = 0;  ///< columns of tiles
    std::int64_t tile_columns = 0;
    std::int64_t steps = 0;  ///< rows of tiles; a team of as many takers makes one column of results
    std::int64_t copies = 0; ///< of all weights; each takes a part of the rows
    std::int64_t rows = 0;   ///< of a copy; the last one is padded
    std::int64_t load_streams = 0;
    std::int64_t activation_sets = 0; ///< slices in a row that feed one stream of activations
    std::int64_t output_sets = 0;     ///< groups of four slices that hold the results of a team
    std::int64_t cycles = 0;          ///< of the whole program, exactly
    ProductBound bound;

    [[nodiscard]] std::int64_t teams() const { return tiles * copies; }
};

/// Throws ValueError where ceil(n / lanes) * ceil(k / lanes) tiles are more than the chip has takers, and
/// CapacityError when SRAM is short.
[[nodiscard]] ResidentPlan plan_gemm_resident(const ChipSpec& spec, std::int64_t m, std::int64_t n,
                                              std::int64_t k, DType dtype = DType::Int8);

/// c[m, n] = a[m, k] * w[k, n] with w installed once while a streams past: types, tensors and results as
/// gemm. The sums of several steps come from several takers and are added in order by the VXM, where those of
/// the third step on arrive an addition later.
///
///     cycles = fill + rows * row_cycles + drain,   rows = ceil(m / copies)
///
/// What bounds it: the takers; copies * tiles * steps of them work all the time.
[[nodiscard]] Program gemm_resident(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k,
                                    DType dtype = DType::Int8);

/// Products of the experts of a layer: `slots` blocks of `rows` rows, each times the weights (k x n) of an
/// expert that is not known before the program runs.
struct ExpertShape {
    std::int64_t experts = 0;
    std::int64_t slots = 0;
    std::int64_t rows = 0; ///< of a slot; at most the accumulators of a plane
    std::int64_t n = 0;
    std::int64_t k = 0;
    DType dtype = DType::Int8;
};

/// As plan_gemm, and ValueError for more rows than accumulators or a chip with fewer than three ALUs.
[[nodiscard]] GemmPlan plan_expert_gemm(const ChipSpec& spec, const ExpertShape& shape);

/// Rows of slot s of c = rows of slot s of a * weights of expert[s]. Tensors: inputs "a" (slots * rows x k),
/// "expert" (slots x lanes, int32, every lane of a row the same) and "w0", "w1", ..., output "c"
/// (slots * rows x n); constants "offset" and "idle".
///
/// Only addresses depend on the routing, never time. The weights of all experts lie side by side in a window
/// of each bank; the VXM adds an expert's place in it to the place of the word that is next, and drives the
/// sum as an address outward beside the weights, where every slice takes it as it passes (Gather). An idle
/// slot names expert `experts`, whose weights are zero; a larger number is a data error.
///
/// Cycles as gemm, with two streams fewer for weights: on the default chip 15 for each plane, so a slot with
/// few rows takes 23 cycles where the streams could bring a tile in 20 (87 %).
[[nodiscard]] Program expert_gemm(const ChipSpec& spec, const ExpertShape& shape);

/// One layer of a chain of vector-matrix products.
struct GemvChainLayer {
    std::int64_t tile_columns = 0;
    std::int64_t tiles = 0;
    std::int64_t steps = 0;
    std::int64_t pass_cycles = 0;
    std::int64_t passes = 0;       ///< of the busiest taker
    std::int64_t first_active = 0; ///< cycle in which its first weights become active
    /// Cycles it starts later than right behind the layer before: it waits for an operand, for a longer pass,
    /// or for a cycle in which no bank is read and written.
    std::int64_t stall_cycles = 0;
};

struct GemvChainPlan {
    std::int64_t takers = 0;       ///< used in each hemisphere
    std::int64_t load_streams = 0; ///< weight columns that one load cycle of a plane carries
    std::vector<GemvChainLayer> layers;
    std::int64_t cycles = 0; ///< of the whole program, exactly
    ProductBound bound;
};

/// `widths` are the lengths of x and of each layer's result. Throws ValueError for fewer than two widths, a
/// width below 1 or a chip without the streams or ALUs, and CapacityError when SRAM is short.
[[nodiscard]] GemvChainPlan plan_gemv_chain(const ChipSpec& spec, const std::vector<std::int64_t>& widths);

/// y = q_L(... q_1(x w1) ... wL), int8: q_i multiplies the int32 sums by scales[i - 1] in fp32, rounds to
/// nearest even and saturates to int8. Tensors: inputs "x" (one row), "w1" .. "wL", output "y".
///
/// Weights use every outward stream; results turn into the next layer's activations on the VXM, which drives
/// them to both hemispheres. The next layer's weights load meanwhile, and its passes follow at once wherever
/// the operand of a step is there in time:
///
///     cycles = fill + sum over layers (passes * pass_cycles + stall_cycles) + drain
///     pass_cycles = loads + max(1, gap) as in gemm, where weights use every stream
///
/// What bounds it: the streams, of which loads / pass_cycles can be had in steady state (20/21 on the default
/// chip where widths are multiples of 1280, all planes times lanes). Runs: a fixed number for each layer.
/// Errors as plan_gemv_chain; ValueError unless there is one scale a layer.
[[nodiscard]] Program gemv_chain(const ChipSpec& spec, const std::vector<std::int64_t>& widths,
                                 const std::vector<float>& scales);

} // namespace lpusim::chip
