#pragma once

#include <cstdint>
#include <vector>

/// The one interface between a machine and the event clock: time and energy of a step.
namespace lpusim::device {

/// A pipelined machine (LPU): work enters stage 0 one item at a time and leaves the last stage.
/// An item is one decode token of one sequence, or one prefill chunk of one sequence.
/// Row p of a table holds for contexts of more than p and at most p + 1 pages (row 0 includes the empty
/// context).
struct PipelineTiming {
    std::int64_t stage_count = 0;
    std::int64_t page_tokens = 0;
    /// KV pages that fit beside the weights: the least over the stages, in pages of a whole model's cache.
    std::int64_t kv_page_count = 0;
    /// The most tokens of one prefill item.
    std::int64_t chunk_tokens = 0;
    /// How long one item holds its slowest stage: the least distance between two items.
    std::vector<std::int64_t> decode_occupancy_ps;
    /// From an item's entry into stage 0 until its result exists.
    std::vector<std::int64_t> decode_latency_ps;
    std::vector<std::int64_t> prefill_occupancy_ps;
    std::vector<std::int64_t> prefill_latency_ps;
};

/// What one iteration of a batching machine (GPU) has to do.
struct BatchStep {
    std::int64_t prefill_tokens = 0;
    /// Sum over prefill tokens of the context each one attends to.
    std::int64_t prefill_context_tokens = 0;
    std::int64_t decode_sequences = 0;
    /// Sum over decoding sequences of their contexts.
    std::int64_t decode_context_tokens = 0;
};

/// A machine that runs one iteration at a time over a batch.
class BatchTiming {
  public:
    virtual ~BatchTiming() = default;
    [[nodiscard]] virtual std::int64_t step_ps(const BatchStep& step) const = 0;
    /// Tokens of context that fit beside the weights.
    [[nodiscard]] virtual std::int64_t kv_token_capacity() const = 0;
};

/// Power while idle and the energy that work adds. Utilisation-linear: average watts over a run are
/// idle + (busy - idle) x busy share.
struct Power {
    double idle_watts = 0;
    double busy_watts = 0;
};

} // namespace lpusim::device
