#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/chip/kernels/kv_layout.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// One layer's attention. Query i sees keys 0 .. context - queries + i where `causal`, else all of `context`:
/// decode is queries = 1, prefill queries = context, and anything between appends to a context.
struct AttentionShape {
    std::int64_t queries = 1;
    std::int64_t context = 1; ///< keys, at most the capacity of `kv`
    std::int64_t heads = 1;   ///< of the queries; heads / kv.kv_heads share a KV head
    KvShape kv;
    bool causal = true;
    std::optional<float> scale; ///< of the scores; none: 1 / sqrt(qk_dim)
    DType output = DType::Fp16; ///< or Fp32
};

/// Queries of a round that see equally many tiles of keys.
struct AttentionBlock {
    std::int64_t first = 0; ///< counted from the round's first query
    std::int64_t queries = 0;
    std::int64_t tiles = 0;
};

/// Some queries of some units, from scores to outputs, and when. Cycles are those of the first vector and
/// count from an origin of the plan's own; a phase begins when the one before has left its SRAM slices.
struct AttentionRound {
    std::int64_t query_first = 0;
    std::int64_t queries = 0;
    std::int64_t unit_first = 0; ///< by place in the hemisphere
    std::int64_t units = 0;      ///< of the west; the east may have one less
    std::vector<AttentionBlock> blocks;
    std::int64_t scores_cycle = 0;  ///< queries at the MXM
    std::int64_t maxima_cycle = 0;  ///< scores at the VXM, to be compared
    std::int64_t lanes_cycle = 0;   ///< row maxima at the SXM, to be compared across lanes
    std::int64_t powers_cycle = 0;  ///< scores at the VXM, to become probabilities
    std::int64_t sums_cycle = 0;    ///< summed probabilities at the MXM, against columns of ones
    std::int64_t outputs_cycle = 0; ///< probabilities at the MXM
    std::int64_t end_cycle = 0;     ///< the last output is written
};

struct AttentionPlan {
    AttentionShape shape;
    KvLayout kv;
    std::int64_t rows = 0; ///< query heads of a unit in one hemisphere
    std::vector<AttentionRound> rounds;
    std::int64_t first_cycle = 0; ///< of the first issue, as the rounds count
    std::int64_t cycles = 0;      ///< of the whole program, exactly
    /// What no schedule can beat: bytes of the keys and values seen / stream_bytes_per_cycle, and activations
    /// (one a query head, tile and step or part) x mxm_fp16_cycles / pairs of planes used.
    std::int64_t stream_bound_cycles = 0;
    std::int64_t mxm_bound_cycles = 0;

    [[nodiscard]] std::int64_t bound_cycles() const {
        return stream_bound_cycles > mxm_bound_cycles ? stream_bound_cycles : mxm_bound_cycles;
    }
    [[nodiscard]] double utilisation() const {
        return static_cast<double>(bound_cycles()) / static_cast<double>(cycles);
    }
};

/// Errors as kv_layout; also ValueError for heads that are no multiple of the KV heads, a context shorter
/// than the causal queries, or too few ALUs, SXM queues or accumulators.
[[nodiscard]] AttentionPlan plan_attention(const ChipSpec& spec, const AttentionShape& shape);

/// out = softmax(scale * q k^T) v, fp16 in. Tensors: inputs "q" (queries * heads x qk_dim, query by query),
/// "k" and "v" (see kv_layout; rows from `context` on are not looked at, but must be finite), output "out"
/// (queries * heads x v_dim); constants "mask" and "ones".
///
/// Arithmetic, row by row: scores are exact sums over k_step_lanes dims, each rounded once to fp32, added in
/// order; p = fp16(exp(fp32(scale * (score - max)))), exp as the VXM has it; the sum of all p is taken lane
/// by lane over the tiles in fp32, rounded to fp16 (exact for one tile), summed exactly and rounded once to
/// fp32; outputs are exact sums over a tile's keys rounded once to fp32, added over tiles in order, times
/// rsqrt(sum)^2, rounded to the output's type. What a row gives depends on its own query and the keys it
/// sees, so prefill row i equals decode at context i + 1 bit for bit. Against exact softmax of the scores the
/// result is within (2^-9 + context * 2^-24) * max|v|: fp16 rounds probabilities (twice felt), their sums and
/// the output by 2^-11 each, and subnormal probabilities by 2^-25.
///
/// Each round goes through six phases, both hemispheres at once; in each the next weight tile loads while one
/// is active, so that a tile takes
///
///     max(loads - 1 + max(load latency, 1) + max(install latency, 1), rows * mxm_fp16_cycles)
///
/// and scores, then outputs, are bound by streams (few rows, decode) or the MXM (many rows, prefill). Maxima
/// and powers take a cycle a row and tile, lanes log_r(lanes) trips between VXM and SXM, sums one pass.
/// `AttentionPlan::cycles` is exact. Runs: a fixed number for each round and for each tile of keys that the
/// diagonal meets in it, whatever the context.
[[nodiscard]] Program attention(const ChipSpec& spec, const AttentionShape& shape);

} // namespace lpusim::chip
