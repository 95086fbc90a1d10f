#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/progress.h"
#include "lpusim/moe/engine/activation.h"

/// What experts compute, on rows in the order of a plan (ExpertOrder): rows offsets[e] .. offsets[e + 1] - 1
/// are those of expert e.
///
/// `Element` is float, std::int8_t, or the bits of fp16 (std::uint16_t) or fp8 (std::uint8_t); products.h
/// says what a product is in each. All matrices are row-major, one expert's after another's. A row's result
/// depends on nothing but that row and its expert: not on other rows, threads or `level`.
namespace lpusim::moe {

struct ComputeOptions {
    /// Products that are summed exactly before a rounding to fp32, for fp16 and fp8 (products.h).
    std::int64_t sum_length = 320;
    std::int64_t threads = 1;
    SimdLevel level = best_simd_level();
    /// Called between parts of the work.
    Progress progress = {};
};

/// Greatest depth of a product, and greatest sum_length, so that every sum is as exact as promised; 2^31 - 1
/// where there is no limit.
template <class Element>
[[nodiscard]] std::int64_t depth_max();
template <class Element>
[[nodiscard]] std::int64_t sum_length_max();

/// int32 for int8, else float.
template <class Element>
struct ProductResult {
    using Type = float;
};
template <>
struct ProductResult<std::int8_t> {
    using Type = std::int32_t;
};

/// One matrix an expert, [experts, depth, columns].
template <class Element>
struct ExpertMatrix {
    std::span<const Element> values;
    std::int64_t depth = 0;
    std::int64_t columns = 0;
};

/// out[row, :] = rows[row, :] * the matrix of the row's expert: the bits of chip::expert_gemm on a chip of
/// `sum_length` lanes.
template <class Element>
void expert_gemm(std::span<const Element> rows, std::span<const std::int64_t> offsets,
                 const ExpertMatrix<Element>& matrix, std::span<typename ProductResult<Element>::Type> out,
                 const ComputeOptions& options = {});

/// A projection: sums, times a scale for each column (int8 and fp8), plus a bias; empty spans mean none.
template <class Element>
struct ExpertProjection {
    std::span<const Element> values = {}; ///< [experts, depth, columns]
    std::span<const float> scale = {};    ///< [experts, columns]
    std::span<const float> bias = {};     ///< [experts, columns]
};

template <class Element>
struct ExpertWeights {
    std::int64_t experts = 0;
    std::int64_t width = 0;  ///< of a row, in and out
    std::int64_t hidden = 0; ///< between the products
    ExpertProjection<Element> gate = {}, up = {}, down = {};
    /// [experts]: the scale with which the hidden row becomes int8 or fp8. Empty: each row's own (row_scale_*
    /// in narrow_rows.h).
    std::span<const float> hidden_scale = {};
    Activation activation = Activation::swiglu;
    float limit = kGptOssLimit; ///< of gpt_oss
};

/// out[row, :] = down(activate(gate(row), up(row))), in fp32.
///
/// `row_scale` has one value a row, or none: what int8 and fp8 rows were multiplied with to stand for what
/// they do. Sums become fp32 as finish_row says (narrow_rows.h). The hidden row is rounded to the format of
/// the weights. Memory: some 16 MB for hidden rows, and some MB for each thread.
template <class Element>
void expert_ffn(std::span<const Element> rows, std::span<const float> row_scale,
                std::span<const std::int64_t> offsets, const ExpertWeights<Element>& weights,
                std::span<float> out, const ComputeOptions& options = {});

} // namespace lpusim::moe
