#include "lpusim/serve/router.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/rng.h"

namespace lpusim::serve {

namespace {

constexpr std::array<std::pair<std::string_view, Policy>, 4> kPolicies{{
    {"round-robin", Policy::round_robin},
    {"random", Policy::random},
    {"least-loaded", Policy::least_loaded},
    {"cheapest-meeting-slo", Policy::cheapest_meeting_slo},
}};

constexpr std::uint64_t kRouterStream =
    0x726f75746572; // "router": apart from the streams of generated traces

bool meets(std::int64_t limit_ps, double predicted_ps) {
    return limit_ps == kNever || predicted_ps <= static_cast<double>(limit_ps);
}

} // namespace

Policy parse_policy(std::string_view name) {
    std::string known;
    for (const auto& [known_name, policy] : kPolicies) {
        if (known_name == name) {
            return policy;
        }
        known += (known.empty() ? "" : ", ") + std::string(known_name);
    }
    throw ValueError("unknown policy \"" + std::string(name) + "\"; known: " + known);
}

std::size_t Router::choose(const Request& request, std::span<const Candidate> candidates) {
    assert(!candidates.empty());
    const auto first = candidates.begin();
    const auto least = [&](auto key) {
        const auto better = [&](const Candidate& a, const Candidate& b) { return key(a) < key(b); };
        return static_cast<std::size_t>(std::min_element(first, candidates.end(), better) - first);
    };
    switch (options_.policy) {
    case Policy::round_robin: {
        const auto after =
            std::find_if(first, candidates.end(), [&](const Candidate& c) { return c.pool >= next_pool_; });
        const auto chosen = after == candidates.end() ? first : after;
        next_pool_ = chosen->pool + 1;
        return static_cast<std::size_t>(chosen - first);
    }
    case Policy::random:
        return random_bits(options_.seed, kRouterStream, request.index) % candidates.size();
    case Policy::least_loaded:
        return least([](const Candidate& c) { return c.outstanding_tokens; });
    case Policy::cheapest_meeting_slo:
        break;
    }
    const auto later_tokens = static_cast<double>(request.output_tokens - 1);
    return least([&](const Candidate& c) {
        const Prediction& p = c.prediction;
        const bool good = meets(options_.time_to_first_token_ps, p.time_to_first_token_ps) &&
                          meets(options_.time_per_output_token_ps, p.time_per_output_token_ps);
        const double finish_ps = p.time_to_first_token_ps + later_tokens * p.time_per_output_token_ps;
        return std::pair(!good, good ? c.usd : finish_ps);
    });
}

} // namespace lpusim::serve
