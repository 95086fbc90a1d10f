#include "lpusim/moe/engine/panels.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/values/float_formats.h"

namespace lpusim::moe {
namespace {

template <class Portable, class Avx2, class Avx512>
auto choose(SimdLevel level, const Portable& portable, const Avx2& avx2, const Avx512& avx512) {
    assert(level <= best_simd_level());
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return avx512();
    case SimdLevel::Avx2:
        return avx2();
    case SimdLevel::Portable:
        break;
    }
    return portable();
}

/// `kColumns` are those of a panel.
template <std::int64_t kColumns, class Weight, class Widen>
inline void pack_body(const Weight* weights, std::int64_t stride, std::int64_t depth, std::int64_t columns,
                      float* panels, std::int64_t panel_stride, const Widen& widen) {
    for (std::int64_t i = 0; i < depth; ++i, weights += stride, panels += kColumns) {
        float* to = panels;
        std::int64_t first = 0;
        for (; first + kColumns <= columns; first += kColumns, to += panel_stride) {
            for (std::int64_t column = 0; column < kColumns; ++column) {
                to[column] = widen(weights[first + column]);
            }
        }
        if (first < columns) {
            std::transform(weights + first, weights + columns, to, widen);
            std::fill(to + columns - first, to + kColumns, 0.0F);
        }
    }
}

struct Same {
    float operator()(float value) const { return value; }
};

struct WidenFp16 {
    float operator()(std::uint16_t bits) const { return fp32_from_fp16(bits); }
};

struct WidenFp8 {
    float operator()(std::uint8_t bits) const { return fp32_from_fp8(bits); }
};

template <class Weight, class Widen, std::int64_t kColumns>
void pack_portable(const Weight* weights, std::int64_t stride, std::int64_t depth, std::int64_t columns,
                   float* panels, std::int64_t panel_stride) {
    pack_body<kColumns>(weights, stride, depth, columns, panels, panel_stride, Widen{});
}

template <class Weight, class Widen, std::int64_t kColumns>
LPUSIM_AVX2_TWIN void pack_avx2(const Weight* weights, std::int64_t stride, std::int64_t depth,
                                std::int64_t columns, float* panels, std::int64_t panel_stride) {
    pack_body<kColumns>(weights, stride, depth, columns, panels, panel_stride, Widen{});
}

/// For the panels of floats that some loops take.
template <class Weight, class Widen>
PanelPack<Weight, float> float_pack(std::int64_t columns) {
    switch (columns) {
    case 32:
        return pack_avx2<Weight, Widen, 32>;
    case 16:
        return pack_avx2<Weight, Widen, 16>;
    default:
        assert(columns == 8);
        return pack_portable<Weight, Widen, 8>;
    }
}

} // namespace

Fp32Panels fp32_panels(SimdLevel level) {
    return choose(level, fp32_panels_portable, fp32_panels_avx2, fp32_panels_avx512);
}

DoublePanels double_panels(SimdLevel level) {
    return choose(level, double_panels_portable, double_panels_avx2, double_panels_avx512);
}

Int8Panels int8_panels(SimdLevel level) {
    return choose(level, int8_panels_portable, int8_panels_avx2, int8_panels_avx512);
}

PanelPack<float, float> fp32_pack(SimdLevel level) {
    return float_pack<float, Same>(fp32_panels(level).columns);
}

PanelPack<std::uint16_t, float> fp16_pack(SimdLevel level) {
    return level == SimdLevel::Avx512Vnni
               ? fp16_pack_avx512()
               : float_pack<std::uint16_t, WidenFp16>(double_panels(level).columns);
}

PanelPack<std::uint8_t, float> fp8_pack(SimdLevel level) {
    return level == SimdLevel::Avx512Vnni ? fp8_pack_avx512()
                                          : float_pack<std::uint8_t, WidenFp8>(double_panels(level).columns);
}

} // namespace lpusim::moe
