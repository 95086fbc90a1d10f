#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lpusim/serve/engine.h"

namespace lpusim::serve {

enum class Policy : std::uint8_t { round_robin, random, least_loaded, cheapest_meeting_slo };

/// "round-robin", "random", "least-loaded" or "cheapest-meeting-slo"; throws ValueError for anything else.
[[nodiscard]] Policy parse_policy(std::string_view name);

struct RouterOptions {
    Policy policy = Policy::round_robin;
    /// Limits that "cheapest-meeting-slo" aims at; kNever = no limit.
    std::int64_t time_to_first_token_ps = kNever;
    std::int64_t time_per_output_token_ps = kNever;
    /// Of "random".
    std::uint64_t seed = 0;
};

/// What a router sees of a pool that could take the request.
struct Candidate {
    std::size_t pool = 0;
    std::int64_t outstanding_tokens = 0;
    Prediction prediction;
    double usd = 0;
};

/// Picks a pool for each request. Ties go to the pool listed first.
///
/// - round-robin: the next pool in turn that can hold the request.
/// - random: uniform, a pure function of seed and request.
/// - least-loaded: the fewest outstanding tokens.
/// - cheapest-meeting-slo: the cheapest of those predicted to meet both limits; if none does, the one
///   predicted to finish first. The router is told the output length, as the prices need it.
class Router {
  public:
    explicit Router(RouterOptions options) : options_(options) {}

    /// Whether `choose` looks at `prediction` and `usd`.
    [[nodiscard]] bool needs_predictions() const { return options_.policy == Policy::cheapest_meeting_slo; }

    /// The position in `candidates`, which must not be empty and is in ascending order of pool.
    [[nodiscard]] std::size_t choose(const Request& request, std::span<const Candidate> candidates);

  private:
    RouterOptions options_;
    std::size_t next_pool_ = 0;
};

} // namespace lpusim::serve
