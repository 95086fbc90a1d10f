#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/field.h"
#include "lpusim/base/values/simd_level.h"

namespace lpusim::moe {

/// Where the popularities of experts come from.
enum class Popularity : std::uint8_t {
    zipf,        ///< rank^-zipf_exponent; an exponent of 0 is the uniform router.
    dirichlet,   ///< Shares drawn from the symmetric Dirichlet distribution of dirichlet_alpha.
    given,       ///< `weights`, one an expert (a row of them a domain).
    round_robin, ///< Nobody draws: experts take turns, exact balance.
};

/// A source of synthetic routing: each token draws `experts_per_token` experts without replacement, with
/// chances in proportion to popularity.
///
/// Token t belongs to sequence t mod sequences; a sequence is cut into requests of request_tokens tokens. A
/// token keeps each expert of the token before it in its request with chance `stickiness` and draws the rest
/// anew. A request belongs to one of `domains`, each with popularities of its own, mixed with those all
/// share.
struct GeneratorSpec {
    std::int64_t experts = 8;
    std::int64_t experts_per_token = 2;
    double zipf_exponent = 0;
    double dirichlet_alpha = 1;
    double stickiness = 0;
    std::int64_t sequences = 1;
    std::int64_t request_tokens = 0; ///< 0: a sequence is one request without an end.
    std::int64_t domains = 1;
    double domain_share = 1; ///< Of a popularity, what is the domain's own; the rest all domains share.
    std::int64_t seed = 0;
    Popularity popularity = Popularity::zipf;
    /// zipf, true: every layer (and domain) gives the ranks to its experts in an order of its own; false:
    /// expert 0 is the most popular one everywhere.
    bool shuffled = true;
    std::vector<double> weights = {}; ///< For Popularity::given: [experts] or [domains, experts], positive.
};

[[nodiscard]] std::span<const Field<GeneratorSpec>> generator_fields();

/// Throws ValueError naming the field, or the fields that contradict each other.
void validate(const GeneratorSpec& spec);

/// The popularity of each expert of `layer` in requests of `domain`, not normalised: what `generate` draws in
/// proportion to. All 1 for round_robin.
[[nodiscard]] std::vector<double> expert_popularity(const GeneratorSpec& spec, std::int64_t layer,
                                                    std::int64_t domain = 0);

/// The domain of token `token`: that of its request, in every layer.
[[nodiscard]] std::int64_t domain_of(const GeneratorSpec& spec, std::int64_t token);

/// Routes tokens `first_token`, `first_token + 1`, ... of `layer`; `ids` and `weights` are
/// [tokens, experts_per_token], best first.
///
/// Every draw is a pure function of (seed, layer, token, expert), so any split into calls gives the same
/// rows, and no level another bit. The experts with the shortest exponential waits are chosen (equal to
/// Gumbel top-k: the Gumbel key is -log(wait)); weights are those of a renormalised softmax router whose
/// logits are the Gumbel keys. An expert that is kept keeps its key. round_robin gives equal weights.
/// Preconditions: 0 <= layer < 2^23, 0 <= first_token, first_token + tokens <= 2^40; else ValueError.
/// Cost: about 3 ns an expert and token with AVX-512, 15 ns without AVX2; with stickiness also the tokens of
/// the current requests before `first_token`.
void generate(const GeneratorSpec& spec, std::int64_t layer, std::int64_t first_token,
              std::span<std::int32_t> ids, std::span<float> weights, SimdLevel level = best_simd_level());

} // namespace lpusim::moe
