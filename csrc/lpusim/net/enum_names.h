#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/nearest_name.h"

namespace lpusim::net {

/// The names of an enumeration's values, by which callers choose them.
template <class Enum, std::size_t Count>
struct EnumNames {
    std::string_view what;
    std::array<std::pair<Enum, std::string_view>, Count> rows;

    [[nodiscard]] std::string_view name_of(Enum value) const {
        return std::ranges::find(rows, value, &std::pair<Enum, std::string_view>::first)->second;
    }

    /// Throws ValueError with the nearest name and all of them.
    [[nodiscard]] Enum named(std::string_view name) const {
        const auto found = std::ranges::find(rows, name, &std::pair<Enum, std::string_view>::second);
        if (found != rows.end())
            return found->first;
        std::array<std::string_view, Count> names;
        std::string known;
        for (std::size_t i = 0; i < Count; ++i) {
            names[i] = rows[i].second;
            known += (i == 0 ? "" : ", ") + std::string(names[i]);
        }
        const std::string_view nearest = nearest_name(name, names);
        const std::string hint = nearest.empty() ? "" : ", did you mean '" + std::string(nearest) + "'?";
        throw ValueError("unknown " + std::string(what) + " '" + std::string(name) + "'" + hint +
                         "; known: " + known);
    }
};

} // namespace lpusim::net
