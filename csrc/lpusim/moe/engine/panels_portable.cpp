#include <algorithm>
#include <cmath>

#include "lpusim/moe/engine/panel_list.h"

namespace lpusim::moe {
namespace {

constexpr int kRowsMax = 4;
constexpr int kColumns = 8;

struct FusedAdd {
    float operator()(float a, float b, float sum) const { return std::fma(a, b, sum); }
};

struct ExactProductAdd {
    double operator()(double a, float b, double sum) const { return sum + a * static_cast<double>(b); }
};

struct WrappingAdd {
    std::int32_t operator()(std::int32_t a, std::uint8_t b, std::int32_t sum) const {
        const auto product = static_cast<std::uint32_t>(a * static_cast<std::int8_t>(b));
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + product);
    }
};

template <int kRows, class Add, class A, class B, class Sum>
void loop(const A* a, const B* b, std::int64_t steps, Sum* c, std::int64_t c_stride, bool resume) {
    constexpr Add add;
    Sum sums[kRows][kColumns] = {};
    for (int row = 0; resume && row < kRows; ++row) {
        std::copy_n(c + row * c_stride, kColumns, sums[row]);
    }
    for (std::int64_t step = 0; step < steps; ++step, a += kRows, b += kColumns) {
        for (int row = 0; row < kRows; ++row) {
            for (int column = 0; column < kColumns; ++column) {
                sums[row][column] = add(a[row], b[column], sums[row][column]);
            }
        }
    }
    for (int row = 0; row < kRows; ++row) {
        std::copy_n(sums[row], kColumns, c + row * c_stride);
    }
}

template <class Add, class Result, class A, class B, class Sum>
Result all_loops() {
    Result panels;
    panels.columns = panels.step_columns = kColumns;
    list_loops<kRowsMax>(panels, []<int kRows>() { return loop<kRows, Add, A, B, Sum>; });
    return panels;
}

void pack_int8(const std::int8_t* weights, std::int64_t stride, std::int64_t depth, std::int64_t columns,
               std::uint8_t* panels, std::int64_t panel_stride) {
    for (std::int64_t i = 0; i < depth; ++i, weights += stride, panels += kColumns) {
        for (std::int64_t first = 0; first < columns; first += kColumns) {
            const std::int64_t used = std::min<std::int64_t>(kColumns, columns - first);
            std::uint8_t* to = panels + first / kColumns * panel_stride;
            std::transform(weights + first, weights + first + used, to,
                           [](std::int8_t weight) { return static_cast<std::uint8_t>(weight); });
            std::fill(to + used, to + kColumns, std::uint8_t{0});
        }
    }
}

} // namespace

Fp32Panels fp32_panels_portable() {
    return all_loops<FusedAdd, Fp32Panels, float, float, float>();
}

DoublePanels double_panels_portable() {
    return all_loops<ExactProductAdd, DoublePanels, double, float, double>();
}

Int8Panels int8_panels_portable() {
    auto panels = all_loops<WrappingAdd, Int8Panels, std::int32_t, std::uint8_t, std::int32_t>();
    panels.pack = pack_int8;
    return panels;
}

} // namespace lpusim::moe
