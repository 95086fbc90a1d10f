#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

/// Numbers as error messages show them: 65536, 0.01, 1e+30, nan.
namespace lpusim {

inline std::string number_text(std::int64_t value) {
    return std::to_string(value);
}

/// At most 15 digits, so that a limit written in code is shown as it is written.
inline std::string number_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", value);
    return text;
}

} // namespace lpusim
