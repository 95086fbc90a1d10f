#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "lpusim/base/field.h"
#include "lpusim/device/timing.h"
#include "lpusim/model/load.h"

/// A GPU (or any chip that streams weights from memory) as a roofline with stated efficiencies.
namespace lpusim::device {

struct GpuSpec {
    double fp16_flops_per_s = 0;
    double fp8_flops_per_s = 0;
    double int8_ops_per_s = 0;
    double fp4_flops_per_s = 0;
    std::int64_t memory_bytes = 0;
    double memory_bytes_per_s = 0;
    double link_bytes_per_s = 0;
    std::int64_t scale_up_chips = 1;
    double compute_efficiency = 1;
    double memory_efficiency = 1;
    double link_efficiency = 1;
    double kernel_overhead_us = 0;
    double collective_latency_us = 0;
    double memory_utilisation = 1;
};

[[nodiscard]] std::span<const Field<GpuSpec>> gpu_spec_fields();

/// Throws ValueError naming the field, what was seen and what is allowed.
void validate(const GpuSpec& spec);

/// The rate at which `spec` multiplies weights stored as `weights` ("fp16", "bf16", "fp8", "int8", "fp4").
/// A chip without that format widens the weights on the fly and runs at the next wider rate it has:
/// fp4 -> fp8 -> fp16, int8 -> fp16. Throws ValueError for any other name.
[[nodiscard]] double matmul_flops_per_s(const GpuSpec& spec, std::string_view weights);

/// Where an iteration's time goes. Of compute and memory only the longer counts.
struct GpuStepParts {
    double compute_s = 0;
    double memory_s = 0;
    double all_reduce_s = 0;
    double fixed_s = 0;
};

/// Iteration times of `chip_count` chips that share one model.
///
/// Up to `scale_up_chips` chips are one tensor-parallel group. Beyond it, whole groups follow each other as a
/// pipeline of `stage_count` stages over the layers, and an iteration runs as that many equal micro-batches,
/// so weights are read by one group at a time while compute and KV are shared by all chips.
///
/// Step time = max(compute, memory) + all-reduces + overhead, where for a micro-batch of m tokens
///   compute  = (m x flops_per_token + attention FLOPs) / (group x rate x compute_efficiency)
///   memory   = (always_read + moe_layers x distinct(m) x expert_bytes + KV read) / (group x rate x
///              memory_efficiency), distinct(m) = E (1 - (1 - k/E)^m): the expected number of different
///              experts that m independent uniform choices of k out of E touch
///   all-reduce: two a layer, ring: 2 (n-1)/n x m x hidden x 2 bytes over a link, plus a latency each
///   overhead = layers x kernel_overhead_us.
/// Approximations: prefill tokens share one pass over their mean context; a window layer reads at most
/// min(sum of contexts, sequences x window) tokens, an upper bound of the true sum of minima.
class GpuTiming final : public BatchTiming {
  public:
    /// Throws ValueError for a bad spec or chip count, CapacityError when the weights do not fit.
    GpuTiming(const GpuSpec& spec, std::int64_t chip_count, const model::Load& load,
              std::string_view weights);

    /// Picoseconds, rounded once, at least 1. Pure: the same step always takes the same time.
    [[nodiscard]] std::int64_t step_ps(const BatchStep& step) const override;

    [[nodiscard]] GpuStepParts parts(const BatchStep& step) const;

    /// floor(bytes left beside the weights / bytes one token adds), in integers.
    /// Window layers are charged as if they grew: a lower bound of the capacity for models that have them.
    [[nodiscard]] std::int64_t kv_token_capacity() const override { return kv_token_capacity_; }

    [[nodiscard]] std::int64_t chip_count() const { return chip_count_; }
    [[nodiscard]] std::int64_t stage_count() const { return stage_count_; }

  private:
    [[nodiscard]] double distinct_experts(double tokens) const;

    model::Load load_;
    std::int64_t chip_count_;
    std::int64_t stage_count_;
    std::int64_t kv_token_capacity_ = 0;
    /// Of one tensor-parallel group, efficiency included.
    double flops_per_s_;
    double memory_bytes_per_s_;
    double all_reduce_bytes_factor_;
    double fixed_s_;
    double log_not_chosen_ = 0;
};

} // namespace lpusim::device
