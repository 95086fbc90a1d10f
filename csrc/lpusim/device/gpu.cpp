#include "lpusim/device/gpu.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <string>

#include "lpusim/base/integers.h"
#include "lpusim/base/real.h"

namespace lpusim::device {

namespace {

constexpr double kActivationBytes = 2;
constexpr double kAllReducesPerLayer = 2;
constexpr double kPicosecondsPerSecondReal = 1e12;
constexpr double kSecondsPerMicrosecond = 1e-6;
/// A thousand times the largest rate or size on sale; more is a unit mistake.
constexpr double kRateMax = 1e21;

constexpr std::array<Field<GpuSpec>, 14> kFields{{
    {"fp16_flops_per_s", "FLOP/s", 1, kRateMax, "dense fp16/bf16 matmul peak", &GpuSpec::fp16_flops_per_s},
    {"fp8_flops_per_s", "FLOP/s", 0, kRateMax, "dense fp8 peak, 0 = no such format",
     &GpuSpec::fp8_flops_per_s},
    {"int8_ops_per_s", "op/s", 0, kRateMax, "dense int8 peak, 0 = no such format", &GpuSpec::int8_ops_per_s},
    {"fp4_flops_per_s", "FLOP/s", 0, kRateMax, "dense fp4 peak, 0 = no such format",
     &GpuSpec::fp4_flops_per_s},
    {"memory_bytes", "B", 1, 1e15, "memory of one chip", &GpuSpec::memory_bytes},
    {"memory_bytes_per_s", "B/s", 1, kRateMax, "peak memory rate of one chip", &GpuSpec::memory_bytes_per_s},
    {"link_bytes_per_s", "B/s", 0, kRateMax, "scale-up rate of one chip, one direction",
     &GpuSpec::link_bytes_per_s},
    {"scale_up_chips", "chips", 1, 1e6, "chips joined by the scale-up links", &GpuSpec::scale_up_chips},
    {"compute_efficiency", "1", 1e-6, 1, "reached share of the matmul peak", &GpuSpec::compute_efficiency},
    {"memory_efficiency", "1", 1e-6, 1, "reached share of the memory peak", &GpuSpec::memory_efficiency},
    {"link_efficiency", "1", 1e-6, 1, "reached share of the link peak", &GpuSpec::link_efficiency},
    {"kernel_overhead_us", "us", 0, 1e6, "fixed time a layer", &GpuSpec::kernel_overhead_us},
    {"collective_latency_us", "us", 0, 1e6, "fixed time an all-reduce or a hand-over between groups",
     &GpuSpec::collective_latency_us},
    {"memory_utilisation", "1", 1e-6, 1, "share of memory for weights and KV", &GpuSpec::memory_utilisation},
}};

/// floor(memory x utilisation), the bytes one chip offers to weights and KV.
std::int64_t usable_bytes_per_chip(const GpuSpec& spec) {
    return static_cast<std::int64_t>(
        std::floor(static_cast<double>(spec.memory_bytes) * spec.memory_utilisation));
}

} // namespace

std::span<const Field<GpuSpec>> gpu_spec_fields() {
    return kFields;
}

void validate(const GpuSpec& spec) {
    validate_fields("GpuSpec", spec, gpu_spec_fields());
}

double matmul_flops_per_s(const GpuSpec& spec, std::string_view weights) {
    const double fp8_or_wider = spec.fp8_flops_per_s > 0 ? spec.fp8_flops_per_s : spec.fp16_flops_per_s;
    if (weights == "fp16" || weights == "bf16") {
        return spec.fp16_flops_per_s;
    }
    if (weights == "fp8") {
        return fp8_or_wider;
    }
    if (weights == "int8") {
        return spec.int8_ops_per_s > 0 ? spec.int8_ops_per_s : spec.fp16_flops_per_s;
    }
    if (weights == "fp4") {
        return spec.fp4_flops_per_s > 0 ? spec.fp4_flops_per_s : fp8_or_wider;
    }
    throw ValueError("weights must be one of fp16, bf16, fp8, int8, fp4; got \"" + std::string(weights) +
                     "\"");
}

GpuTiming::GpuTiming(const GpuSpec& spec, std::int64_t chip_count, const model::Load& load,
                     std::string_view weights)
    : load_(load), chip_count_(chip_count) {
    validate(spec);
    if (chip_count < 1 || chip_count > 1'000'000) {
        throw ValueError("chip_count must be from 1 to 1000000, got " + std::to_string(chip_count));
    }
    if (chip_count > spec.scale_up_chips && chip_count % spec.scale_up_chips != 0) {
        throw ValueError("chip_count beyond one scale-up group must be a multiple of scale_up_chips = " +
                         std::to_string(spec.scale_up_chips) + ", got " + std::to_string(chip_count));
    }
    stage_count_ = div_ceil(chip_count, spec.scale_up_chips);
    const std::int64_t chips_per_stage = chip_count / stage_count_;
    const auto group_chips = static_cast<double>(chips_per_stage);
    if (group_chips > 1 && spec.link_bytes_per_s <= 0) {
        throw ValueError("GpuSpec: link_bytes_per_s must be above 0 for " + std::to_string(chip_count) +
                         " chips that share a model");
    }

    const std::int64_t chip_bytes = usable_bytes_per_chip(spec);
    const std::int64_t available = checked_multiply(chip_bytes, chip_count);
    const std::int64_t token_bytes = load.kv_bytes_per_token + load.window_kv_bytes_per_token;
    const std::int64_t required = load.weight_bytes + token_bytes;
    if (required > available) {
        std::int64_t enough = chip_bytes > 0 ? div_ceil(required, chip_bytes) : 0;
        if (enough > spec.scale_up_chips) {
            enough = round_up(enough, spec.scale_up_chips);
        }
        throw CapacityError("the weights and one token of KV need " + std::to_string(required) + " B, but " +
                                std::to_string(chip_count) + " chips offer " + std::to_string(available) +
                                " B; " + std::to_string(enough) + " chips would do",
                            required, available, enough);
    }
    // A model without a growing cache is bounded by sequences, not by tokens.
    constexpr std::int64_t unbounded = std::int64_t{1} << 40U;
    kv_token_capacity_ = token_bytes > 0 ? (available - load.weight_bytes) / token_bytes : unbounded;

    flops_per_s_ = matmul_flops_per_s(spec, weights) * spec.compute_efficiency * group_chips;
    memory_bytes_per_s_ = spec.memory_bytes_per_s * spec.memory_efficiency * group_chips;
    all_reduce_bytes_factor_ =
        group_chips > 1 ? 2 * (group_chips - 1) / group_chips / (spec.link_bytes_per_s * spec.link_efficiency)
                        : 0;
    const auto layers = static_cast<double>(load.layers);
    const double latencies =
        (group_chips > 1 ? kAllReducesPerLayer * layers : 0) + static_cast<double>(stage_count_ - 1);
    fixed_s_ =
        (layers * spec.kernel_overhead_us + latencies * spec.collective_latency_us) * kSecondsPerMicrosecond;
    if (load.experts > load.experts_per_token) {
        log_not_chosen_ =
            real_log(1 - static_cast<double>(load.experts_per_token) / static_cast<double>(load.experts));
    }
}

double GpuTiming::distinct_experts(double tokens) const {
    const auto experts = static_cast<double>(load_.experts);
    if (load_.experts <= load_.experts_per_token) {
        return experts;
    }
    return experts * (1 - real_exp(tokens * log_not_chosen_));
}

GpuStepParts GpuTiming::parts(const BatchStep& step) const {
    const std::int64_t token_count = step.prefill_tokens + step.decode_sequences;
    assert(token_count > 0);
    const auto tokens = static_cast<double>(token_count);
    const auto micro_batch = static_cast<double>(div_ceil(token_count, stage_count_));
    // The share of this step's contexts that one micro-batch carries.
    const double share = micro_batch / tokens;

    const auto decode_context = static_cast<double>(step.decode_context_tokens);
    const auto prefill_context = static_cast<double>(step.prefill_context_tokens);
    const double flops = micro_batch * static_cast<double>(load_.flops_per_token) +
                         share * (decode_context + prefill_context) *
                             static_cast<double>(load_.attention_flops_per_context_token);

    double read_context = decode_context;
    auto read_sequences = static_cast<double>(step.decode_sequences);
    if (step.prefill_tokens > 0) {
        read_context += prefill_context / static_cast<double>(step.prefill_tokens);
        read_sequences += 1;
    }
    const double window_context =
        std::min(read_context, read_sequences * static_cast<double>(load_.window_tokens));
    double bytes = static_cast<double>(load_.always_read_bytes);
    if (load_.moe_layers > 0) {
        bytes += static_cast<double>(load_.moe_layers) * distinct_experts(micro_batch) *
                 static_cast<double>(load_.expert_bytes);
    }
    bytes += share * (read_context * static_cast<double>(load_.kv_bytes_per_token) +
                      window_context * static_cast<double>(load_.window_kv_bytes_per_token));

    return {.compute_s = flops / flops_per_s_,
            .memory_s = bytes / memory_bytes_per_s_,
            .all_reduce_s = all_reduce_bytes_factor_ * kAllReducesPerLayer *
                            static_cast<double>(load_.layers) * micro_batch *
                            static_cast<double>(load_.hidden) * kActivationBytes,
            .fixed_s = fixed_s_};
}

std::int64_t GpuTiming::step_ps(const BatchStep& step) const {
    const GpuStepParts time = parts(step);
    const double total_s = std::max(time.compute_s, time.memory_s) + time.all_reduce_s + time.fixed_s;
    const double total_ps = total_s * kPicosecondsPerSecondReal;
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(total_ps + 0.5)));
}

} // namespace lpusim::device
