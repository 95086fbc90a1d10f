#include "lpusim/serve/api_engine.h"

#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::serve {

namespace {

void check_time_option(const char* name, std::int64_t value) {
    if (value < 1 || value > kLatestPs / 4) {
        throw ValueError(std::string("api pool: ") + name + " must be from 1 to " +
                         std::to_string(kLatestPs / 4) + " ps, got " + std::to_string(value));
    }
}

} // namespace

void validate(const ApiOptions& options) {
    check_time_option("time_to_first_token_ps", options.time_to_first_token_ps);
    check_time_option("time_per_output_token_ps", options.time_per_output_token_ps);
    if (options.context_tokens_max < 0) {
        throw ValueError("api pool: context_tokens_max must be 0 (not stated) or more, got " +
                         std::to_string(options.context_tokens_max));
    }
}

bool ApiEngine::can_hold(const Request& request) const {
    return options_.context_tokens_max == 0 ||
           request.input_tokens + request.output_tokens <= options_.context_tokens_max;
}

void ApiEngine::submit(const Request& request, std::int64_t now_ps) {
    const std::int64_t first_ps = checked_add(now_ps, options_.time_to_first_token_ps);
    const std::int64_t finish_ps =
        checked_add(first_ps, checked_multiply(request.output_tokens - 1, options_.time_per_output_token_ps));
    check_time(finish_ps);
    records_.first_token_ps[request.index] = first_ps;
    records_.finish_ps[request.index] = finish_ps;
    const std::int64_t tokens = request.input_tokens + request.output_tokens;
    outstanding_tokens_ += tokens;
    in_flight_.emplace(finish_ps, tokens);
    ++statistics_.finished;
    statistics_.input_tokens += request.input_tokens;
    statistics_.output_tokens += request.output_tokens;
    ++statistics_.prefill_items;
    statistics_.prefill_tokens += request.input_tokens;
    statistics_.decode_items += request.output_tokens - 1;
}

bool ApiEngine::advance(std::int64_t until_ps, std::int64_t event_budget) {
    for (; event_budget > 0; --event_budget) {
        if (in_flight_.empty() || in_flight_.top().first > until_ps) {
            return true;
        }
        outstanding_tokens_ -= in_flight_.top().second;
        in_flight_.pop();
    }
    return false;
}

Prediction ApiEngine::predict(const Request& /*request*/, std::int64_t /*now_ps*/) const {
    return {static_cast<double>(options_.time_to_first_token_ps),
            static_cast<double>(options_.time_per_output_token_ps)};
}

} // namespace lpusim::serve
