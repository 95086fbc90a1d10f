#pragma once

#include <cstdint>

#include "lpusim/chip/kernels/kv_layout.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// Adds tokens to the keys and values that `attention` of the same KvShape reads.
struct KvAppendShape {
    KvShape kv;
    std::int64_t position = 0; ///< of the first new token
    std::int64_t tokens = 1;
};

/// How values, whose tokens are lanes, are merged into what is stored.
struct KvAppendPlan {
    KvAppendShape shape;
    KvLayout layout;
    /// Words of a slice that are read in a row before the first of them is written back.
    std::int64_t block_words = 0;
    std::int64_t blocks = 0;
    std::int64_t block_cycles = 0; ///< in which every slice of values takes its turn
    std::int64_t cycles = 0;       ///< of the whole program, exactly
};

/// Errors as kv_layout; also ValueError for tokens that lie outside the capacity.
[[nodiscard]] KvAppendPlan plan_kv_append(const ChipSpec& spec, const KvAppendShape& shape);

/// Tensors: inputs "k_new" (tokens x kv_heads * qk_dim) and "v_new" (tokens x kv_heads * v_dim), the cache
/// "k" and "v" as in attention, and the same cache afterwards, "k_after" and "v_after"; a constant "one_hot".
/// The new tokens' places must never have been written: values are merged by a bitwise or.
///
/// A key is one vector: it goes to its column. A value is a lane of v_dim vectors: it is loaded as a single
/// weight column (the bytes of fp16 as int8 in two planes), one-hot activations bring out its dims one by
/// one, each alone in the token's lane, and the VXM joins each with the stored vector on its way out and
/// back. All bits are kept. For each unit of a hemisphere and each part of its values that takes `blocks *
/// block_cycles` cycles, which is v_part_columns up to rounding (width, block_words), so about kv_heads *
/// v_dim / 2 in all, whatever the context; bound by the SRAM slices, which take one vector a cycle. New
/// tokens of one tile share it. Runs: a fixed number for each weight column group and tile that the tokens
/// touch.
[[nodiscard]] Program kv_append(const ChipSpec& spec, const KvAppendShape& shape);

} // namespace lpusim::chip
