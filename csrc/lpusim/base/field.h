#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "lpusim/base/errors.h"
#include "lpusim/base/number_text.h"

/// A spec declares each field once, as a row of a table: name, unit, range, meaning, member.
/// Validation, bindings, the Python loader and the docs are derived from the rows.
namespace lpusim {

template <class Spec>
struct Field {
    std::string_view name;
    std::string_view unit;
    double min = 0;
    double max = 0;
    std::string_view meaning;
    std::variant<std::int64_t Spec::*, double Spec::*> member;
};

/// Throws ValueError naming the spec, the field, the value seen and the range allowed.
template <class Spec>
void validate_fields(std::string_view spec_name, const Spec& spec, std::span<const Field<Spec>> fields) {
    for (const auto& field : fields) {
        std::visit(
            [&](auto member) {
                const auto value = spec.*member;
                // Written so that NaN fails too.
                if (!(static_cast<double>(value) >= field.min && static_cast<double>(value) <= field.max)) {
                    std::string allowed = number_text(field.min) + " to " + number_text(field.max);
                    if (field.unit != "1") {
                        allowed.append(" ").append(field.unit);
                    }
                    throw ValueError(std::string(spec_name) + ": " + std::string(field.name) +
                                     " must be from " + allowed + ", got " + number_text(value));
                }
            },
            field.member);
    }
}

} // namespace lpusim
