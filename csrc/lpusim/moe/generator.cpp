#include "lpusim/moe/generator.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <numeric>
#include <string>
#include <utility>

#include "lpusim/base/number_text.h"
#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"
#include "lpusim/moe/generator_draws.h"
#include "lpusim/moe/router/top_list.h"

namespace lpusim::moe {
namespace {

constexpr std::int64_t kTokenBits = 40;
constexpr std::int64_t kLayerBits = 23;

/// Streams of a token have the top bit clear: bits 0 to 39 its number, 40 to 62 the layer. The others have it
/// set, and bits 56 to 62 say what they are for.
enum class Purpose : std::uint64_t { shared_order, order, shared_shares, shares, domain };

std::uint64_t token_stream(std::int64_t layer, std::int64_t token) {
    return static_cast<std::uint64_t>(layer) << kTokenBits | static_cast<std::uint64_t>(token);
}

std::uint64_t stream_for(Purpose purpose, std::int64_t layer, std::int64_t domain) {
    return std::uint64_t{1} << 63U | static_cast<std::uint64_t>(purpose) << 56U |
           static_cast<std::uint64_t>(domain) << kLayerBits | static_cast<std::uint64_t>(layer);
}

/// Draws of a token that do not wait for an expert: whether expert i is kept is draw kKeep + i.
constexpr std::uint64_t kKeep = std::uint64_t{1} << 32U;

void check_layer(std::int64_t layer) {
    if (layer < 0 || layer >= (std::int64_t{1} << kLayerBits)) {
        throw ValueError("generate: layer must be from 0 to 2^23 - 1, got " + std::to_string(layer));
    }
}

void check_weights(const GeneratorSpec& spec) {
    const auto experts = static_cast<std::size_t>(spec.experts);
    const bool whole = spec.weights.size() == experts ||
                       spec.weights.size() == experts * static_cast<std::size_t>(spec.domains);
    if (spec.popularity != Popularity::given) {
        if (!spec.weights.empty()) {
            throw ValueError("GeneratorSpec: weights are for popularity given only");
        }
        return;
    }
    if (!whole) {
        throw ValueError("GeneratorSpec: weights must be one for each of " + std::to_string(experts) +
                         " experts, or a row of them for each domain, got " +
                         std::to_string(spec.weights.size()) + " values");
    }
    for (std::size_t i = 0; i < spec.weights.size(); ++i) {
        if (!(spec.weights[i] > 0 && spec.weights[i] <= 1e300)) {
            throw ValueError("GeneratorSpec: weights[domain " + std::to_string(i / experts) + ", expert " +
                             std::to_string(i % experts) + "] must be positive and finite, got " +
                             number_text(spec.weights[i]));
        }
    }
}

std::vector<double> zipf(const GeneratorSpec& spec, std::uint64_t stream) {
    const auto experts = static_cast<std::size_t>(spec.experts);
    std::vector<std::size_t> expert_of_rank(experts);
    std::iota(expert_of_rank.begin(), expert_of_rank.end(), std::size_t{0});
    if (spec.shuffled) {
        std::vector<std::uint64_t> keys(experts);
        for (std::size_t e = 0; e < experts; ++e) {
            keys[e] = random_bits(static_cast<std::uint64_t>(spec.seed), stream, e);
        }
        std::ranges::sort(expert_of_rank, [&](std::size_t a, std::size_t b) {
            return std::pair(keys[a], a) < std::pair(keys[b], b);
        });
    }
    std::vector<double> popularity(experts);
    for (std::size_t rank = 0; rank < experts; ++rank) {
        popularity[expert_of_rank[rank]] = real_pow(static_cast<double>(rank + 1), -spec.zipf_exponent);
    }
    return popularity;
}

std::vector<double> dirichlet(const GeneratorSpec& spec, std::uint64_t stream) {
    std::vector<double> popularity(static_cast<std::size_t>(spec.experts));
    for (std::size_t e = 0; e < popularity.size(); ++e) {
        popularity[e] = draw_gamma(static_cast<std::uint64_t>(spec.seed), stream, e, spec.dirichlet_alpha);
    }
    return popularity;
}

/// Popularities of a domain, or of what all domains share.
std::vector<double> popularity_of(const GeneratorSpec& spec, std::int64_t layer, std::int64_t domain,
                                  bool shared) {
    switch (spec.popularity) {
    case Popularity::zipf:
        return zipf(spec, stream_for(shared ? Purpose::shared_order : Purpose::order, layer, domain));
    case Popularity::dirichlet:
        return dirichlet(spec, stream_for(shared ? Purpose::shared_shares : Purpose::shares, layer, domain));
    case Popularity::given: {
        const auto experts = static_cast<std::size_t>(spec.experts);
        const bool by_domain = spec.weights.size() > experts;
        const auto row = std::span(spec.weights)
                             .subspan(by_domain ? static_cast<std::size_t>(domain) * experts : 0, experts);
        return {row.begin(), row.end()};
    }
    case Popularity::round_robin:
        break;
    }
    return std::vector<double>(static_cast<std::size_t>(spec.experts), 1.0);
}

void scale_to_share(std::vector<double>& popularity, double share) {
    const double sum = std::accumulate(popularity.begin(), popularity.end(), 0.0);
    std::ranges::for_each(popularity, [&](double& p) { p *= share / sum; });
}

/// The experts of one sequence, best first, with their rates.
struct Chosen {
    std::vector<std::int32_t> ids;
    std::vector<double> rates;
};

/// Draws the experts of one token after another of a layer.
class TokenDraws {
  public:
    TokenDraws(const GeneratorSpec& spec, std::int64_t layer, SimdLevel level)
        : spec_(spec), layer_(layer), level_(level), k_(static_cast<std::size_t>(spec.experts_per_token)),
          rates_(static_cast<std::size_t>(spec.experts)) {
        for (std::int64_t domain = 0; domain < spec.domains; ++domain) {
            popularity_.push_back(expert_popularity(spec, layer, domain));
        }
    }

    /// Experts that nobody kept.
    void draw(std::int64_t token, Chosen& chosen) {
        draw_rates(seed(), token_stream(layer_, token), popularity(token), rates_, level_);
        chosen.ids.resize(k_);
        chosen.rates.resize(k_);
        TopList<double>(chosen.rates, chosen.ids).offer(rates_, 0);
    }

    /// `chosen` goes from the token before to this one.
    void draw_on(std::int64_t token, Chosen& chosen) {
        const std::uint64_t stream = token_stream(layer_, token);
        draw_rates(seed(), stream, popularity(token), rates_, level_);
        std::size_t kept = 0;
        for (std::size_t slot = 0; slot < k_; ++slot) {
            const auto expert = static_cast<std::uint64_t>(chosen.ids[slot]);
            if (random_unit(seed(), stream, kKeep + expert) < spec_.stickiness) {
                chosen.ids[kept] = chosen.ids[slot];
                chosen.rates[kept++] = chosen.rates[slot];
                rates_[expert] = 0; // It is in already.
            }
        }
        if (kept < k_) {
            TopList<double>(std::span(chosen.rates).subspan(kept), std::span(chosen.ids).subspan(kept))
                .offer(rates_, 0);
            sort(chosen);
        }
    }

  private:
    [[nodiscard]] std::uint64_t seed() const { return static_cast<std::uint64_t>(spec_.seed); }

    [[nodiscard]] std::span<const double> popularity(std::int64_t token) const {
        return popularity_[spec_.domains == 1 ? 0 : static_cast<std::size_t>(domain_of(spec_, token))];
    }

    void sort(Chosen& chosen) {
        order_.resize(k_);
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::ranges::sort(order_, [&](std::size_t a, std::size_t b) {
            return std::pair(-chosen.rates[a], chosen.ids[a]) < std::pair(-chosen.rates[b], chosen.ids[b]);
        });
        const Chosen unsorted = chosen;
        for (std::size_t slot = 0; slot < k_; ++slot) {
            chosen.ids[slot] = unsorted.ids[order_[slot]];
            chosen.rates[slot] = unsorted.rates[order_[slot]];
        }
    }

    const GeneratorSpec& spec_;
    std::int64_t layer_;
    SimdLevel level_;
    std::size_t k_;
    std::vector<std::vector<double>> popularity_; ///< By domain.
    std::vector<double> rates_;
    std::vector<std::size_t> order_;
};

void write(const Chosen& chosen, std::span<std::int32_t> ids, std::span<float> weights) {
    double sum = 0;
    for (const double rate : chosen.rates) {
        sum += rate;
    }
    for (std::size_t slot = 0; slot < ids.size(); ++slot) {
        ids[slot] = chosen.ids[slot];
        weights[slot] = static_cast<float>(chosen.rates[slot] / sum);
    }
}

void take_turns(const GeneratorSpec& spec, std::int64_t first_token, std::span<std::int32_t> ids,
                std::span<float> weights) {
    const std::int64_t first = first_token % spec.experts * spec.experts_per_token % spec.experts;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = static_cast<std::int32_t>((first + static_cast<std::int64_t>(i)) % spec.experts);
        weights[i] = static_cast<float>(1.0 / static_cast<double>(spec.experts_per_token));
    }
}

/// The first token of the requests to which `token` and those that take turns with it belong.
std::int64_t begin_of_requests(const GeneratorSpec& spec, std::int64_t token) {
    const std::int64_t place = token / spec.sequences;
    return spec.request_tokens == 0 ? 0 : place / spec.request_tokens * spec.request_tokens * spec.sequences;
}

bool begins_request(const GeneratorSpec& spec, std::int64_t token) {
    const std::int64_t place = token / spec.sequences;
    return spec.request_tokens == 0 ? place == 0 : place % spec.request_tokens == 0;
}

} // namespace

std::span<const Field<GeneratorSpec>> generator_fields() {
    static constexpr std::array<Field<GeneratorSpec>, 10> fields{{
        {"experts", "experts", 1, 65536, "routed experts of the layer", &GeneratorSpec::experts},
        {"experts_per_token", "experts", 1, 65536, "experts drawn for each token",
         &GeneratorSpec::experts_per_token},
        {"zipf_exponent", "1", 0, 16, "popularity falls as rank to minus this; 0 is uniform",
         &GeneratorSpec::zipf_exponent},
        {"dirichlet_alpha", "1", 1e-3, 1e6, "concentration of drawn popularity shares; infinity is uniform",
         &GeneratorSpec::dirichlet_alpha},
        {"stickiness", "1", 0, 1, "chance that an expert of the token before is kept",
         &GeneratorSpec::stickiness},
        {"sequences", "sequences", 1, 1 << 20, "sequences whose tokens take turns",
         &GeneratorSpec::sequences},
        {"request_tokens", "tokens", 0, 1099511627776.0,
         "tokens after which a sequence begins anew; 0 is never", &GeneratorSpec::request_tokens},
        {"domains", "domains", 1, 4096, "kinds of requests, each with popularities of its own",
         &GeneratorSpec::domains},
        {"domain_share", "1", 0, 1, "share of a popularity that is the domain's own",
         &GeneratorSpec::domain_share},
        {"seed", "1", 0, 9007199254740992.0, "names the sequence of draws", &GeneratorSpec::seed},
    }};
    return fields;
}

void validate(const GeneratorSpec& spec) {
    validate_fields("GeneratorSpec", spec, generator_fields());
    if (spec.experts_per_token > spec.experts) {
        throw ValueError("GeneratorSpec: experts_per_token must be at most experts = " +
                         std::to_string(spec.experts) + ", got " + std::to_string(spec.experts_per_token));
    }
    if (spec.popularity == Popularity::round_robin && (spec.stickiness > 0 || spec.domains > 1)) {
        throw ValueError("GeneratorSpec: round_robin takes turns and knows neither stickiness nor domains");
    }
    check_weights(spec);
}

std::vector<double> expert_popularity(const GeneratorSpec& spec, std::int64_t layer, std::int64_t domain) {
    validate(spec);
    check_layer(layer);
    if (domain < 0 || domain >= spec.domains) {
        throw ValueError("generate: domain must be from 0 to " + std::to_string(spec.domains - 1) + ", got " +
                         std::to_string(domain));
    }
    if (spec.domains == 1) {
        return popularity_of(spec, layer, 0, true);
    }
    std::vector<double> own = popularity_of(spec, layer, domain, false);
    if (spec.domain_share < 1 && spec.popularity != Popularity::given) {
        std::vector<double> shared = popularity_of(spec, layer, 0, true);
        scale_to_share(own, spec.domain_share);
        scale_to_share(shared, 1.0 - spec.domain_share);
        std::ranges::transform(own, shared, own.begin(), std::plus<>{});
    }
    return own;
}

std::int64_t domain_of(const GeneratorSpec& spec, std::int64_t token) {
    const std::int64_t sequence = token % spec.sequences;
    const std::int64_t request = spec.request_tokens == 0 ? 0 : token / spec.sequences / spec.request_tokens;
    const std::uint64_t bits =
        random_bits(static_cast<std::uint64_t>(spec.seed), stream_for(Purpose::domain, sequence, 0),
                    static_cast<std::uint64_t>(request));
    return static_cast<std::int64_t>((bits >> 32U) * static_cast<std::uint64_t>(spec.domains) >> 32U);
}

void generate(const GeneratorSpec& spec, std::int64_t layer, std::int64_t first_token,
              std::span<std::int32_t> ids, std::span<float> weights, SimdLevel level) {
    assert(level <= best_simd_level());
    validate(spec);
    check_layer(layer);
    const auto k = static_cast<std::size_t>(spec.experts_per_token);
    const std::size_t tokens = ids.size() / k;
    if (ids.size() % k != 0 || weights.size() != ids.size()) {
        throw ValueError("generate: ids and weights must both be [tokens, " + std::to_string(k) + "], got " +
                         std::to_string(ids.size()) + " and " + std::to_string(weights.size()) + " values");
    }
    constexpr std::int64_t kTokenLimit = std::int64_t{1} << kTokenBits;
    if (first_token < 0 || first_token > kTokenLimit ||
        tokens > static_cast<std::size_t>(kTokenLimit - first_token)) {
        throw ValueError("generate: tokens must stay within 0 to 2^40, got first_token " +
                         std::to_string(first_token) + " and " + std::to_string(tokens) + " tokens");
    }
    if (spec.popularity == Popularity::round_robin) {
        take_turns(spec, first_token, ids, weights);
        return;
    }
    TokenDraws draws(spec, layer, level);
    const bool sticky = spec.stickiness > 0;
    std::vector<Chosen> chosen(sticky ? static_cast<std::size_t>(spec.sequences) : 1);
    const std::int64_t end = first_token + static_cast<std::int64_t>(tokens);
    for (std::int64_t token = sticky ? begin_of_requests(spec, first_token) : first_token; token < end;
         ++token) {
        Chosen& own = chosen[sticky ? static_cast<std::size_t>(token % spec.sequences) : 0];
        if (sticky && !begins_request(spec, token)) {
            draws.draw_on(token, own);
        } else {
            draws.draw(token, own);
        }
        if (token >= first_token) {
            const std::size_t row = static_cast<std::size_t>(token - first_token) * k;
            write(own, ids.subspan(row, k), weights.subspan(row, k));
        }
    }
}

} // namespace lpusim::moe
