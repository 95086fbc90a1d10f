#include "lpusim/moe/generator.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <utility>

#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"
#include "lpusim/moe/top_list.h"

namespace lpusim::moe {
namespace {

constexpr std::int64_t kTokenBits = 40;
constexpr std::int64_t kLayerBits = 23;

/// Streams of waits have the top bit clear, the stream of a layer's popularity order has it set.
std::uint64_t wait_stream(std::int64_t layer, std::int64_t token) {
    return (static_cast<std::uint64_t>(layer) << kTokenBits) | static_cast<std::uint64_t>(token);
}

std::uint64_t order_stream(std::int64_t layer) {
    return (std::uint64_t{1} << 63U) | static_cast<std::uint64_t>(layer);
}

void check_layer(std::int64_t layer) {
    if (layer < 0 || layer >= (std::int64_t{1} << kLayerBits)) {
        throw ValueError("generate: layer must be from 0 to 2^23 - 1, got " + std::to_string(layer));
    }
}

} // namespace

std::span<const Field<GeneratorSpec>> generator_fields() {
    static constexpr std::array<Field<GeneratorSpec>, 4> fields{{
        {"experts", "experts", 1, 65536, "routed experts of the layer", &GeneratorSpec::experts},
        {"experts_per_token", "experts", 1, 65536, "experts drawn for each token",
         &GeneratorSpec::experts_per_token},
        {"zipf_exponent", "1", 0, 16, "popularity falls as rank to minus this; 0 is uniform",
         &GeneratorSpec::zipf_exponent},
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
}

std::vector<double> expert_popularity(const GeneratorSpec& spec, std::int64_t layer) {
    validate(spec);
    check_layer(layer);
    const auto experts = static_cast<std::size_t>(spec.experts);
    std::vector<std::size_t> expert_of_rank(experts);
    std::iota(expert_of_rank.begin(), expert_of_rank.end(), std::size_t{0});
    if (spec.shuffled) {
        std::vector<std::uint64_t> keys(experts);
        for (std::size_t e = 0; e < experts; ++e) {
            keys[e] = random_bits(static_cast<std::uint64_t>(spec.seed), order_stream(layer), e);
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

void generate(const GeneratorSpec& spec, std::int64_t layer, std::int64_t first_token,
              std::span<std::int32_t> ids, std::span<float> weights) {
    const std::vector<double> popularity = expert_popularity(spec, layer);
    const auto chosen = static_cast<std::size_t>(spec.experts_per_token);
    const std::size_t tokens = ids.size() / chosen;
    if (ids.size() % chosen != 0 || weights.size() != ids.size()) {
        throw ValueError("generate: ids and weights must both be [tokens, " + std::to_string(chosen) +
                         "], got " + std::to_string(ids.size()) + " and " + std::to_string(weights.size()) +
                         " values");
    }
    constexpr std::int64_t kTokenLimit = std::int64_t{1} << kTokenBits;
    if (first_token < 0 || first_token > kTokenLimit ||
        tokens > static_cast<std::size_t>(kTokenLimit - first_token)) {
        throw ValueError("generate: tokens must stay within 0 to 2^40, got first_token " +
                         std::to_string(first_token) + " and " + std::to_string(tokens) + " tokens");
    }
    const auto seed = static_cast<std::uint64_t>(spec.seed);
    std::vector<double> rates(popularity.size()); // 1 / wait: the largest rates are the shortest waits.
    std::vector<double> best_rates(chosen);
    for (std::size_t t = 0; t < tokens; ++t) {
        const std::uint64_t stream = wait_stream(layer, first_token + static_cast<std::int64_t>(t));
        for (std::size_t e = 0; e < rates.size(); ++e) {
            rates[e] = popularity[e] / -real_log(random_unit(seed, stream, e));
        }
        TopList<double> best(best_rates, ids.subspan(t * chosen, chosen));
        best.offer(rates, 0);
        double sum = 0;
        for (const double rate : best_rates) {
            sum += rate;
        }
        for (std::size_t slot = 0; slot < chosen; ++slot) {
            weights[t * chosen + slot] = static_cast<float>(best_rates[slot] / sum);
        }
    }
}

} // namespace lpusim::moe
