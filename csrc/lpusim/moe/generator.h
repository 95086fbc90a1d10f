#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/field.h"

namespace lpusim::moe {

/// A source of synthetic routing: each token draws `experts_per_token` experts without replacement, with
/// chances in proportion to rank^-zipf_exponent. An exponent of 0 is the uniform router.
struct GeneratorSpec {
    std::int64_t experts = 8;
    std::int64_t experts_per_token = 2;
    double zipf_exponent = 0;
    /// true: every layer gives the popularity ranks to its experts in an order of its own.
    /// false: expert 0 is the most popular one of every layer.
    bool shuffled = true;
    std::int64_t seed = 0;
};

[[nodiscard]] std::span<const Field<GeneratorSpec>> generator_fields();

/// Throws ValueError naming the field.
void validate(const GeneratorSpec& spec);

/// The popularity weight of each expert of `layer`, not normalised: what `generate` draws in proportion to.
[[nodiscard]] std::vector<double> expert_popularity(const GeneratorSpec& spec, std::int64_t layer);

/// Routes tokens `first_token`, `first_token + 1`, ... of `layer`; `ids` and `weights` are
/// [tokens, experts_per_token].
///
/// Every draw is a pure function of (seed, layer, token, expert), so any split into calls gives the same
/// rows. The experts with the shortest exponential waits are chosen (equal to Gumbel top-k: the Gumbel key is
/// -log(wait)); weights are those of a renormalised softmax router whose logits are the Gumbel keys.
/// Preconditions: 0 <= layer < 2^23, 0 <= first_token, first_token + tokens <= 2^40; else ValueError.
/// Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
void generate(const GeneratorSpec& spec, std::int64_t layer, std::int64_t first_token,
              std::span<std::int32_t> ids, std::span<float> weights);

} // namespace lpusim::moe
