#include "lpusim/serve/batch_engine.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::serve {

namespace {

void check_range(const char* name, std::int64_t value, std::int64_t min) {
    if (value < min || value > kTokensMax) {
        throw ValueError(std::string(name) + " must be from " + std::to_string(min) + " to " +
                         std::to_string(kTokensMax) + ", got " + std::to_string(value));
    }
}

} // namespace

void validate(const BatchOptions& options) {
    check_range("max_sequences", options.sequence_count_max, 1);
    check_range("block_tokens", options.block_tokens, 1);
    // Otherwise decoding alone could exceed the budget.
    check_range("max_batch_tokens (at least max_sequences)", options.batch_tokens_max,
                options.sequence_count_max);
}

BatchEngine::BatchEngine(std::shared_ptr<const device::BatchTiming> timing, BatchOptions options,
                         Records& records)
    : timing_(std::move(timing)), options_(options), records_(records),
      free_blocks_(timing_->kv_token_capacity() / options.block_tokens) {
    statistics_.kv_unit_tokens = options.block_tokens;
    statistics_.kv_units = free_blocks_;
}

std::int64_t BatchEngine::blocks_of(const Request& request) const {
    return div_ceil(request.input_tokens + request.output_tokens, options_.block_tokens);
}

bool BatchEngine::can_hold(const Request& request) const {
    return blocks_of(request) <= statistics_.kv_units;
}

void BatchEngine::submit(const Request& request, std::int64_t now_ps) {
    assert(can_hold(request));
    waiting_.push_back(request);
    waiting_blocks_ += blocks_of(request);
    waiting_output_ += request.output_tokens;
    outstanding_input_ += request.input_tokens;
    outstanding_output_ += request.output_tokens;
    idle_since_ps_ = std::max(idle_since_ps_, now_ps);
}

bool BatchEngine::advance(std::int64_t until_ps, std::int64_t event_budget) {
    for (; event_budget > 0; --event_budget) {
        if (step_end_ps_ != kNever) {
            if (step_end_ps_ > until_ps) {
                return true;
            }
            finish_step();
        } else {
            const bool has_work = !waiting_.empty() || !prefilling_.empty() || !decoding_.empty();
            if (!has_work || idle_since_ps_ >= until_ps) {
                return true;
            }
            start_step(idle_since_ps_);
        }
    }
    return false;
}

void BatchEngine::admit(std::int64_t now_ps) {
    while (!waiting_.empty()) {
        const std::int64_t blocks = blocks_of(waiting_.front());
        const auto running = std::ssize(prefilling_) + std::ssize(decoding_);
        if (blocks > free_blocks_ || running >= options_.sequence_count_max) {
            return;
        }
        free_blocks_ -= blocks;
        waiting_blocks_ -= blocks;
        waiting_output_ -= waiting_.front().output_tokens;
        statistics_.kv_units_peak = std::max(statistics_.kv_units_peak, statistics_.kv_units - free_blocks_);
        prefilling_.push_back({.request = waiting_.front(), .blocks = blocks, .admitted_ps = now_ps});
        waiting_.pop_front();
    }
}

void BatchEngine::start_step(std::int64_t now_ps) {
    admit(now_ps);
    device::BatchStep step;
    step.decode_sequences = std::ssize(decoding_);
    step.decode_context_tokens = decode_context_tokens_;
    std::int64_t budget = options_.batch_tokens_max - step.decode_sequences;
    prefills_ending_ = 0;
    for (Sequence& sequence : prefilling_) {
        if (budget == 0) {
            break;
        }
        const std::int64_t left = sequence.request.input_tokens - sequence.prefilled_tokens;
        const std::int64_t take = std::min(left, budget);
        // Token i of the prompt attends to i tokens: the sum over done + 1 ... done + take.
        step.prefill_context_tokens = checked_add(step.prefill_context_tokens,
                                                  take * sequence.prefilled_tokens + take * (take + 1) / 2);
        step.prefill_tokens += take;
        sequence.prefilled_tokens += take;
        budget -= take;
        ++statistics_.prefill_items;
        prefills_ending_ += take == left;
    }
    const std::int64_t duration_ps = timing_->step_ps(step);
    assert(duration_ps > 0);
    step_end_ps_ = checked_add(now_ps, duration_ps);
    check_time(step_end_ps_);

    outstanding_input_ -= step.prefill_tokens;
    outstanding_output_ -= step.decode_sequences + prefills_ending_;
    statistics_.prefill_tokens += step.prefill_tokens;
    statistics_.decode_items += step.decode_sequences;
    statistics_.busy_ps += duration_ps;
    ++statistics_.steps;
}

void BatchEngine::finish_step() {
    ++step_index_;
    decode_context_tokens_ += std::ssize(decoding_);
    while (!decoding_.empty() && decoding_.top().step == step_index_) {
        const Sequence& sequence = decoding_.top().sequence;
        decode_context_tokens_ -= sequence.request.input_tokens + sequence.request.output_tokens;
        finish(sequence);
        decoding_.pop();
    }
    for (; prefills_ending_ > 0; --prefills_ending_) {
        const Sequence& sequence = prefilling_.front();
        const Request& request = sequence.request;
        records_.first_token_ps[request.index] = step_end_ps_;
        if (request.output_tokens == 1) {
            finish(sequence);
        } else {
            decode_context_tokens_ += request.input_tokens + 1;
            decoding_.push({step_index_ + request.output_tokens - 1, departure_count_++, sequence});
        }
        prefilling_.pop_front();
    }
    idle_since_ps_ = step_end_ps_;
    step_end_ps_ = kNever;
}

void BatchEngine::finish(const Sequence& sequence) {
    records_.finish_ps[sequence.request.index] = step_end_ps_;
    ++statistics_.finished;
    statistics_.input_tokens += sequence.request.input_tokens;
    statistics_.output_tokens += sequence.request.output_tokens;
    statistics_.kv_unit_ps.add_product(sequence.blocks, step_end_ps_ - sequence.admitted_ps);
    free_blocks_ += sequence.blocks;
}

Prediction BatchEngine::predict(const Request& request, std::int64_t now_ps) const {
    const auto decoding = std::ssize(decoding_) + std::ssize(prefilling_);
    const std::int64_t final_context = request.input_tokens + request.output_tokens;
    const auto decode_ps = static_cast<double>(timing_->step_ps(
        {.decode_sequences = decoding + 1, .decode_context_tokens = decode_context_tokens_ + final_context}));

    // All prompts ahead and this one go through in iterations that carry the present decodes along.
    const std::int64_t prefill_tokens = outstanding_input_ + request.input_tokens;
    const std::int64_t budget = std::max<std::int64_t>(1, options_.batch_tokens_max - std::ssize(decoding_));
    const std::int64_t take = std::min(prefill_tokens, budget);
    const auto mixed_ps = static_cast<double>(
        timing_->step_ps({.prefill_tokens = take,
                          .prefill_context_tokens = take * ((request.input_tokens + 1) / 2),
                          .decode_sequences = std::ssize(decoding_),
                          .decode_context_tokens = decode_context_tokens_}));
    const double steps = static_cast<double>(prefill_tokens) / static_cast<double>(take);
    double first_ps = steps * mixed_ps;
    if (step_end_ps_ != kNever) {
        first_ps += static_cast<double>(std::max<std::int64_t>(0, step_end_ps_ - now_ps));
    }

    const std::int64_t short_blocks = waiting_blocks_ + blocks_of(request) - free_blocks_;
    const std::int64_t short_slots = std::ssize(waiting_) + 1 + decoding - options_.sequence_count_max;
    if (decoding > 0 && (short_blocks > 0 || short_slots > 0)) {
        // Running sequences leave, evenly, while their remaining tokens drain.
        const auto tokens = static_cast<double>(outstanding_output_ - waiting_output_);
        const double drain_ps = tokens / static_cast<double>(decoding) * decode_ps;
        const auto used_blocks = static_cast<double>(statistics_.kv_units - free_blocks_);
        const double by_blocks = static_cast<double>(short_blocks) / std::max(1.0, used_blocks);
        const double by_slots = static_cast<double>(short_slots) / static_cast<double>(decoding);
        first_ps += drain_ps * std::max(by_blocks, by_slots);
    }
    return {first_ps, decode_ps};
}

} // namespace lpusim::serve
