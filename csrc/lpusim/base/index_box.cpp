#include "lpusim/base/index_box.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <numeric>

namespace lpusim {
namespace {

using Axes = std::vector<BoxAxis>;

[[nodiscard]] std::int64_t step_size(const BoxAxis& axis) {
    return std::max(std::abs(axis.x), std::abs(axis.y));
}

/// How many steps of `small` are one of `large`; 0 if none are.
[[nodiscard]] std::int64_t steps_of(const BoxAxis& small, const BoxAxis& large) {
    const std::int64_t times = step_size(large) / step_size(small);
    return large.x == times * small.x && large.y == times * small.y ? times : 0;
}

/// The same pairs of sums from as few axes as possible, largest steps first. All steps point one way (x, then
/// y positive), for which `wanted` moves along.
[[nodiscard]] Axes simplified(std::span<const BoxAxis> axes, WindowPair& wanted) {
    Axes sorted;
    for (BoxAxis axis : axes) {
        assert(axis.count >= 1);
        if (axis.count == 1 || step_size(axis) == 0)
            continue;
        if (axis.x < 0 || (axis.x == 0 && axis.y < 0)) {
            const std::int64_t steps = axis.count - 1;
            wanted.x = {wanted.x.low - steps * axis.x, wanted.x.high - steps * axis.x};
            wanted.y = {wanted.y.low - steps * axis.y, wanted.y.high - steps * axis.y};
            axis.x = -axis.x;
            axis.y = -axis.y;
        }
        sorted.push_back(axis);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const BoxAxis& a, const BoxAxis& b) { return step_size(a) < step_size(b); });
    Axes joined;
    for (const BoxAxis& axis : sorted) {
        const auto filled = std::find_if(joined.begin(), joined.end(), [&](const BoxAxis& inner) {
            const std::int64_t times = steps_of(inner, axis);
            return times >= 1 && times <= inner.count;
        });
        if (filled == joined.end()) {
            joined.push_back(axis);
        } else {
            filled->count += steps_of(*filled, axis) * (axis.count - 1);
        }
    }
    std::reverse(joined.begin(), joined.end());
    return joined;
}

/// Bounds x, y, x - y and x + y over a part of the box and cuts off what cannot be in the windows.
class BoxSearch {
  public:
    BoxSearch(const Axes& axes, const WindowPair& wanted) : axes_(axes) {
        const auto& [x, y] = wanted;
        forms_ = {{{1, 0, x},
                   {0, 1, y},
                   {1, -1, {x.low - y.high, x.high - y.low}},
                   {1, 1, {x.low + y.low, x.high + y.high}}}};
    }

    [[nodiscard]] bool found() const {
        std::vector<Window> part;
        for (const BoxAxis& axis : axes_)
            part.push_back({0, axis.count - 1});
        return found_in(std::move(part));
    }

  private:
    struct Form {
        std::int64_t of_x = 0;
        std::int64_t of_y = 0;
        Window wanted;

        [[nodiscard]] std::int64_t stride(const BoxAxis& axis) const { return of_x * axis.x + of_y * axis.y; }
    };

    [[nodiscard]] bool found_in(std::vector<Window> part) const {
        if (!tighten(part))
            return false;
        if (inside(part))
            return true;
        // Largest steps come first; an axis that is left has more than one index.
        std::size_t axis = 0;
        while (part[axis].low == part[axis].high)
            ++axis;
        const std::int64_t middle = std::midpoint(part[axis].low, part[axis].high);
        std::vector<Window> upper = part;
        upper[axis].low = middle + 1;
        part[axis].high = middle;
        return found_in(std::move(part)) || found_in(std::move(upper));
    }

    [[nodiscard]] Window range(const Form& form, const std::vector<Window>& part) const {
        Window sums;
        for (std::size_t k = 0; k < axes_.size(); ++k) {
            const std::int64_t stride = form.stride(axes_[k]);
            sums.low += stride * (stride > 0 ? part[k].low : part[k].high);
            sums.high += stride * (stride > 0 ? part[k].high : part[k].low);
        }
        return sums;
    }

    /// Do x and y lie in their windows at every point?
    [[nodiscard]] bool inside(const std::vector<Window>& part) const {
        return std::all_of(forms_.begin(), forms_.begin() + 2, [&](const Form& form) {
            const Window sums = range(form, part);
            return sums.low >= form.wanted.low && sums.high <= form.wanted.high;
        });
    }

    /// False if no point is left.
    [[nodiscard]] bool tighten(std::vector<Window>& part) const {
        bool changed = true;
        while (changed) {
            changed = false;
            for (const Form& form : forms_) {
                const Window sums = range(form, part);
                if (!touches(form, part, sums))
                    return false;
                const std::int64_t above = sums.high - form.wanted.low, below = form.wanted.high - sums.low;
                for (std::size_t k = 0; k < axes_.size(); ++k) {
                    const std::int64_t stride = form.stride(axes_[k]);
                    if (stride == 0)
                        continue;
                    const Window old = part[k];
                    // By how many steps the index may fall from its high end, and rise from its low end.
                    const std::int64_t falls = (stride > 0 ? above : below) / std::abs(stride);
                    const std::int64_t rises = (stride > 0 ? below : above) / std::abs(stride);
                    part[k] = {std::max(old.low, old.high - falls), std::min(old.high, old.low + rises)};
                    if (part[k].low > part[k].high)
                        return false;
                    if (part[k].low != old.low || part[k].high != old.high) {
                        changed = true;
                        break; // The bounds are no longer those of `part`.
                    }
                }
            }
        }
        return true;
    }

    /// Can a sum be in its window, by its bounds and by what divides all its steps?
    [[nodiscard]] bool touches(const Form& form, const std::vector<Window>& part, const Window& sums) const {
        if (sums.low > form.wanted.high || sums.high < form.wanted.low)
            return false;
        std::int64_t divisor = 0;
        for (std::size_t k = 0; k < axes_.size(); ++k) {
            if (part[k].low != part[k].high)
                divisor = std::gcd(divisor, form.stride(axes_[k]));
        }
        const std::int64_t missing = std::max<std::int64_t>(form.wanted.low - sums.low, 0);
        const std::int64_t steps = divisor == 0 ? 0 : (missing + divisor - 1) / divisor;
        return sums.low + steps * divisor <= form.wanted.high;
    }

    const Axes& axes_;
    std::array<Form, 4> forms_;
};

[[nodiscard]] WindowPair moved(const WindowPair& wanted, std::int64_t x, std::int64_t y) {
    return {{wanted.x.low - x, wanted.x.high - x}, {wanted.y.low - y, wanted.y.high - y}};
}

} // namespace

bool reaches(std::span<const BoxAxis> axes, const WindowPair& wanted) {
    WindowPair from_corner = wanted;
    const Axes simple = simplified(axes, from_corner);
    return BoxSearch(simple, from_corner).found();
}

std::optional<std::vector<std::int64_t>> first_reaching(std::span<const BoxAxis> axes,
                                                        std::span<const WindowPair> wanted) {
    std::optional<std::vector<std::int64_t>> first;
    for (WindowPair left : wanted) {
        Axes part(axes.begin(), axes.end());
        if (!reaches(part, left))
            continue;
        std::vector<std::int64_t> point;
        for (BoxAxis& axis : part) {
            // The least `high` so that an index of at most it will do.
            std::int64_t low = 0, high = axis.count - 1;
            while (low < high) {
                const std::int64_t middle = std::midpoint(low, high);
                axis.count = middle + 1;
                if (reaches(part, left)) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            point.push_back(high);
            left = moved(left, high * axis.x, high * axis.y);
            axis.count = 1;
        }
        if (!first || point < *first)
            first = std::move(point);
    }
    return first;
}

} // namespace lpusim
