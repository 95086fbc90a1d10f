#include "lpusim/timeline/columns.h"

#include "lpusim/base/errors.h"

namespace lpusim::timeline {

std::string row_text(std::string_view column, std::size_t index, std::int64_t value) {
    return std::string(column) + "[" + std::to_string(index) + "] = " + std::to_string(value);
}

void require_same_length(std::string_view what, std::initializer_list<std::size_t> lengths) {
    for (const std::size_t length : lengths) {
        if (length != *lengths.begin()) {
            throw ValueError(std::string(what) + " columns must have one length, got " +
                             std::to_string(*lengths.begin()) + " and " + std::to_string(length));
        }
    }
}

void require_index(std::string_view column, std::span<const std::int64_t> values, std::size_t count) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] < 0 || static_cast<std::uint64_t>(values[i]) >= count) {
            throw ValueError(row_text(column, i, values[i]) + " points at nothing: there are " +
                             std::to_string(count) + ", counted from 0");
        }
    }
}

void require_not_negative(std::string_view column, std::span<const std::int64_t> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] < 0)
            throw ValueError(row_text(column, i, values[i]) + " must not be negative");
    }
}

} // namespace lpusim::timeline
