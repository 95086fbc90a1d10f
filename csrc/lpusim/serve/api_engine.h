#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "lpusim/serve/engine.h"

namespace lpusim::serve {

/// A service bought by the token: fixed speed whatever the load.
struct ApiOptions {
    std::int64_t time_to_first_token_ps = 0;
    std::int64_t time_per_output_token_ps = 0;
    /// The longest input + output it takes; 0 = not stated.
    std::int64_t context_tokens_max = 0;
};

/// Throws ValueError for a time that is not positive or a negative context.
void validate(const ApiOptions& options);

/// Serves every request at once: first token after a fixed time, the others at a fixed distance.
/// Cost: O(log requests in flight) a request. Busy time is not defined and stays 0.
class ApiEngine final : public Engine {
  public:
    ApiEngine(ApiOptions options, Records& records) : options_(options), records_(records) {}

    [[nodiscard]] bool can_hold(const Request& request) const override;
    void submit(const Request& request, std::int64_t now_ps) override;
    bool advance(std::int64_t until_ps, std::int64_t event_budget) override;
    [[nodiscard]] std::int64_t outstanding_tokens() const override { return outstanding_tokens_; }
    [[nodiscard]] Prediction predict(const Request& request, std::int64_t now_ps) const override;
    [[nodiscard]] EngineStatistics statistics() const override { return statistics_; }

  private:
    using InFlight = std::pair<std::int64_t, std::int64_t>; // finish time, tokens

    ApiOptions options_;
    Records& records_;
    std::priority_queue<InFlight, std::vector<InFlight>, std::greater<>> in_flight_;
    std::int64_t outstanding_tokens_ = 0;
    EngineStatistics statistics_;
};

} // namespace lpusim::serve
