#include "lpusim/serve/serve.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/base/number_text.h"

namespace lpusim::serve {

namespace {

constexpr std::int64_t kEventsPerProgress = std::int64_t{1} << 18U;
constexpr std::size_t kArrivalsPerProgress = std::size_t{1} << 12U;

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};

void check_pools(std::span<const PoolSpec> pools) {
    if (pools.empty()) {
        throw ValueError("serve needs at least one pool");
    }
    std::set<std::string> names;
    for (const PoolSpec& pool : pools) {
        if (!names.insert(pool.name).second) {
            throw ValueError("two pools are named \"" + pool.name + "\"; give each its own name");
        }
        if (pool.replicas < 1 || pool.replicas > 1'000'000) {
            throw ValueError("pool \"" + pool.name + "\": replicas must be from 1 to 1000000, got " +
                             std::to_string(pool.replicas));
        }
        for (const double usd : {pool.usd_per_input_token, pool.usd_per_output_token}) {
            if (!(usd >= 0) || !std::isfinite(usd)) {
                throw ValueError("pool \"" + pool.name + "\": a price must be 0 or more, got " +
                                 number_text(usd));
            }
        }
        std::visit(Overloaded{
                       [](const PipelineMachine& machine) {
                           validate(machine.timing);
                           if (machine.options.sequence_count_max < 0) {
                               throw ValueError("max_sequences must be 0 (no limit) or more, got " +
                                                std::to_string(machine.options.sequence_count_max));
                           }
                       },
                       [&](const BatchMachine& machine) {
                           if (!machine.timing) {
                               throw ValueError("pool \"" + pool.name + "\" has no timing");
                           }
                           validate(machine.options);
                       },
                       [](const ApiMachine& machine) { validate(machine.options); },
                   },
                   pool.machine);
    }
}

void check_column(const char* name, std::span<const std::int64_t> column, std::size_t count, std::int64_t min,
                  std::int64_t max) {
    if (column.size() != count) {
        throw ValueError(std::string(name) + " has " + std::to_string(column.size()) +
                         " rows, but arrival_ps has " + std::to_string(count));
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (column[i] < min || column[i] > max) {
            throw ValueError(std::string(name) + "[" + std::to_string(i) + "] must be from " +
                             std::to_string(min) + " to " + std::to_string(max) + ", got " +
                             std::to_string(column[i]));
        }
    }
}

void check_requests(const RequestColumns& requests) {
    const std::size_t count = requests.arrival_ps.size();
    check_column("arrival_ps", requests.arrival_ps, count, 0, kLatestPs / 2);
    check_column("input_tokens", requests.input_tokens, count, 1, kTokensMax);
    check_column("output_tokens", requests.output_tokens, count, 1, kTokensMax);
    for (std::size_t i = 1; i < count; ++i) {
        if (requests.arrival_ps[i] < requests.arrival_ps[i - 1]) {
            throw ValueError("arrival_ps must not decrease, but arrival_ps[" + std::to_string(i) +
                             "] = " + std::to_string(requests.arrival_ps[i]) + " comes after " +
                             std::to_string(requests.arrival_ps[i - 1]));
        }
    }
}

/// The replicas of one pool.
class Pool {
  public:
    Pool(const PoolSpec& spec, Records& records)
        : usd_per_input_token_(spec.usd_per_input_token), usd_per_output_token_(spec.usd_per_output_token) {
        std::visit(Overloaded{
                       [&](const PipelineMachine& machine) {
                           const auto timing = std::make_shared<const device::PipelineTiming>(machine.timing);
                           fill(spec.replicas, [&] {
                               return std::make_unique<PipelineEngine>(timing, machine.options, records);
                           });
                       },
                       [&](const BatchMachine& machine) {
                           fill(spec.replicas, [&] {
                               return std::make_unique<BatchEngine>(machine.timing, machine.options, records);
                           });
                       },
                       [&](const ApiMachine& machine) {
                           fill(spec.replicas,
                                [&] { return std::make_unique<ApiEngine>(machine.options, records); });
                       },
                   },
                   spec.machine);
    }

    [[nodiscard]] bool can_hold(const Request& request) const { return engines_.front()->can_hold(request); }

    [[nodiscard]] Candidate candidate(std::size_t pool, const Request& request, std::int64_t now_ps,
                                      bool with_prediction) const {
        Candidate candidate;
        candidate.pool = pool;
        for (const auto& engine : engines_) {
            candidate.outstanding_tokens += engine->outstanding_tokens();
        }
        if (with_prediction) {
            candidate.prediction = engines_[least_loaded()]->predict(request, now_ps);
            candidate.usd = usd_per_input_token_ * static_cast<double>(request.input_tokens) +
                            usd_per_output_token_ * static_cast<double>(request.output_tokens);
        }
        return candidate;
    }

    void submit(const Request& request, std::int64_t now_ps) {
        engines_[least_loaded()]->submit(request, now_ps);
    }

    /// Advances every replica; `pause` is called each time an event budget ends.
    template <class Pause>
    void advance(std::int64_t until_ps, const Pause& pause) {
        for (auto& engine : engines_) {
            while (!engine->advance(until_ps, kEventsPerProgress)) {
                pause();
            }
        }
    }

    [[nodiscard]] EngineStatistics statistics() const {
        EngineStatistics sum;
        for (const auto& engine : engines_) {
            const EngineStatistics one = engine->statistics();
            sum.finished += one.finished;
            sum.input_tokens += one.input_tokens;
            sum.output_tokens += one.output_tokens;
            sum.prefill_items += one.prefill_items;
            sum.prefill_tokens += one.prefill_tokens;
            sum.decode_items += one.decode_items;
            sum.steps += one.steps;
            sum.busy_ps = checked_add(sum.busy_ps, one.busy_ps);
            sum.kv_unit_tokens = one.kv_unit_tokens;
            sum.kv_units += one.kv_units;
            sum.kv_units_peak += one.kv_units_peak;
            sum.kv_unit_ps += one.kv_unit_ps;
        }
        return sum;
    }

  private:
    template <class Make>
    void fill(std::int64_t count, const Make& make) {
        for (std::int64_t i = 0; i < count; ++i) {
            engines_.push_back(make());
        }
    }

    [[nodiscard]] std::size_t least_loaded() const {
        const auto best =
            std::min_element(engines_.begin(), engines_.end(), [](const auto& a, const auto& b) {
                return a->outstanding_tokens() < b->outstanding_tokens();
            });
        return static_cast<std::size_t>(best - engines_.begin());
    }

    std::vector<std::unique_ptr<Engine>> engines_;
    double usd_per_input_token_;
    double usd_per_output_token_;
};

} // namespace

ServeOutcome serve(std::span<const PoolSpec> specs, const RequestColumns& requests,
                   const RouterOptions& router_options, const Progress& progress) {
    check_pools(specs);
    check_requests(requests);
    const std::size_t count = requests.arrival_ps.size();
    Records records{std::vector<std::int64_t>(count, -1), std::vector<std::int64_t>(count, -1)};
    ServeOutcome outcome;
    outcome.pool.assign(count, -1);
    outcome.status.assign(count, static_cast<std::int64_t>(Status::rejected));

    std::vector<Pool> pools;
    pools.reserve(specs.size());
    for (const PoolSpec& spec : specs) {
        pools.emplace_back(spec, records);
    }
    Router router(router_options);
    std::size_t submitted = 0;
    const auto report = [&] {
        if (progress) {
            progress(static_cast<std::int64_t>(submitted), static_cast<std::int64_t>(count));
        }
    };

    std::vector<Candidate> candidates;
    for (; submitted < count; ++submitted) {
        const std::int64_t now_ps = requests.arrival_ps[submitted];
        const Request request{submitted, requests.input_tokens[submitted], requests.output_tokens[submitted]};
        candidates.clear();
        for (std::size_t pool = 0; pool < pools.size(); ++pool) {
            pools[pool].advance(now_ps, report);
            if (pools[pool].can_hold(request)) {
                candidates.push_back(
                    pools[pool].candidate(pool, request, now_ps, router.needs_predictions()));
            }
        }
        if (!candidates.empty()) {
            const std::size_t pool = candidates[router.choose(request, candidates)].pool;
            outcome.pool[submitted] = static_cast<std::int64_t>(pool);
            outcome.status[submitted] = static_cast<std::int64_t>(Status::finished);
            pools[pool].submit(request, now_ps);
        }
        if (submitted % kArrivalsPerProgress == 0) {
            report();
        }
    }
    for (Pool& pool : pools) {
        pool.advance(kNever, report);
        outcome.pools.push_back(pool.statistics());
    }
    report();

    outcome.first_token_ps = std::move(records.first_token_ps);
    outcome.finish_ps = std::move(records.finish_ps);
    if (count > 0) {
        outcome.end_ps = *std::max_element(outcome.finish_ps.begin(), outcome.finish_ps.end());
        outcome.start_ps = outcome.end_ps < 0 ? 0 : requests.arrival_ps.front();
        outcome.end_ps = std::max<std::int64_t>(0, outcome.end_ps);
    }
    return outcome;
}

} // namespace lpusim::serve
