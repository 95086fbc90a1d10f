#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

/// Checks of a caller's columns. All throw ValueError naming the column, the first row at fault and its
/// value.
namespace lpusim::timeline {

/// "column[index] = value", for messages.
[[nodiscard]] std::string row_text(std::string_view column, std::size_t index, std::int64_t value);

/// `what` says whose columns they are.
void require_same_length(std::string_view what, std::initializer_list<std::size_t> lengths);
/// Every value is from 0 to `count` - 1.
void require_index(std::string_view column, std::span<const std::int64_t> values, std::size_t count);
void require_not_negative(std::string_view column, std::span<const std::int64_t> values);

} // namespace lpusim::timeline
