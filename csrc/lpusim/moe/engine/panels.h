#pragma once

#include <array>
#include <cstdint>

#include "lpusim/base/values/simd_level.h"

/// The inner loops of products of rows with weights whose columns lie side by side, [depth, columns].
///
/// A *panel* is a few columns, as many as some registers hold. A *tile* is a few rows: every weight that is
/// loaded meets all of them. A *step* takes one weight of a column, or as many as one instruction sums.
namespace lpusim::moe {

inline constexpr std::int64_t kTileRowsMax = 14;

/// c[row, column] = (resume ? c[row, column] : 0) + sum over steps of a[step, row] * b[step, column]: for
/// each sum one chain, in the order of the steps. `a` is packed, [steps, rows of the tile].
template <class A, class B, class Sum>
using PanelLoop = void (*)(const A* a, const B* b, std::int64_t steps, Sum* c, std::int64_t c_stride,
                           bool resume);

/// Copies weights[depth, columns] into steps of panels that lie `panel_stride` apart, zeros where there are
/// no weights. Goes through the weights row by row, as memory likes it.
template <class Weight, class B>
using PanelPack = void (*)(const Weight* weights, std::int64_t stride, std::int64_t depth,
                           std::int64_t columns, B* panels, std::int64_t panel_stride);

/// The loops of one instruction set, by the rows of a tile less one; there are `rows_max` of them.
template <class A, class B, class Sum>
struct Panels {
    std::int64_t rows_max = 0;
    std::int64_t columns = 0;
    std::int64_t step_depth = 1;   ///< weights of a column in a step
    std::int64_t step_columns = 0; ///< values of B in a step
    std::array<PanelLoop<A, B, Sum>, kTileRowsMax> loops{};
};

/// Fused multiply-add: one rounding a step.
using Fp32Panels = Panels<float, float, float>;

/// Products of fp16 or fp8 numbers, exact in a double; sums round where they must.
using DoublePanels = Panels<double, float, double>;

/// Exact modulo 2^32. A word of `a` holds the `step_depth` activations of a step, the first in its low bits.
struct Int8Panels : Panels<std::int32_t, std::uint8_t, std::int32_t> {
    PanelPack<std::int8_t, std::uint8_t> pack = nullptr;
    /// Weights are stored as weight + this, so a sum comes out with this times the sum of the activations
    /// too much.
    std::uint32_t weight_offset = 0;
};

[[nodiscard]] Fp32Panels fp32_panels(SimdLevel level);
[[nodiscard]] DoublePanels double_panels(SimdLevel level);
[[nodiscard]] Int8Panels int8_panels(SimdLevel level);

/// fp32 numbers, or fp16 or fp8 bits, to panels of floats: those of fp32_panels, or of double_panels.
[[nodiscard]] PanelPack<float, float> fp32_pack(SimdLevel level);
[[nodiscard]] PanelPack<std::uint16_t, float> fp16_pack(SimdLevel level);
[[nodiscard]] PanelPack<std::uint8_t, float> fp8_pack(SimdLevel level);

/// Of one level each; what they are chosen from.
[[nodiscard]] Fp32Panels fp32_panels_portable();
[[nodiscard]] Fp32Panels fp32_panels_avx2();
[[nodiscard]] Fp32Panels fp32_panels_avx512();
[[nodiscard]] DoublePanels double_panels_portable();
[[nodiscard]] DoublePanels double_panels_avx2();
[[nodiscard]] DoublePanels double_panels_avx512();
[[nodiscard]] Int8Panels int8_panels_portable();
[[nodiscard]] Int8Panels int8_panels_avx2();
[[nodiscard]] Int8Panels int8_panels_avx512();
[[nodiscard]] PanelPack<std::uint16_t, float> fp16_pack_avx512();
[[nodiscard]] PanelPack<std::uint8_t, float> fp8_pack_avx512();

} // namespace lpusim::moe
