#include "lpusim/base/nearest_name.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace lpusim {

namespace {

constexpr std::size_t kLengthMax = 64;

/// Optimal string alignment distance: Levenshtein with swaps of neighbours. Both at most kLengthMax long.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    using Row = std::array<std::size_t, kLengthMax + 1>;
    Row two_above{}, above{}, row{};
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        two_above = above;
        above = row;
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({changed, above[j] + 1, row[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return row[b.size()];
}

} // namespace

std::string_view nearest_name(std::string_view seen, std::span<const std::string_view> known) {
    std::string_view best;
    if (seen.empty() || seen.size() > kLengthMax) {
        return best;
    }
    std::size_t least = std::max<std::size_t>(1, seen.size() / 3) + 1;
    for (const std::string_view name : known) {
        if (name.size() > kLengthMax) {
            continue;
        }
        // One letter that became another one says nothing about what was meant.
        const std::size_t distance = edit_distance(seen, name);
        if (distance < least && distance < std::max(seen.size(), name.size())) {
            least = distance;
            best = name;
        }
    }
    return best;
}

} // namespace lpusim
