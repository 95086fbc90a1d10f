#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <vector>

#include "lpusim/device/timing.h"
#include "lpusim/serve/engine.h"

namespace lpusim::serve {

struct BatchOptions {
    /// The token budget of one iteration, prefill and decode together.
    std::int64_t batch_tokens_max = 2048;
    std::int64_t sequence_count_max = 256;
    /// KV is handed out in blocks of this many tokens.
    std::int64_t block_tokens = 16;
};

/// Throws ValueError unless all are positive and a full house of decoding sequences fits into the budget.
void validate(const BatchOptions& options);

/// A machine with continuous batching and chunked prefill: one iteration at a time.
///
/// - Admission: first come, first served, at the start of an iteration; the blocks of the whole final context
///   are reserved, so nothing is ever preempted.
/// - An iteration carries one token of every decoding sequence; what is left of the token budget goes to
///   prefill, oldest sequence first. A sequence whose prefill ends in an iteration has its first token at its
///   end.
///
/// Cost: O(1) an iteration whatever the batch size, and O(log batch) a request.
class BatchEngine final : public Engine {
  public:
    /// `options` must have passed `validate`; `records` must outlive the engine.
    BatchEngine(std::shared_ptr<const device::BatchTiming> timing, BatchOptions options, Records& records);

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
        std::int64_t blocks = 0;
        std::int64_t admitted_ps = 0;
        std::int64_t prefilled_tokens = 0;
    };
    /// A decoding sequence leaves when the iteration counter reaches `step`; `order` makes ties first come
    /// first.
    struct Departure {
        std::int64_t step = 0;
        std::int64_t order = 0;
        Sequence sequence;
        bool operator>(const Departure& other) const {
            return step != other.step ? step > other.step : order > other.order;
        }
    };

    [[nodiscard]] std::int64_t blocks_of(const Request& request) const;
    void admit(std::int64_t now_ps);
    void start_step(std::int64_t now_ps);
    void finish_step();
    void finish(const Sequence& sequence);

    std::shared_ptr<const device::BatchTiming> timing_;
    BatchOptions options_;
    Records& records_;

    std::deque<Request> waiting_;
    std::deque<Sequence> prefilling_;
    std::priority_queue<Departure, std::vector<Departure>, std::greater<>> decoding_;

    /// The iteration in flight ends here; kNever when idle.
    std::int64_t step_end_ps_ = kNever;
    /// When the machine last became free or got work.
    std::int64_t idle_since_ps_ = 0;
    std::int64_t step_index_ = 0;
    std::int64_t departure_count_ = 0;
    /// How many of `prefilling_`, from the front, end their prefill in the iteration in flight.
    std::int64_t prefills_ending_ = 0;
    /// Contexts of the decoding sequences in the next iteration.
    std::int64_t decode_context_tokens_ = 0;

    std::int64_t free_blocks_;
    std::int64_t waiting_blocks_ = 0;
    std::int64_t waiting_output_ = 0;
    std::int64_t outstanding_input_ = 0;
    std::int64_t outstanding_output_ = 0;
    EngineStatistics statistics_;
};

} // namespace lpusim::serve
