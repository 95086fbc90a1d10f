#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "lpusim/serve/wide_sum.h"

namespace lpusim::serve {

/// No event can happen at this time: "nothing pending".
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
/// Simulated time ends here (53 days); leaves room to add a step without overflow.
inline constexpr std::int64_t kLatestPs = std::int64_t{1} << 62U;
/// The most tokens of one request, in or out.
inline constexpr std::int64_t kTokensMax = std::int64_t{1} << 40U;

/// One request; `index` is its row in the columns of the run.
struct Request {
    std::size_t index = 0;
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
};

/// What becomes of requests, one row each: the only memory that grows with the length of a trace.
struct Records {
    std::vector<std::int64_t> first_token_ps;
    std::vector<std::int64_t> finish_ps;
};

/// What a router may ask before it decides. An estimate from the present state, not a promise.
struct Prediction {
    double time_to_first_token_ps = 0;
    double time_per_output_token_ps = 0;
};

struct EngineStatistics {
    std::int64_t finished = 0;
    /// Tokens of finished requests.
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    /// Work done: prefill chunks and decode tokens, and for batching machines the iterations that held them.
    std::int64_t prefill_items = 0;
    std::int64_t prefill_tokens = 0;
    std::int64_t decode_items = 0;
    std::int64_t steps = 0;
    /// How long the machine's bottleneck was held.
    std::int64_t busy_ps = 0;
    /// KV is counted in units of `kv_unit_tokens` tokens (a page, a block); 0 where there is no cache to
    /// fill.
    std::int64_t kv_unit_tokens = 0;
    std::int64_t kv_units = 0;
    std::int64_t kv_units_peak = 0;
    /// Reserved units integrated over time.
    WideSum kv_unit_ps;
};

/// One machine that serves requests: a replica of a pool.
///
/// At one instant, completions come first, then arrivals, then the machine's decision what to do next. All
/// time calls are made with non-decreasing times.
class Engine {
  public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;

    /// Whether the request fits into the empty machine.
    [[nodiscard]] virtual bool can_hold(const Request& request) const = 0;

    /// Takes a request that `can_hold` accepts, after `advance(now_ps)`.
    virtual void submit(const Request& request, std::int64_t now_ps) = 0;

    /// Runs completions up to and including `until_ps` and decisions before it, about `event_budget` events
    /// at most. Returns false if the budget ended first: call again. `until_ps` = kNever runs dry.
    virtual bool advance(std::int64_t until_ps, std::int64_t event_budget) = 0;

    /// Tokens, in and out, that were submitted and whose work has not yet entered the machine.
    [[nodiscard]] virtual std::int64_t outstanding_tokens() const = 0;

    [[nodiscard]] virtual Prediction predict(const Request& request, std::int64_t now_ps) const = 0;

    [[nodiscard]] virtual EngineStatistics statistics() const = 0;
};

/// Throws ValueError when simulated time has run past kLatestPs.
void check_time(std::int64_t time_ps);

} // namespace lpusim::serve
