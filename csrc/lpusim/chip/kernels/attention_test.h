#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/vector_functions.h"
#include "lpusim/chip/kernels/attention.h"

/// What the tests of attention and of its keys and values share.
namespace lpusim::chip {

using Halves = std::vector<std::uint16_t>;

/// Two superlanes of four lanes: lanes 8, three weight columns a cycle, tiles of six keys.
inline ChipSpec small_attention_spec() {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.streams_per_direction = 8;
    spec.positions = 13;
    spec.mem_slices_per_hemisphere = 20;
    spec.mem_words_per_slice = 256;
    spec.mxm_load_streams = 4;
    spec.mxm_accumulator_vectors = 12;
    spec.mxm_activate_latency_cycles = 3;
    return spec;
}

/// The small chip with other latencies, queues and streams, one or two at a time.
inline std::vector<ChipSpec> other_attention_specs() {
    std::vector<ChipSpec> specs(12, small_attention_spec());
    specs[0].mxm_fp16_cycles = 1;
    specs[1].mxm_fp16_cycles = 5;
    specs[2].vxm_alu_latency_cycles = 3;
    specs[3].vxm_function_latency_cycles = 1;
    specs[4].mem_read_latency_cycles = 5;
    specs[4].mem_write_latency_cycles = 0;
    specs[5].mxm_load_latency_cycles = 0;
    specs[5].mxm_install_latency_cycles = 0;
    specs[6].mxm_load_latency_cycles = 4;
    specs[6].mxm_install_latency_cycles = 3;
    specs[7].sxm_permute_latency_cycles = 2;
    specs[7].sxm_queues_per_hemisphere = 8;
    specs[8].streams_per_direction = 32;
    specs[8].mem_slices_per_hemisphere = 44;
    specs[8].mem_banks_per_slice = 1;
    specs[9].positions = 45;
    specs[9].mxm_planes_per_hemisphere = 4;
    specs[10].lanes_per_superlane = 5; // Tiles of nine keys.
    specs[11].positions = 7;           // All slices of a hemisphere are one hop from the VXM.
    specs[11].mxm_load_streams = 1;
    specs[11].mxm_activate_latency_cycles = 40;
    specs[11].mxm_accumulate_latency_cycles = 6;
    return specs;
}

inline AttentionShape attention_shape(std::int64_t queries, std::int64_t context, std::int64_t heads,
                                      std::int64_t kv_heads, std::int64_t qk_dim, std::int64_t v_dim) {
    AttentionShape shape;
    shape.queries = queries;
    shape.context = context;
    shape.heads = heads;
    shape.kv = {context, kv_heads, qk_dim, v_dim};
    return shape;
}

/// Multiples of 2^-9 from -4 to 4: fp16 numbers whose products add up exactly in double.
inline Halves random_halves(std::int64_t count, std::uint64_t seed) {
    Halves values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto steps = static_cast<std::int64_t>(random_bits(seed, 1, i) % 4097) - 2048;
        values[i] = fp16_from_fp32(static_cast<float>(steps) * 0x1p-9F);
    }
    return values;
}

/// What is promised of `attention`, row by row and in plain loops. `keys` and `values` have at least
/// `context` rows.
class AttentionReference {
  public:
    AttentionReference(const ChipSpec& spec, const AttentionShape& shape, const Halves& queries,
                       const Halves& keys, const Halves& values)
        : shape_(shape), kv_(kv_layout(spec, shape.kv)), queries_(queries), keys_(keys), values_(values) {}

    /// Bits of the output's type.
    [[nodiscard]] std::vector<std::uint32_t> bits() const {
        std::vector<std::uint32_t> out;
        for_rows([&](std::int64_t query, std::int64_t head) {
            for (const float value : row(query, head)) {
                out.push_back(shape_.output == DType::Fp16 ? fp16_from_fp32(value)
                                                           : std::bit_cast<std::uint32_t>(value));
            }
        });
        return out;
    }

    /// Softmax of exact scores in double, for comparison.
    [[nodiscard]] std::vector<double> exact() const {
        std::vector<double> out;
        for_rows([&](std::int64_t query, std::int64_t head) {
            std::vector<double> powers;
            double sum = 0.0;
            for (std::int64_t key = 0; key < seen(query); ++key) {
                double score = 0.0;
                for (std::int64_t dim = 0; dim < shape_.kv.qk_dim; ++dim) {
                    score += query_at(query, head, dim) * key_at(key, head, dim);
                }
                powers.push_back(std::exp(score * static_cast<double>(scale())));
                sum += powers.back();
            }
            for (std::int64_t dim = 0; dim < shape_.kv.v_dim; ++dim) {
                double value = 0.0;
                for (std::int64_t key = 0; key < seen(query); ++key) {
                    value += powers[static_cast<std::size_t>(key)] / sum * value_at(key, head, dim);
                }
                out.push_back(value);
            }
        });
        return out;
    }

  private:
    template <class Visit>
    void for_rows(const Visit& visit) const {
        for (std::int64_t query = 0; query < shape_.queries; ++query) {
            for (std::int64_t head = 0; head < shape_.heads; ++head) {
                visit(query, head);
            }
        }
    }

    [[nodiscard]] std::int64_t seen(std::int64_t query) const {
        return shape_.causal ? shape_.context - shape_.queries + query + 1 : shape_.context;
    }
    [[nodiscard]] float scale() const {
        return shape_.scale ? *shape_.scale
                            : static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape_.kv.qk_dim)));
    }
    [[nodiscard]] std::int64_t kv_head(std::int64_t head) const {
        return head / (shape_.heads / shape_.kv.kv_heads);
    }
    [[nodiscard]] static double number(const Halves& matrix, std::int64_t index) {
        return static_cast<double>(fp32_from_fp16(matrix[static_cast<std::size_t>(index)]));
    }
    [[nodiscard]] double query_at(std::int64_t query, std::int64_t head, std::int64_t dim) const {
        return number(queries_, (query * shape_.heads + head) * shape_.kv.qk_dim + dim);
    }
    [[nodiscard]] double key_at(std::int64_t key, std::int64_t head, std::int64_t dim) const {
        return number(keys_, (key * shape_.kv.kv_heads + kv_head(head)) * shape_.kv.qk_dim + dim);
    }
    [[nodiscard]] double value_at(std::int64_t key, std::int64_t head, std::int64_t dim) const {
        return number(values_, (key * shape_.kv.kv_heads + kv_head(head)) * shape_.kv.v_dim + dim);
    }

    [[nodiscard]] std::vector<float> row(std::int64_t query, std::int64_t head) const {
        std::vector<float> scores;
        float greatest = -std::numeric_limits<float>::infinity();
        for (std::int64_t key = 0; key < seen(query); ++key) {
            float score = 0.0F;
            for (std::int64_t step = 0; step < kv_.k_steps; ++step) {
                const std::int64_t end = std::min(shape_.kv.qk_dim, (step + 1) * kv_.k_step_lanes);
                double sum = 0.0;
                for (std::int64_t dim = step * kv_.k_step_lanes; dim < end; ++dim) {
                    sum += query_at(query, head, dim) * key_at(key, head, dim);
                }
                score += static_cast<float>(sum);
            }
            scores.push_back(score);
            greatest = std::max(greatest, score);
        }
        std::vector<double> powers;
        std::vector<float> lane_sums(static_cast<std::size_t>(kv_.tile_keys), 0.0F);
        for (std::size_t key = 0; key < scores.size(); ++key) {
            const float power = fp32_from_fp16(fp16_from_fp32(exp_fp32((scores[key] - greatest) * scale())));
            powers.push_back(static_cast<double>(power));
            lane_sums[key % lane_sums.size()] += power;
        }
        double sum = 0.0;
        for (const float lane : lane_sums) {
            sum += static_cast<double>(fp32_from_fp16(fp16_from_fp32(lane)));
        }
        const float root = rsqrt_fp32(static_cast<float>(sum));
        std::vector<float> out;
        for (std::int64_t dim = 0; dim < shape_.kv.v_dim; ++dim) {
            float value = 0.0F;
            for (std::int64_t tile = 0; tile * kv_.tile_keys < seen(query); ++tile) {
                double part = 0.0;
                const std::int64_t end = std::min(seen(query), (tile + 1) * kv_.tile_keys);
                for (std::int64_t key = tile * kv_.tile_keys; key < end; ++key) {
                    part += powers[static_cast<std::size_t>(key)] * value_at(key, head, dim);
                }
                value += static_cast<float>(part);
            }
            out.push_back(value * (root * root));
        }
        return out;
    }

    AttentionShape shape_;
    KvLayout kv_;
    const Halves& queries_;
    const Halves& keys_;
    const Halves& values_;
};

} // namespace lpusim::chip
