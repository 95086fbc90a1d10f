#pragma once

#include <cstdint>
#include <span>

#include "lpusim/moe/router_spec.h"

namespace lpusim::moe {

/// Routes tokens: row t of `ids` and `weights` gets the experts of token t, best first.
///
/// `logits` is [tokens, experts], `ids` and `weights` are [tokens, experts_per_token], all row-major. `bias`
/// has one value an expert or none, and only with Score::sigmoid. Scores are double: softmax ranks the logits
/// themselves (the same order, and none is lost to rounding), sigmoid ranks score + bias. A weight is rounded
/// to float once. A row depends on no other row. Throws ValueError for shapes that disagree, and for a NaN or
/// an infinity, naming token and expert. Cost: one pass over the logits, exponentials only where a weight or
/// a sigmoid needs them; one small allocation a call.
void route(const RouterSpec& spec, std::span<const float> logits, std::span<const float> bias,
           std::span<std::int32_t> ids, std::span<float> weights);

} // namespace lpusim::moe
