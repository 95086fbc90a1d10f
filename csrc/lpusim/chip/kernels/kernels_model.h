#pragma once

#include <cstdint>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Builders of what a model needs beside products, pointwise chains and norms. All passes `verify`; sizes
/// below 1 are a ValueError, what does not fit in SRAM a CapacityError.
namespace lpusim::chip {

/// How a rotary embedding pairs the elements of a head: (0, 1), (2, 3) ... or (0, d/2), (1, d/2 + 1) ...
enum class RopePairing : std::uint8_t { Interleaved, Halves };

/// Columns that one vector carries: as many whole heads as fit in it.
[[nodiscard]] std::int64_t rope_vector_columns(const ChipSpec& spec, std::int64_t head_columns);

/// out = x * cos + swapped(x) * sin, where swapped exchanges the two elements of each pair. Inputs "x" and
/// output "out" are fp16, rows x (heads * head_columns); "cos" and "sin" are fp32, rows x
/// rope_vector_columns: a head's factors (sin with its sign, negative for the first of a pair), repeated for
/// each head of a vector. Computed in fp32, rounded once.
///
/// The swap is one permute in an SXM on the way from SRAM to the VXM. Rows are dealt to `ways` ways (two on
/// the first-generation chip: six operations each of 16 ALUs) that take a vector a cycle:
///
///     ceil(rows / ways) * v - 1 + depth      with v = ceil(heads / heads a vector)
///
/// Throws ValueError for an odd head or one longer than a vector.
[[nodiscard]] Program rope(const ChipSpec& spec, std::int64_t rows, std::int64_t heads,
                           std::int64_t head_columns, RopePairing pairing);

/// out[t] = table[ids[t]]: inputs "ids" (int32, tokens x 1) and "table" (int8 or fp16, entries x columns),
/// output "out" (tokens x columns), every bit pattern as it is. An id outside the table is a data error of
/// the run. Time does not depend on the ids:
///
///     (tokens - 1) * period + depth
///
/// A table that fits a bank (mem_words_per_slice / mem_banks_per_slice entries: 4096 on the first-generation
/// chip) has v = ceil(columns / lanes) vectors an entry, each in slices of its own, half of them in either
/// hemisphere. The id goes to every lane (see reduce_lanes), which is the address every slice of the table
/// takes from the stream as it passes; what it reads is written further out. Period 4 on that chip, whose
/// SXMs move 68 planes a token on 28 queues.
///
/// A larger table is spread over banks and slices, a window of 2^n entries each (4096 there): all windows are
/// read at the id modulo 2^n, and the VXM picks one of w windows with w - 1 selects for each four byte
/// planes, and some operations for each round of windows that are read in the same cycle. So the ALUs are the
/// bound: period 5 for 49,152 x 576 in fp16 (69 operations on 16 ALUs), 10 for 128,256 x 640.
///
/// Throws CapacityError where table and rows need more slices than there are.
[[nodiscard]] Program embedding(const ChipSpec& spec, std::int64_t tokens, std::int64_t entries,
                                std::int64_t columns, DType dtype);

/// What the weights of the chosen experts are made of; in either case divided by their sum.
enum class GateScore : std::uint8_t { Softmax, Sigmoid };

/// The `chosen` greatest of each row of "logits" (fp32, tokens x experts): "ids" (int32, tokens x chosen),
/// greatest first, equal logits by lower id, and "weights" (fp32, the same shape). Ids of a row differ
/// whatever the logits: minus infinity comes after all that is finite, and NaN after minus infinity. Weights
/// are what fp32 makes of it: 0 for minus infinity beside something finite, NaN for all of a row that chose a
/// NaN.
///
/// A token is a lane, an expert a vector: `lanes` tokens are gated at the same time. Each of the `chosen`
/// rounds looks at all experts twice, for the greatest and for the lowest id that has it; the second look of
/// a round takes the chosen one out of the next. Experts follow each other every vxm_alu_latency_cycles:
///
///     (ceil(tokens / lanes) - 1) * period + 2 * chosen * (experts * vxm_alu_latency_cycles + c) + d
///
/// with c and d fixed by the chip (for few experts SRAM latency is added). Bound by the chain of looks: one
/// vector is read a cycle.
[[nodiscard]] Program top_k_gate(const ChipSpec& spec, std::int64_t tokens, std::int64_t experts,
                                 std::int64_t chosen, GateScore score);

} // namespace lpusim::chip
