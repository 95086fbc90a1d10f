#include "lpusim/base/progression.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "lpusim/base/integers.h"

namespace lpusim {
namespace {

[[nodiscard]] std::int64_t ceil_signed(std::int64_t a, std::int64_t b) {
    return -div_floor(-a, b);
}

/// a * b mod m for 0 <= a, b < m.
[[nodiscard]] std::int64_t multiply_modulo(std::int64_t a, std::int64_t b, std::int64_t m) {
    if (m <= std::numeric_limits<std::int32_t>::max())
        return a * b % m;
    const UInt128 product = multiply_wide(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b));
    return static_cast<std::int64_t>(divide_wide(product, static_cast<std::uint64_t>(m)).remainder);
}

/// The inverse of a modulo m (coprime, m >= 1), in 0..m-1: the extended Euclid.
[[nodiscard]] std::int64_t inverse_modulo(std::int64_t a, std::int64_t m) {
    std::int64_t previous = a % m, current = m, previous_factor = 1, factor = 0;
    while (current != 0) {
        const std::int64_t quotient = previous / current;
        previous = std::exchange(current, previous - quotient * current);
        previous_factor = std::exchange(factor, previous_factor - quotient * factor);
    }
    const std::int64_t inverse = previous_factor % m;
    return inverse < 0 ? inverse + m : inverse;
}

} // namespace

Progression::Progression(std::int64_t start) : start_(start) {
    if (start < -kValueMax || start > kValueMax) {
        throw ValueError("a progression's values must lie within +-2^60, got " + std::to_string(start));
    }
}

Progression::Progression(std::int64_t start, std::span<const ProgressionLevel> levels) : Progression(start) {
    for (std::size_t k = levels.size(); k-- > 0;) {
        const auto [stride, count] = levels[k];
        if (count < 1) {
            throw ValueError("a progression's count must be at least 1, got " + std::to_string(count));
        }
        if (count == 1)
            continue;
        if (rank_ == kRankMax) {
            throw ValueError("a progression has at most " + std::to_string(kRankMax) + " levels");
        }
        if (stride <= span()) {
            throw ValueError("levels of a progression overlap: stride " + std::to_string(stride) +
                             " is not larger than " + std::to_string(span()) +
                             ", the span of the levels inside");
        }
        if ((kValueMax - start - span()) / stride < count - 1) {
            throw ValueError("a progression's values must lie within +-2^60: start " + std::to_string(start) +
                             ", stride " + std::to_string(stride) + ", count " + std::to_string(count));
        }
        push_outer(stride, count);
    }
}

/// Adds a level outside the others; the caller knows that it does not overlap them and that it fits.
void Progression::push_outer(std::int64_t stride, std::int64_t count) {
    assert(rank_ < kRankMax && count > 1 && stride > span());
    levels_[static_cast<std::size_t>(rank_)] = {stride, count, span()};
    ++rank_;
}

/// Keeps `count` blocks of the outermost level from `first_block` on.
void Progression::keep_blocks(std::int64_t first_block, std::int64_t count) {
    assert(rank_ > 0 && first_block >= 0 && count >= 1 && first_block + count <= levels_[top()].count);
    Stored& outer = levels_[top()];
    start_ += first_block * outer.stride;
    outer.count = count;
    if (count == 1)
        --rank_;
}

Progression Progression::blocks(std::int64_t first_block, std::int64_t count) const {
    Progression result = *this;
    result.keep_blocks(first_block, count);
    return result;
}

std::int64_t Progression::size() const {
    std::int64_t size = 1;
    for (std::size_t k = 0; k < static_cast<std::size_t>(rank_); ++k)
        size *= levels_[k].count;
    return size;
}

std::int64_t Progression::at(std::int64_t index) const {
    assert(index >= 0 && index < size());
    std::int64_t value = start_;
    for (std::size_t k = 0; k < static_cast<std::size_t>(rank_); ++k) {
        value += index % levels_[k].count * levels_[k].stride;
        index /= levels_[k].count;
    }
    return value;
}

std::optional<std::int64_t> Progression::find(std::int64_t value) const {
    std::int64_t rest = value - start_;
    if (value < start_ || rest > span())
        return std::nullopt;
    std::int64_t index = 0;
    for (std::size_t k = static_cast<std::size_t>(rank_); k-- > 0;) {
        const Stored& level = levels_[k];
        const std::int64_t block = std::min(rest / level.stride, level.count - 1);
        rest -= block * level.stride;
        if (rest > level.inner_span)
            return std::nullopt;
        index = index * level.count + block;
    }
    return rest == 0 ? std::optional(index) : std::nullopt;
}

std::int64_t Progression::index_from(std::int64_t value) const {
    if (value <= start_)
        return 0;
    if (value > last())
        return size();
    std::int64_t rest = value - start_, index = 0;
    for (std::size_t k = static_cast<std::size_t>(rank_); k-- > 0;) {
        const Stored& level = levels_[k];
        const std::int64_t block = std::min(rest / level.stride, level.count - 1);
        rest -= block * level.stride;
        index = index * level.count + block;
        if (rest > level.inner_span) { // Between this block and the next one of its level.
            ++index;
            while (k-- > 0)
                index *= levels_[k].count;
            return index;
        }
    }
    return index;
}

Progression Progression::shifted(std::int64_t offset) const {
    const std::int64_t start = checked_add(start_, offset);
    if (start < -kValueMax || start > kValueMax - span()) {
        throw ValueError("a progression's values must lie within +-2^60: start " + std::to_string(start));
    }
    Progression result = *this;
    result.start_ = start;
    return result;
}

Progression Progression::merged() const {
    Progression result(start_);
    for (std::size_t k = 0; k < static_cast<std::size_t>(rank_); ++k) {
        const Stored& level = levels_[k];
        Stored* inner = result.rank_ > 0 ? &result.levels_[result.top()] : nullptr;
        if (inner != nullptr && level.stride == inner->stride * inner->count) {
            inner->count *= level.count;
        } else {
            result.push_outer(level.stride, level.count);
        }
    }
    return result;
}

bool operator==(const Progression& a, const Progression& b) {
    if (a.start_ != b.start_ || a.rank_ != b.rank_)
        return false;
    for (std::size_t k = 0; k < static_cast<std::size_t>(a.rank_); ++k) {
        if (a.levels_[k].stride != b.levels_[k].stride || a.levels_[k].count != b.levels_[k].count) {
            return false;
        }
    }
    return true;
}

/// Walks two progressions together from their outermost levels inwards.
///
/// `outer_` holds the levels already matched: both sides take the same steps there. With `first_only`,
/// `limit_` is the least common value so far, and nothing above it is looked at.
class ProgressionMeet {
  public:
    ProgressionMeet(std::vector<Progression>* pieces) : pieces_(pieces) {}

    void meet(Progression a, Progression b) {
        if (!clip(a, b) || !clip(b, a))
            return;
        if (std::max(a.first(), b.first()) > limit_)
            return;
        if (a.rank() == 0) {
            if (b.contains(a.first()))
                emit(a);
            return;
        }
        if (b.rank() == 0) {
            if (a.contains(b.first()))
                emit(b);
            return;
        }
        if (a.levels_[a.top()].stride < b.levels_[b.top()].stride)
            std::swap(a, b);
        const std::int64_t coarse = a.levels_[a.top()].stride;
        const std::int64_t fine = b.levels_[b.top()].stride;
        if (coarse == fine) {
            meet_equal_strides(a, b);
        } else if (a.rank() == 1 && b.rank() == 1) {
            meet_lines(a, b);
        } else if (coarse % fine == 0 && b.levels_[b.top()].count > coarse / fine && b.rank() < kDepthMax) {
            for_parts(b, coarse / fine, [&](const Progression& part) { meet(a, part); });
        } else if (const std::int64_t ratio = fine / std::gcd(coarse, fine);
                   coarse % fine != 0 && a.levels_[a.top()].count / 2 >= ratio && a.rank() < kDepthMax &&
                   b.rank() < kDepthMax) {
            const std::int64_t ratio_fine = coarse / std::gcd(coarse, fine);
            for_parts(a, ratio, [&](const Progression& part_a) {
                for_parts(b, ratio_fine, [&](const Progression& part_b) { meet(part_a, part_b); });
            });
        } else {
            const std::int64_t blocks = a.levels_[a.top()].count;
            for (std::int64_t i = 0; i < blocks && a.first() + i * coarse <= limit_; ++i) {
                meet(a.block(i), b);
            }
        }
    }

    [[nodiscard]] std::optional<std::int64_t> least() const {
        return found_ ? std::optional(limit_) : std::nullopt;
    }

  private:
    static constexpr int kDepthMax = Progression::kRankMax;

    /// Drops the outermost blocks of `a` that cannot touch `b`; false when none is left.
    [[nodiscard]] static bool clip(Progression& a, const Progression& b) {
        if (a.first() > b.last() || a.last() < b.first())
            return false;
        if (a.rank_ == 0)
            return true;
        const Progression::Stored& outer = a.levels_[a.top()];
        const std::int64_t low =
            std::max<std::int64_t>(0, ceil_signed(b.first() - a.first() - outer.inner_span, outer.stride));
        const std::int64_t high = std::min(outer.count - 1, div_floor(b.last() - a.first(), outer.stride));
        if (low > high)
            return false;
        if (low > 0 || high < outer.count - 1)
            a.keep_blocks(low, high - low + 1);
        return a.rank_ == 0 || (a.first() <= b.last() && a.last() >= b.first());
    }

    /// Equal outer strides: blocks i of `a` and j of `b` touch for at most two values of i - j, and what
    /// happens inside depends on i - j alone.
    void meet_equal_strides(const Progression& a, const Progression& b) {
        const Progression::Stored& outer_a = a.levels_[a.top()];
        const Progression::Stored& outer_b = b.levels_[b.top()];
        const std::int64_t stride = outer_a.stride;
        const std::int64_t offset = a.first() - b.first();
        const std::int64_t shift_low = ceil_signed(-outer_a.inner_span - offset, stride);
        const std::int64_t shift_high = div_floor(outer_b.inner_span - offset, stride);
        for (std::int64_t shift = shift_low; shift <= shift_high; ++shift) {
            const std::int64_t low = std::max<std::int64_t>(0, shift);
            const std::int64_t high = std::min(outer_a.count - 1, outer_b.count - 1 + shift);
            if (low > high)
                continue;
            outer_.push_back({stride, high - low + 1});
            meet(a.block(low), b.block(low - shift));
            outer_.pop_back();
        }
    }

    /// Two plain progressions: the Chinese remainder theorem.
    void meet_lines(const Progression& a, const Progression& b) {
        const Progression::Stored& line_a = a.levels_[0];
        const Progression::Stored& line_b = b.levels_[0];
        const std::int64_t divisor = std::gcd(line_a.stride, line_b.stride);
        const std::int64_t offset = b.first() - a.first();
        if (offset % divisor != 0)
            return;
        const std::int64_t step_a = line_b.stride / divisor;
        std::int64_t index_a = (offset / divisor) % step_a;
        if (index_a < 0)
            index_a += step_a;
        index_a = multiply_modulo(index_a, inverse_modulo(line_a.stride / divisor, step_a), step_a);
        // `index_a` is the least index whose value b's line, extended both ways, holds. Move it into b's
        // range.
        if (const std::int64_t needed = ceil_signed(offset, line_a.stride); index_a < needed) {
            index_a += div_ceil(needed - index_a, step_a) * step_a;
        }
        const std::int64_t index_last =
            std::min(line_a.count - 1, div_floor(b.last() - a.first(), line_a.stride));
        if (index_a > index_last)
            return;
        const std::int64_t count = (index_last - index_a) / step_a + 1;
        Progression common(a.first() + index_a * line_a.stride);
        if (count > 1)
            common.push_outer(line_a.stride * step_a, count);
        emit(common);
    }

    /// The outermost level as groups of `group` blocks: whole groups as one level more, and what is left
    /// over.
    template <class Visit>
    static void for_parts(const Progression& a, std::int64_t group, const Visit& visit) {
        const Progression::Stored outer = a.levels_[a.top()];
        const std::int64_t whole = outer.count / group;
        if (whole > 0) {
            Progression groups = a;
            groups.keep_blocks(0, group);
            if (whole > 1)
                groups.push_outer(outer.stride * group, whole);
            visit(groups);
        }
        if (outer.count % group != 0) {
            Progression left = a;
            left.keep_blocks(whole * group, outer.count % group);
            visit(left);
        }
    }

    void emit(const Progression& inner) {
        if (inner.first() > limit_)
            return;
        if (pieces_ == nullptr) {
            limit_ = inner.first();
            found_ = true;
            return;
        }
        emit_outer(inner, outer_.size());
    }

    /// Puts the matched outer levels around `inner`; levels beyond the storage are written out.
    void emit_outer(Progression inner, std::size_t depth) {
        while (depth > 0 && inner.rank_ < Progression::kRankMax) {
            const ProgressionLevel& level = outer_[--depth];
            if (level.count > 1)
                inner.push_outer(level.stride, level.count);
        }
        if (depth == 0) {
            pieces_->push_back(inner);
            return;
        }
        const ProgressionLevel level = outer_[depth - 1];
        for (std::int64_t i = 0; i < level.count; ++i) {
            emit_outer(inner.shifted(i * level.stride), depth - 1);
        }
    }

    std::vector<Progression>* pieces_;
    std::vector<ProgressionLevel> outer_;
    std::int64_t limit_ = std::numeric_limits<std::int64_t>::max();
    bool found_ = false;
};

std::optional<std::int64_t> first_common(const Progression& a, const Progression& b) {
    ProgressionMeet walk(nullptr);
    walk.meet(a, b);
    return walk.least();
}

void intersect(const Progression& a, const Progression& b, std::vector<Progression>& pieces) {
    ProgressionMeet walk(&pieces);
    walk.meet(a, b);
}

std::vector<Progression> intersect(const Progression& a, const Progression& b) {
    std::vector<Progression> pieces;
    intersect(a, b, pieces);
    return pieces;
}

bool includes(const Progression& whole, const Progression& part) {
    std::int64_t size = 0;
    for (const Progression& piece : intersect(whole, part))
        size += piece.size();
    return size == part.size();
}

namespace {

/// Puts `levels` (outermost first) around `inner`; writes out what does not fit the storage.
void wrap(const Progression& inner, std::span<const ProgressionLevel> levels, std::vector<Progression>& out) {
    std::array<ProgressionLevel, 2 * Progression::kRankMax + 2> all;
    std::size_t used = 0;
    for (const ProgressionLevel& level : levels) {
        if (level.count > 1)
            all[used++] = level;
    }
    const std::size_t outer_count = used;
    for (int k = 0; k < inner.rank(); ++k)
        all[used++] = inner.level(k);
    if (used <= Progression::kRankMax) {
        out.emplace_back(inner.first(), std::span<const ProgressionLevel>(all.data(), used));
        return;
    }
    const std::span<const ProgressionLevel> deeper(all.data() + 1, outer_count - 1);
    for (std::int64_t i = 0; i < all[0].count; ++i)
        wrap(inner.shifted(i * all[0].stride), deeper, out);
}

} // namespace

void subtract(const Progression& whole, const Progression& piece, std::vector<Progression>& rest) {
    if (whole.rank() == 0) {
        assert(piece == whole);
        return;
    }
    const std::int64_t stride = whole.level(0).stride, count = whole.level(0).count;
    const Progression first_block = whole.block(0);

    // The piece's levels that move the outermost index of `whole`; the others stay inside a block.
    std::array<ProgressionLevel, Progression::kRankMax> outer;
    std::size_t outer_count = 0;
    Progression piece_inner = piece;
    for (int k = 0; k < piece.rank() && piece.level(k).stride >= stride; ++k) {
        assert(piece.level(k).stride % stride == 0);
        outer[outer_count++] = piece.level(k);
        --piece_inner.rank_;
    }
    const std::int64_t block_first = std::min((piece.first() - whole.first()) / stride, count - 1);
    std::int64_t block_last = block_first;
    for (std::size_t k = 0; k < outer_count; ++k)
        block_last += outer[k].stride / stride * (outer[k].count - 1);
    assert(block_first >= 0 && block_last < count);

    const auto blocks = [&](std::int64_t from, std::int64_t size, std::size_t around) {
        std::array<ProgressionLevel, Progression::kRankMax + 1> levels;
        for (std::size_t k = 0; k < around; ++k)
            levels[k] = outer[k];
        levels[around] = {stride, size};
        wrap(first_block.shifted(from * stride), std::span(levels.data(), around + 1), rest);
    };
    if (block_first > 0)
        blocks(0, block_first, 0);
    if (block_last < count - 1)
        blocks(block_last + 1, count - 1 - block_last, 0);
    // Between two steps of a level, the blocks that the levels inside it do not reach.
    std::int64_t inner_blocks = 1;
    for (std::size_t k = outer_count; k-- > 0;) {
        const std::int64_t step = outer[k].stride / stride;
        if (step > inner_blocks && outer[k].count > 1) {
            std::array<ProgressionLevel, Progression::kRankMax + 1> levels;
            for (std::size_t j = 0; j < k; ++j)
                levels[j] = outer[j];
            levels[k] = {outer[k].stride, outer[k].count - 1};
            levels[k + 1] = {stride, step - inner_blocks};
            wrap(first_block.shifted((block_first + inner_blocks) * stride), std::span(levels.data(), k + 2),
                 rest);
        }
        inner_blocks += step * (outer[k].count - 1);
    }
    // Inside the blocks that the piece touches.
    std::vector<Progression> inside;
    subtract(first_block.shifted(block_first * stride), piece_inner, inside);
    for (const Progression& part : inside)
        wrap(part, std::span(outer.data(), outer_count), rest);
}

ProgressionSplit split(const Progression& whole, std::int64_t value) {
    ProgressionSplit parts;
    Progression inner = whole;
    while (true) {
        if (inner.last() < value) {
            parts.below.push_back(inner);
            return parts;
        }
        if (inner.first() >= value) {
            parts.from.push_back(inner);
            return parts;
        }
        const std::int64_t stride = inner.level(0).stride, count = inner.level(0).count;
        std::vector<ProgressionLevel> levels;
        levels.reserve(static_cast<std::size_t>(inner.rank()));
        for (int k = 0; k < inner.rank(); ++k)
            levels.push_back(inner.level(k));
        // first < value <= last: block `at` is the last one that starts below `value`.
        const std::int64_t at = std::min((value - 1 - inner.first()) / stride, count - 1);
        const auto blocks = [&](std::int64_t from, std::int64_t size) {
            levels[0].count = size;
            return Progression(inner.first() + from * stride, levels);
        };
        if (at > 0)
            parts.below.push_back(blocks(0, at));
        if (at < count - 1)
            parts.from.push_back(blocks(at + 1, count - 1 - at));
        inner = blocks(at, 1);
    }
}

namespace {

void remove_piece(const Progression& box, const Progression& piece, std::vector<Progression>& out) {
    std::vector<Progression> inside;
    if (piece.first() <= box.last() && box.first() <= piece.last())
        intersect(box, piece, inside);
    if (inside.empty()) {
        out.push_back(box);
        return;
    }
    std::vector<Progression> rest;
    subtract(box, inside.front(), rest);
    if (inside.size() == 1) {
        out.insert(out.end(), rest.begin(), rest.end());
        return;
    }
    for (const Progression& part : rest)
        remove_piece(part, piece, out);
}

} // namespace

std::vector<Progression> without(const Progression& whole, std::span<const Progression> pieces) {
    // In order of their first values: what ends before a piece starts is touched by none that follows.
    std::vector<Progression> ordered(pieces.begin(), pieces.end());
    std::sort(ordered.begin(), ordered.end(),
              [](const Progression& a, const Progression& b) { return a.first() < b.first(); });
    std::vector<Progression> done, rest{whole}, next;
    for (const Progression& piece : ordered) {
        next.clear();
        for (const Progression& box : rest) {
            if (box.last() < piece.first()) {
                done.push_back(box);
            } else {
                remove_piece(box, piece, next);
            }
        }
        rest.swap(next);
    }
    done.insert(done.end(), rest.begin(), rest.end());
    return done;
}

ProgressionPeel peel(const Progression& whole, const Progression& other) {
    ProgressionPeel result;
    intersect(whole, other, result.matched);
    result.rest = without(whole, result.matched);
    return result;
}

} // namespace lpusim
