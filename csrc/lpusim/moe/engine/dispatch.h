#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lpusim/base/values/simd_level.h"

/// Token rows to the rows of a plan, and back. Positions are those of ExpertOrder: assignment token * k +
/// slot stands in row inverse[assignment].
namespace lpusim::moe {

/// Throws ValueError, naming the place, unless `permutation` and `inverse` undo each other: then every row
/// has one assignment and every assignment one row. Cost: one pass.
void check_order(std::span<const std::int32_t> permutation, std::span<const std::int32_t> inverse);

/// rows[inverse[t * k + s], :] = x[t, :], bytes as they are. Rows are `row_bytes` long.
///
/// Precondition: check_order. Cost: x is read once and every row written once, past the caches where the rows
/// are more than a cache holds.
void dispatch(std::span<const std::byte> x, std::span<const std::int32_t> inverse,
              std::int64_t experts_per_token, std::int64_t row_bytes, std::span<std::byte> rows,
              std::int64_t threads = 1, SimdLevel level = best_simd_level());

/// rows[inverse[t * k + s], :] = x[t, :] * scale[t * k + s], rounded once: what experts take where the router
/// weighs their input (Llama-4). fp16 as bits. Precondition: check_order.
void dispatch_scaled(std::span<const float> x, std::span<const std::int32_t> inverse,
                     std::span<const float> scale, std::int64_t experts_per_token, std::int64_t width,
                     std::span<float> rows, std::int64_t threads = 1, SimdLevel level = best_simd_level());
void dispatch_scaled(std::span<const std::uint16_t> x, std::span<const std::int32_t> inverse,
                     std::span<const float> scale, std::int64_t experts_per_token, std::int64_t width,
                     std::span<std::uint16_t> rows, std::int64_t threads = 1,
                     SimdLevel level = best_simd_level());

/// The order in which the rows of a token are added.
enum class CombineOrder : std::uint8_t {
    slot,   ///< the router's order, best expert first
    expert, ///< by expert id
};

/// y[t, :] = ((w0 * r0 + w1 * r1) + w2 * r2) + ..., over the rows of token t in `order`; every product and
/// every sum is rounded to fp32, the first product starts the sum, and the result is rounded once to `Out`.
/// NaN is canonical.
///
/// `weights` has one value an assignment, none stands for 1. `shared` has a row a token that is added last as
/// it is (shared experts), or nothing. `rows` and `y` are float, or fp16 bits (std::uint16_t), which widen
/// exactly. Precondition: check_order. Cost: every row is read once, y written once.
template <class Row, class Out>
void combine(std::span<const Row> rows, std::span<const std::int32_t> inverse, std::span<const float> weights,
             std::span<const float> shared, std::int64_t experts_per_token, std::int64_t width,
             CombineOrder order, std::span<Out> y, std::int64_t threads = 1,
             SimdLevel level = best_simd_level());

/// Throws ValueError naming token and slot of the first weight that is NaN or infinite.
void check_weights(const char* what, std::span<const float> weights, std::int64_t experts_per_token);

} // namespace lpusim::moe
