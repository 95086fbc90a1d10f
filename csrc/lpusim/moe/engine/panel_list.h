#pragma once

#include <utility>

#include "lpusim/moe/engine/panels.h"

namespace lpusim::moe {

/// Fills `panels.loops` with loop_of<1>() .. loop_of<kRows>().
template <int kRows, class A, class B, class Sum, class LoopOf>
void list_loops(Panels<A, B, Sum>& panels, const LoopOf& loop_of) {
    static_assert(kRows <= kTileRowsMax);
    panels.rows_max = kRows;
    [&]<int... kLess>(std::integer_sequence<int, kLess...>) {
        ((panels.loops[kLess] = loop_of.template operator()<kLess + 1>()), ...);
    }(std::make_integer_sequence<int, kRows>{});
}

} // namespace lpusim::moe
