#include "lpusim/base/values/dot_tiles.h"

namespace lpusim {

namespace {

/// `kLanes` partial sums side by side for each column, which a compiler can keep in vectors.
template <int kColumns, int kLanes, class A, class W, class Sum>
void tile(const A* a, std::int64_t, const W* w, std::int64_t w_stride, std::int64_t depth, Sum* sums,
          std::int64_t) {
    Sum partial[kColumns][kLanes] = {};
    for (std::int64_t i = 0; i < depth; i += kLanes) {
        for (int column = 0; column < kColumns; ++column) {
            for (int lane = 0; lane < kLanes; ++lane) {
                partial[column][lane] +=
                    static_cast<Sum>(a[i + lane]) * static_cast<Sum>(w[column * w_stride + i + lane]);
            }
        }
    }
    for (int column = 0; column < kColumns; ++column) {
        Sum sum = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            sum += partial[column][lane];
        }
        sums[column] = sum;
    }
}

/// Plain sums: compilers know this loop as multiply-add of pairs.
template <int kColumns>
void int16_tile(const std::int16_t* a, std::int64_t, const std::int16_t* w, std::int64_t w_stride,
                std::int64_t depth, std::int32_t* sums, std::int64_t) {
    for (int column = 0; column < kColumns; ++column) {
        std::int32_t sum = 0;
        for (std::int64_t i = 0; i < depth; ++i) {
            sum += a[i] * w[column * w_stride + i];
        }
        sums[column] = sum;
    }
}

} // namespace

Int16Tiles int16_tiles_portable() {
    return {1, 4, {{int16_tile<1>, int16_tile<4>}, {int16_tile<1>, int16_tile<4>}}};
}

FloatTiles float_tiles_portable() {
    constexpr auto narrow = tile<1, 4, double, float, double>;
    constexpr auto wide = tile<4, 2, double, float, double>;
    return {1, 4, {{narrow, wide}, {narrow, wide}}};
}

} // namespace lpusim
