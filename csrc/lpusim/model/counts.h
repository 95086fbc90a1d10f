#pragma once

#include <cstdint>

#include "lpusim/model/format.h"
#include "lpusim/model/load.h"
#include "lpusim/model/operators.h"

/// What an architecture costs to hold, to read and to run, at given number formats.
namespace lpusim::model {

/// Bytes one operator's parameters take when weights are stored as `weights`.
[[nodiscard]] std::int64_t weight_bytes(const Operator& op, const NumberFormat& weights);

/// The cache of one sequence after `context_tokens` tokens, over all layers; window layers stop at their
/// window.
[[nodiscard]] std::int64_t state_bytes(const Architecture& architecture, std::int64_t context_tokens,
                                       const NumberFormat& kv);

/// The whole model as a device sees it. Matmul weights of the layers are stored as `weights`; embedding,
/// head, norms, router and biases too from 16 bits up, else as bf16 (Operator::is_quantised).
[[nodiscard]] Load load(const ModelSpec& spec, const NumberFormat& weights, const NumberFormat& kv);

} // namespace lpusim::model
