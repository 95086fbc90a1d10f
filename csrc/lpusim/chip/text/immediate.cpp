#include "lpusim/chip/text/immediate.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "lpusim/base/values/float_formats.h"

namespace lpusim::chip {

namespace {

/// All of `digits`, or nothing.
template <class Number, class... Format>
bool read_all(std::string_view digits, Number& number, Format... format) {
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number, format...);
    return !digits.empty() && result.ptr == digits.data() + digits.size() && result.ec == std::errc{};
}

template <class... Arguments>
std::string written(Arguments... arguments) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), arguments...).ptr};
}

std::string fp16_digits(std::uint16_t bits) {
    const auto value = static_cast<double>(fp32_from_fp16(bits));
    constexpr int kDigitsMax = 5; // enough for every binary16
    for (int digits = 1; digits < kDigitsMax; ++digits) {
        const std::string text = written(value, std::chars_format::general, digits);
        double read = 0;
        if (read_all(text, read) && fp16_from_fp64(read) == bits) {
            return text;
        }
    }
    return written(value, std::chars_format::general, kDigitsMax);
}

std::string_view expected_of(DType dtype) {
    switch (dtype) {
    case DType::Int8:
        return "an int8 immediate such as =-7 (-128 to 127) or raw bits, =0x7f";
    case DType::Fp32:
        return "an fp32 immediate such as =1.5f or raw bits, =0x3fc00000";
    case DType::Fp16:
        return "an fp16 immediate such as =1.5h (up to 65504) or raw bits, =0x3e00";
    case DType::Fp8:
        return "an fp8 immediate as raw bits, such as =0x3c";
    case DType::Int32:
    case DType::Int16:
        break;
    }
    return "an int32 immediate such as =-7 (-2147483648 to 2147483647) or raw bits, =0x7fff";
}

bool is_int8(std::int32_t value) {
    return value >= -128 && value <= 127;
}

std::optional<std::int32_t> read_immediate(std::string_view digits, DType dtype) {
    std::int32_t bits = 0;
    bool understood = false;
    if (digits.starts_with("0x")) {
        std::uint32_t raw = 0;
        understood = read_all(digits.substr(2), raw, 16);
        bits = std::bit_cast<std::int32_t>(raw);
    } else if (dtype == DType::Fp32 && digits.ends_with('f')) {
        float value = 0;
        understood = read_all(digits.substr(0, digits.size() - 1), value) && std::isfinite(value);
        bits = std::bit_cast<std::int32_t>(value);
    } else if (dtype == DType::Fp16 && digits.ends_with('h')) {
        double value = 0;
        understood = read_all(digits.substr(0, digits.size() - 1), value) && std::isfinite(value);
        bits = fp16_from_fp64(value);
        understood = understood && (bits & 0x7c00) != 0x7c00;
    } else if (dtype == DType::Int32 || dtype == DType::Int8) {
        understood = read_all(digits, bits) && (dtype == DType::Int32 || is_int8(bits));
    }
    return understood ? std::optional(bits) : std::nullopt;
}

} // namespace

std::string immediate_text(std::int32_t bits, DType dtype) {
    const auto raw = std::bit_cast<std::uint32_t>(bits);
    if (dtype == DType::Fp32 && std::isfinite(std::bit_cast<float>(bits))) {
        return written(std::bit_cast<float>(bits)) + "f";
    }
    if (dtype == DType::Fp16 && raw <= 0xffffU && (raw & 0x7c00U) != 0x7c00U) {
        return fp16_digits(static_cast<std::uint16_t>(raw)) + "h";
    }
    if (dtype == DType::Int32 || (dtype == DType::Int8 && is_int8(bits))) {
        return written(bits);
    }
    return "0x" + written(raw, 16);
}

std::int32_t parse_immediate(const Line& line, std::string_view digits, DType dtype) {
    if (const auto bits = read_immediate(digits, dtype)) {
        return *bits;
    }
    const std::string meant = immediate_meant(digits, dtype);
    line.refuse_taken(expected_of(dtype), meant.empty() ? "" : "; did you mean '=" + meant + "'?");
}

std::string immediate_meant(std::string_view word, DType dtype) {
    constexpr std::string_view kStarts = "0123456789-.";
    if (word.empty() || kStarts.find(word.front()) == std::string_view::npos) {
        return "";
    }
    const std::string_view number =
        word.ends_with('f') || word.ends_with('h') ? word.substr(0, word.size() - 1) : word;
    for (const auto& [digits, suffix] :
         {std::pair{word, ""}, std::pair{number, "f"}, std::pair{number, "h"}}) {
        std::string meant = std::string(digits) + suffix;
        if (read_immediate(meant, dtype)) {
            return meant;
        }
    }
    return "";
}

} // namespace lpusim::chip
