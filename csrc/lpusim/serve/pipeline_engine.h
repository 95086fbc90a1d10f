#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "lpusim/device/timing.h"
#include "lpusim/serve/engine.h"
#include "lpusim/serve/flow_shop.h"
#include "lpusim/serve/time_queue.h"

namespace lpusim::serve {

struct PipelineOptions {
    /// The most sequences admitted at once; 0 = only KV pages limit them.
    std::int64_t sequence_count_max = 0;
    /// Which goes first when both are ready: decode tokens (short gaps) or prefill chunks (short waits).
    bool prefill_first = false;
};

/// Throws ValueError unless the tables have equal length, times are positive, no latency is below its
/// occupancy, and a pass through all stages stays within the range of time.
void validate(const device::PipelineTiming& timing);

/// A machine whose unit of work is a stage slot.
///
/// - Admission: first come, first served; the pages of the whole final context (input + output) are reserved,
///   so nothing is ever evicted.
/// - Whenever stage 0 is free and something is ready, one item enters: the decode token that has been ready
///   longest, else the next prefill chunk of the oldest sequence (or the other way round, see
///   PipelineOptions).
/// - Nothing overtakes in any stage: an item behind a slower one waits for it, stage by stage (FlowShop). Its
///   exit is its entry + its latency + what it waited.
/// - Chunks of one sequence may follow each other directly; a decode token enters after its predecessor has
///   left. The first token is the exit of the last chunk.
///
/// Cost: O(1) an item, and O(1) a run of prefill chunks that nothing interrupts on one page.
class PipelineEngine final : public Engine {
  public:
    /// `timing` must have passed `validate`; `records` must outlive the engine.
    PipelineEngine(std::shared_ptr<const device::PipelineTiming> timing, PipelineOptions options,
                   Records& records);

    [[nodiscard]] bool can_hold(const Request& request) const override;
    void submit(const Request& request, std::int64_t now_ps) override;
    bool advance(std::int64_t until_ps, std::int64_t event_budget) override;
    [[nodiscard]] std::int64_t outstanding_tokens() const override {
        return outstanding_input_ + outstanding_output_;
    }
    [[nodiscard]] Prediction predict(const Request& request, std::int64_t now_ps) const override;
    [[nodiscard]] EngineStatistics statistics() const override { return statistics_; }

  private:
    struct Sequence {
        Request request;
        std::int64_t pages = 0;
        std::int64_t admitted_ps = 0;
        std::int64_t prefilled_tokens = 0;
        /// Outputs whose work has not yet entered the pipeline.
        std::int64_t outputs_left = 0;
        /// The table row of the present context, and the tokens it can still grow on that row.
        std::size_t row = 0;
        std::int64_t row_tokens_left = 0;
    };

    [[nodiscard]] std::int64_t pages_of(std::int64_t tokens) const;
    void admit(std::int64_t now_ps);
    [[nodiscard]] std::int64_t next_decision_ps() const;
    void choose(std::int64_t now_ps, std::int64_t bound_ps);
    void enter_decode(std::int64_t now_ps);
    void enter_prefill(std::int64_t now_ps, std::int64_t bound_ps);
    /// Books `count` equal items one behind the other; returns the entry of the last plus what it waits
    /// inside.
    std::int64_t enter(std::int64_t now_ps, std::int64_t occupancy_ps, std::int64_t count);
    void leave(std::size_t slot, std::int64_t exit_ps);
    void complete();

    std::shared_ptr<const device::PipelineTiming> timing_;
    PipelineOptions options_;
    Records& records_;

    std::vector<Sequence> sequences_;
    std::vector<std::size_t> free_slots_;
    std::deque<Request> waiting_;
    std::deque<std::size_t> prefilling_;
    TimeQueue decodes_;
    TimeQueue completions_;

    /// When stage 0 is free again.
    std::int64_t free_ps_ = 0;
    FlowShop stages_;

    std::int64_t free_pages_;
    std::int64_t running_ = 0;
    std::int64_t waiting_pages_ = 0;
    std::int64_t waiting_output_ = 0;
    std::int64_t outstanding_input_ = 0;
    std::int64_t outstanding_output_ = 0;
    EngineStatistics statistics_;
};

} // namespace lpusim::serve
