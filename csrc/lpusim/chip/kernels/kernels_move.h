#pragma once

#include <cstdint>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Builders that move values and compute none.
namespace lpusim::chip {

/// How a matrix is transposed and what it costs. A *tile* is up to `lanes` rows and columns, a *chunk* the
/// elements of a row in one superlane, a *step* the `lanes_per_superlane` vectors that one Transpose takes.
struct TransposePlan {
    DType dtype = DType::Int8;
    std::int64_t tiles_down = 0;   ///< of the input
    std::int64_t tiles_across = 0; ///< of the input
    /// Diagonals of chunks that meet an element of the last tile; the others have `superlanes`.
    std::int64_t corner_diagonals = 0;
    std::int64_t sets = 0;  ///< groups of lanes_per_superlane slices, as many for the input as for the output
    std::int64_t steps = 0; ///< bytes of an element * ((tiles - 1) * superlanes + corner_diagonals)
    std::int64_t cycles = 0; ///< of the whole program, exactly
    /// The least cycles in which both SXMs can move what the steps need: lanes_per_superlane + 1 of
    /// 2 * sxm_queues_per_hemisphere moves each.
    std::int64_t sxm_cycles = 0;

    [[nodiscard]] std::int64_t tiles() const { return tiles_down * tiles_across; }
};

/// Throws ValueError for a type other than int8, fp8 and fp16 or a chip without the streams, ALUs or SXM
/// queues, and CapacityError when SRAM is short.
[[nodiscard]] TransposePlan plan_transpose(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                                           DType dtype = DType::Int8);

/// out[c, r] = x[r, c], every bit pattern as it is. Tensors: input "x" (rows x columns), output "out"
/// (columns x rows); constants "gather" and "scatter".
///
/// A Transpose turns squares of one superlane; between superlanes only a Permute moves anything, and it turns
/// a whole vector. So the chunks of a tile are moved along its diagonals: for diagonal d, superlane s reads
/// row chunk (s + d) mod superlanes (Gather: every superlane has an address of its own), a Permute turns the
/// vectors by d superlanes, a Transpose turns the squares, and superlane g writes where the rows of the
/// result lie that were columns of chunk (g - d) mod superlanes (Scatter). A step does that for
/// lanes_per_superlane vectors, every cycle:
///
///     cycles = steps + 4 h + m + superlanes + permute + transpose + alu + 2 read + 2 map + write - 2
///
/// with h hops from the VXM to an SXM, m hops to the outermost addresses, beyond the input, and the spec's
/// latencies. Half of a step's vectors are permuted in each SXM; those of the east turn round at the VXM.
///
/// What bounds it: the SXMs. A step takes 17 of the 28 queues of the first-generation chip, so two of them
/// never fit in a cycle, and one a cycle is 61 % of what queues that never idle could do; four vectors a
/// cycle is what one-hot vectors through the MXM would do, here it is sixteen.
///
/// Runs: superlanes * lanes_per_superlane for each bank of addresses. Errors as plan_transpose.
[[nodiscard]] Program transpose(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                                DType dtype = DType::Int8);

} // namespace lpusim::chip
