#pragma once

#include <span>
#include <string_view>

namespace lpusim {

/// The one of `known` that `seen` was probably meant to be: fewest inserted, dropped, changed and swapped
/// characters, at most a third of its length; the first of equals. Empty if none is that near, or if `seen`
/// is longer than any name (64 characters). Cost: for error messages.
[[nodiscard]] std::string_view nearest_name(std::string_view seen, std::span<const std::string_view> known);

} // namespace lpusim
