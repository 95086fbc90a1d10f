#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"
#include "lpusim/chip/tensor.h"

/// Builders: a shape in, a whole schedule with named tensors out. Every schedule passes `verify`.
namespace lpusim::chip {

/// How a matrix product is cut: `passes` = groups x chunks x steps, each one weight tile a plane against one
/// chunk of activations. While one tile is active the next one loads.
struct GemmPlan {
    std::int64_t planes = 0;                ///< planes used in each hemisphere
    std::int64_t tile_columns = 0;          ///< weight columns a plane holds at a time
    std::int64_t tiles = 0;                 ///< column tiles of all N
    std::int64_t groups = 0;                ///< rounds in which every plane takes one column tile
    std::int64_t steps = 0;                 ///< row tiles of K, each lanes rows
    std::int64_t chunks = 0;                ///< parts of M, one accumulator slot a row
    std::int64_t chunk_rows = 0;            ///< rows of a chunk; the last one is padded
    std::vector<std::int64_t> load_streams; ///< by plane of a hemisphere: columns one load cycle carries
    bool streams_exclusive = false; ///< activations have a stream to themselves, so they overlap with loading
    std::int64_t pass_cycles = 0;   ///< from one install to the next
    std::int64_t output_sets = 0;   ///< groups of four slices a plane that hold its part of C
    std::int64_t activation_slices = 0; ///< slices a hemisphere that hold its copy of A

    [[nodiscard]] std::int64_t passes() const { return groups * chunks * steps; }
};

/// Throws ValueError for a shape or chip that no product fits (sizes below 1, too few slices or streams) and
/// CapacityError when SRAM is short.
[[nodiscard]] GemmPlan plan_gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k);

/// c[m, n] = a[m, k] * w[k, n], int8 in, int32 out (modulo 2^32). Tensors: inputs "a" and "w", output "c".
/// Weights stream from SRAM at up to every outward stream; a product with few rows is bound by that.
/// Runs: O(passes * planes), whatever the sizes of the tiles. Errors as plan_gemm.
[[nodiscard]] Program gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k);

/// c[vectors, lanes] = a + b, int8, saturating. One vector a cycle through one ALU. Tensors "a", "b", "c".
[[nodiscard]] Program pointwise_add(const ChipSpec& spec, std::int64_t vectors);

} // namespace lpusim::chip
