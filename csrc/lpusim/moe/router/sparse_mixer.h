#pragma once

#include <cstdint>
#include <span>

namespace lpusim::moe {

/// SparseMixer at inference (Liu et al., "GRIN: GRadient-INformed MoE", 2024): the two largest logits, each
/// weighed by its probability among the logits near it.
///
/// With m the maximum of a round, logit z takes part unless (m - z) / max(|z|, m) > 2 epsilon. The second
/// round leaves out the first pick. `logits` are finite and at least two; `ids` and `scores` hold two.
void sparse_mixer(std::span<const float> logits, double epsilon, std::span<std::int32_t> ids,
                  std::span<double> scores);

} // namespace lpusim::moe
