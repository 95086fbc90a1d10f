#pragma once

#include <doctest/doctest.h>
#include <vector>

#include "lpusim/serve/engine.h"

/// Drives one engine through a whole trace, for the tests of both kinds of engine.
namespace lpusim::serve::test {

struct Arrival {
    std::int64_t time_ps, input_tokens, output_tokens;
};

struct Run {
    Records records;
    EngineStatistics statistics;
};

/// `make_engine(records)` builds the engine. It advances one event at a time: a budget that ends early must
/// not change anything.
template <class MakeEngine>
Run run_engine(const std::vector<Arrival>& arrivals, const MakeEngine& make_engine) {
    Run result;
    result.records = {std::vector<std::int64_t>(arrivals.size(), -1),
                      std::vector<std::int64_t>(arrivals.size(), -1)};
    auto engine = make_engine(result.records);
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
        while (!engine.advance(arrivals[i].time_ps, 1)) {
        }
        engine.submit({i, arrivals[i].input_tokens, arrivals[i].output_tokens}, arrivals[i].time_ps);
    }
    while (!engine.advance(kNever, 1)) {
    }
    CHECK(engine.outstanding_tokens() == 0);
    result.statistics = engine.statistics();
    return result;
}

} // namespace lpusim::serve::test
