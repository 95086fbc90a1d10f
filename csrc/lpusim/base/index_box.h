#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Whole-number points of a box seen through two sums: where do both sums lie where they are wanted?
namespace lpusim {

/// An index 0 .. count - 1 and how far each step of it moves the sums x and y.
struct BoxAxis {
    std::int64_t count = 1;
    std::int64_t x = 0;
    std::int64_t y = 0;
};

/// Low and high ends included; empty if low > high.
struct Window {
    std::int64_t low = 0;
    std::int64_t high = 0;
};

/// What is wanted of a point's two sums.
struct WindowPair {
    Window x;
    Window y;
};

/// Has the box a point whose sums lie in both windows? Exact.
///
/// Preconditions: counts of at least 1, and no sum beyond +-2^60. Cost: axes that fill up others join them,
/// and the rest is halved, the largest steps first, where neither bounds nor common divisors of the sums, of
/// their difference and of their total decide: a few halvings an axis where strides nest, whatever the
/// counts.
[[nodiscard]] bool reaches(std::span<const BoxAxis> axes, const WindowPair& wanted);

/// The first point in lexicographic order (the last axis fastest) whose sums lie in both windows of one of
/// `wanted`. Cost: for each pair of windows that is reached at all, `reaches` for each bit of every count.
[[nodiscard]] std::optional<std::vector<std::int64_t>> first_reaching(std::span<const BoxAxis> axes,
                                                                      std::span<const WindowPair> wanted);

} // namespace lpusim
