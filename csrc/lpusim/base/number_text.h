#pragma once

#include <charconv>
#include <cstdint>
#include <string>

/// Numbers as error messages show them: 65536, 0.01, 1e+30, nan.
namespace lpusim {

inline std::string number_text(std::int64_t value) {
    return std::to_string(value);
}

/// At most 15 digits, so that a limit written in code is shown as it is written.
inline std::string number_text(double value) {
    char text[32];
    const auto written = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 15);
    return {text, written.ptr};
}

} // namespace lpusim
