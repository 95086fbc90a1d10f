#include "lpusim/serve/pipeline_engine.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::serve {

namespace {

void check_table(const char* name, const std::vector<std::int64_t>& table, std::size_t rows,
                 std::int64_t time_max_ps) {
    if (table.size() != rows || rows == 0) {
        throw ValueError("PipelineTiming: the four tables must have one row a page and equal length, but " +
                         std::string(name) + " has " + std::to_string(table.size()) +
                         " rows and decode_occupancy_ps has " + std::to_string(rows));
    }
    for (std::size_t row = 0; row < rows; ++row) {
        if (table[row] < 1 || table[row] > time_max_ps) {
            throw ValueError("PipelineTiming: " + std::string(name) + "[" + std::to_string(row) +
                             "] must be from 1 to " + std::to_string(time_max_ps) + " ps, got " +
                             std::to_string(table[row]));
        }
    }
}

void check_latencies(const char* name, const std::vector<std::int64_t>& latency,
                     const std::vector<std::int64_t>& occupancy) {
    for (std::size_t row = 0; row < latency.size(); ++row) {
        if (latency[row] < occupancy[row]) {
            throw ValueError("PipelineTiming: " + std::string(name) + "_latency_ps[" + std::to_string(row) +
                             "] = " + std::to_string(latency[row]) + " is below its occupancy " +
                             std::to_string(occupancy[row]));
        }
    }
}

void check_positive(const char* name, std::int64_t value, std::int64_t max) {
    if (value < 1 || value > max) {
        throw ValueError("PipelineTiming: " + std::string(name) + " must be from 1 to " +
                         std::to_string(max) + ", got " + std::to_string(value));
    }
}

} // namespace

void validate(const device::PipelineTiming& timing) {
    constexpr std::int64_t latency_max_ps = kLatestPs / 4;
    check_positive("stage_count", timing.stage_count, 1'000'000);
    check_positive("page_tokens", timing.page_tokens, kTokensMax);
    check_positive("kv_page_count", timing.kv_page_count, kTokensMax);
    check_positive("chunk_tokens", timing.chunk_tokens, kTokensMax);
    const std::size_t rows = timing.decode_occupancy_ps.size();
    check_table("decode_occupancy_ps", timing.decode_occupancy_ps, rows, latency_max_ps / timing.stage_count);
    check_table("decode_latency_ps", timing.decode_latency_ps, rows, latency_max_ps);
    check_table("prefill_occupancy_ps", timing.prefill_occupancy_ps, rows,
                latency_max_ps / timing.stage_count);
    check_table("prefill_latency_ps", timing.prefill_latency_ps, rows, latency_max_ps);
    check_latencies("decode", timing.decode_latency_ps, timing.decode_occupancy_ps);
    check_latencies("prefill", timing.prefill_latency_ps, timing.prefill_occupancy_ps);
}

PipelineEngine::PipelineEngine(std::shared_ptr<const device::PipelineTiming> timing, PipelineOptions options,
                               Records& records)
    : timing_(std::move(timing)), options_(options), records_(records), stages_(timing_->stage_count),
      free_pages_(timing_->kv_page_count) {
    statistics_.kv_unit_tokens = timing_->page_tokens;
    statistics_.kv_units = timing_->kv_page_count;
}

std::int64_t PipelineEngine::pages_of(std::int64_t tokens) const {
    return div_ceil(tokens, timing_->page_tokens);
}

bool PipelineEngine::can_hold(const Request& request) const {
    const std::int64_t pages = pages_of(request.input_tokens + request.output_tokens);
    return pages <= timing_->kv_page_count && pages <= std::ssize(timing_->decode_occupancy_ps);
}

void PipelineEngine::submit(const Request& request, std::int64_t now_ps) {
    assert(can_hold(request));
    waiting_.push_back(request);
    waiting_pages_ += pages_of(request.input_tokens + request.output_tokens);
    waiting_output_ += request.output_tokens;
    outstanding_input_ += request.input_tokens;
    outstanding_output_ += request.output_tokens;
    admit(now_ps);
}

void PipelineEngine::admit(std::int64_t now_ps) {
    while (!waiting_.empty()) {
        const Request& request = waiting_.front();
        const std::int64_t pages = pages_of(request.input_tokens + request.output_tokens);
        const bool slots_full = options_.sequence_count_max > 0 && running_ >= options_.sequence_count_max;
        if (pages > free_pages_ || slots_full) {
            return;
        }
        if (free_slots_.empty()) {
            free_slots_.push_back(sequences_.size());
            sequences_.emplace_back();
        }
        const std::size_t slot = free_slots_.back();
        free_slots_.pop_back();
        sequences_[slot] = {
            .request = request, .pages = pages, .admitted_ps = now_ps, .outputs_left = request.output_tokens};
        prefilling_.push_back(slot);
        ++running_;
        free_pages_ -= pages;
        waiting_pages_ -= pages;
        waiting_output_ -= request.output_tokens;
        statistics_.kv_units_peak = std::max(statistics_.kv_units_peak, timing_->kv_page_count - free_pages_);
        waiting_.pop_front();
    }
}

std::int64_t PipelineEngine::next_decision_ps() const {
    std::int64_t ready_ps = decodes_.empty() ? kNever : decodes_.front().time_ps;
    if (!prefilling_.empty()) {
        ready_ps = std::min(ready_ps, sequences_[prefilling_.front()].admitted_ps);
    }
    return std::max(ready_ps, free_ps_);
}

bool PipelineEngine::advance(std::int64_t until_ps, std::int64_t event_budget) {
    for (; event_budget > 0; --event_budget) {
        const std::int64_t decision_ps = next_decision_ps();
        const std::int64_t completion_ps = completions_.empty() ? kNever : completions_.front().time_ps;
        if (completion_ps <= decision_ps) {
            if (completion_ps > until_ps || completion_ps == kNever) {
                return true;
            }
            complete();
        } else {
            if (decision_ps >= until_ps) {
                return true;
            }
            choose(decision_ps, std::min(until_ps, completion_ps));
        }
    }
    return false;
}

void PipelineEngine::choose(std::int64_t now_ps, std::int64_t bound_ps) {
    const bool decode_ready = !decodes_.empty() && decodes_.front().time_ps <= now_ps;
    const bool prefill_ready = !prefilling_.empty();
    if (decode_ready && !(prefill_ready && options_.prefill_first)) {
        enter_decode(now_ps);
        return;
    }
    if (!options_.prefill_first && !decodes_.empty()) {
        bound_ps = std::min(bound_ps, decodes_.front().time_ps);
    }
    enter_prefill(now_ps, bound_ps);
}

std::int64_t PipelineEngine::enter(std::int64_t now_ps, std::int64_t occupancy_ps, std::int64_t count) {
    assert(now_ps >= free_ps_);
    const std::int64_t last_ps = now_ps + (count - 1) * occupancy_ps;
    check_time(last_ps);
    free_ps_ = last_ps + occupancy_ps;
    statistics_.busy_ps += count * occupancy_ps;
    const std::int64_t begins_ps = last_ps + stages_.enter(now_ps, occupancy_ps, count);
    check_time(begins_ps);
    return begins_ps;
}

void PipelineEngine::leave(std::size_t slot, std::int64_t exit_ps) {
    Sequence& sequence = sequences_[slot];
    --outstanding_output_;
    if (--sequence.outputs_left == 0) {
        completions_.push(exit_ps, slot);
    } else {
        decodes_.push(exit_ps, slot);
    }
}

void PipelineEngine::enter_decode(std::int64_t now_ps) {
    const std::size_t slot = decodes_.pop().value;
    Sequence& sequence = sequences_[slot];
    if (sequence.row_tokens_left == 0) {
        ++sequence.row;
        sequence.row_tokens_left = timing_->page_tokens;
    }
    --sequence.row_tokens_left;
    const std::int64_t begins_ps = enter(now_ps, timing_->decode_occupancy_ps[sequence.row], 1);
    ++statistics_.decode_items;
    leave(slot, begins_ps + timing_->decode_latency_ps[sequence.row]);
}

void PipelineEngine::enter_prefill(std::int64_t now_ps, std::int64_t bound_ps) {
    const std::size_t slot = prefilling_.front();
    Sequence& sequence = sequences_[slot];
    const std::int64_t input = sequence.request.input_tokens;
    const std::int64_t done = sequence.prefilled_tokens;
    const std::int64_t chunk = timing_->chunk_tokens;

    const std::int64_t row = (std::min(done + chunk, input) - 1) / timing_->page_tokens;
    const std::int64_t occupancy_ps = timing_->prefill_occupancy_ps[static_cast<std::size_t>(row)];
    // Chunks that end on this page: the full ones, and the shorter last one if the input ends here too.
    const std::int64_t page_end = (row + 1) * timing_->page_tokens;
    const std::int64_t on_page =
        input <= page_end ? div_ceil(input - done, chunk) : (page_end - done) / chunk;
    std::int64_t begins_ps = enter(now_ps, occupancy_ps, 1);
    std::int64_t count = 1;
    if (on_page > 1 && free_ps_ < bound_ps) {
        // Every further chunk is decided on when stage 0 is free: at free_ps_, free_ps_ + occupancy, ...
        const std::int64_t last_decision_ps = std::min(bound_ps - 1, kLatestPs);
        const std::int64_t before_bound =
            (std::max(last_decision_ps, free_ps_) - free_ps_) / occupancy_ps + 1;
        const std::int64_t more = std::min(on_page - 1, before_bound);
        begins_ps = enter(free_ps_, occupancy_ps, more);
        count += more;
    }
    const std::int64_t tokens = std::min(input - done, count * chunk);
    sequence.prefilled_tokens += tokens;
    outstanding_input_ -= tokens;
    statistics_.prefill_items += count;
    statistics_.prefill_tokens += tokens;
    if (sequence.prefilled_tokens < input) {
        return;
    }
    prefilling_.pop_front();
    sequence.row = static_cast<std::size_t>(row);
    sequence.row_tokens_left = page_end - input;
    const std::int64_t exit_ps = begins_ps + timing_->prefill_latency_ps[sequence.row];
    records_.first_token_ps[sequence.request.index] = exit_ps;
    leave(slot, exit_ps);
}

void PipelineEngine::complete() {
    const auto [finish_ps, slot] = completions_.pop();
    const Sequence& sequence = sequences_[slot];
    records_.finish_ps[sequence.request.index] = finish_ps;
    ++statistics_.finished;
    statistics_.input_tokens += sequence.request.input_tokens;
    statistics_.output_tokens += sequence.request.output_tokens;
    statistics_.kv_unit_ps.add_product(sequence.pages, finish_ps - sequence.admitted_ps);
    free_pages_ += sequence.pages;
    --running_;
    free_slots_.push_back(slot);
    admit(finish_ps);
}

Prediction PipelineEngine::predict(const Request& request, std::int64_t now_ps) const {
    const std::int64_t pages = pages_of(request.input_tokens + request.output_tokens);
    const auto final_row = static_cast<std::size_t>(pages - 1);
    const auto input_row = static_cast<std::size_t>(pages_of(request.input_tokens) - 1);
    const auto decode_ps = static_cast<double>(timing_->decode_occupancy_ps[final_row]);
    const auto decode_latency_ps = static_cast<double>(timing_->decode_latency_ps[final_row]);
    const auto prefill_ps = static_cast<double>(timing_->prefill_occupancy_ps[input_row]);
    const auto prefill_latency_ps = static_cast<double>(timing_->prefill_latency_ps[input_row]);
    const auto running = static_cast<double>(running_);
    const auto sequences = running + static_cast<double>(waiting_.size());

    // One latency has this many slots: each decoding sequence takes one, at least one is left to prefill.
    const double slots = std::max(1.0, decode_latency_ps / decode_ps);
    const double open_share = std::max(1 - sequences / slots, 1 / slots);
    const auto prefill_tokens = static_cast<double>(outstanding_input_ + request.input_tokens);
    const double chunks = std::max(1.0, prefill_tokens / static_cast<double>(timing_->chunk_tokens));
    double first_ps = static_cast<double>(std::max<std::int64_t>(0, free_ps_ - now_ps)) +
                      (chunks - 1) * prefill_ps / open_share + prefill_latency_ps;

    // The running sequences give pages and slots back, evenly, while their remaining tokens drain.
    const auto short_pages = static_cast<double>(waiting_pages_ + pages - free_pages_);
    const auto used_pages = static_cast<double>(timing_->kv_page_count - free_pages_);
    const double short_slots = options_.prefill_first ? 0 : sequences + 1 - slots;
    const double short_share =
        std::max({0.0, short_pages / std::max(1.0, used_pages), short_slots / std::max(1.0, running)});
    const auto tokens = static_cast<double>(outstanding_output_ - waiting_output_);
    first_ps += short_share * tokens * std::max(decode_ps, decode_latency_ps / std::max(1.0, running));
    return {first_ps, std::max(decode_latency_ps, (sequences + 1) * decode_ps)};
}

} // namespace lpusim::serve
