#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "lpusim/base/progress.h"
#include "lpusim/device/timing.h"
#include "lpusim/serve/api_engine.h"
#include "lpusim/serve/batch_engine.h"
#include "lpusim/serve/engine.h"
#include "lpusim/serve/pipeline_engine.h"
#include "lpusim/serve/router.h"

namespace lpusim::serve {

struct PipelineMachine {
    device::PipelineTiming timing;
    PipelineOptions options;
};

struct BatchMachine {
    std::shared_ptr<const device::BatchTiming> timing;
    BatchOptions options;
};

struct ApiMachine {
    ApiOptions options;
};

/// `replicas` equal machines behind one name. A request goes to the replica with the fewest outstanding
/// tokens (the first of equals) and stays there.
struct PoolSpec {
    std::string name;
    std::variant<PipelineMachine, BatchMachine, ApiMachine> machine;
    std::int64_t replicas = 1;
    /// What a token is taken to cost when a router compares prices.
    double usd_per_input_token = 0;
    double usd_per_output_token = 0;
};

/// The requests of a run as columns of equal length. Arrivals do not decrease and lie in [0, kLatestPs / 2];
/// tokens are from 1 to kTokensMax.
struct RequestColumns {
    std::span<const std::int64_t> arrival_ps;
    std::span<const std::int64_t> input_tokens;
    std::span<const std::int64_t> output_tokens;
};

/// Every request ends in exactly one of these.
enum class Status : std::int8_t {
    finished = 0,
    /// No pool can ever hold its final context.
    rejected = 1,
};

struct ServeOutcome {
    /// Per request; -1 where there is none (rejected).
    std::vector<std::int64_t> first_token_ps;
    std::vector<std::int64_t> finish_ps;
    std::vector<std::int64_t> pool;
    std::vector<std::int64_t> status;
    /// Per pool, summed over its replicas (peaks too: the sum of the replicas' peaks).
    std::vector<EngineStatistics> pools;
    /// First arrival and last finish; both 0 when nothing finished.
    std::int64_t start_ps = 0;
    std::int64_t end_ps = 0;
};

/// Runs the trace through the pools until everything has finished.
///
/// Pools meet only in the router, so each runs ahead on its own to the next arrival. The result is a pure
/// function of the arguments. Memory: a few integers per request and what is in flight, nothing per token.
/// `progress(done, total)` counts requests; it is called about every 2^18 events.
/// Throws ValueError naming what is wrong with a pool or which row of the columns is.
[[nodiscard]] ServeOutcome serve(std::span<const PoolSpec> pools, const RequestColumns& requests,
                                 const RouterOptions& router, const Progress& progress = {});

} // namespace lpusim::serve
