#include "lpusim/chip/values.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <type_traits>

namespace lpusim::chip {

void split_int32(std::span<const std::int32_t> values, std::uint8_t* planes) {
    const std::size_t count = values.size();
    for (std::size_t byte = 0; byte < 4; ++byte) {
        for (std::size_t i = 0; i < count; ++i) {
            planes[byte * count + i] =
                static_cast<std::uint8_t>(static_cast<std::uint32_t>(values[i]) >> (8 * byte));
        }
    }
}

void join_int32(const std::uint8_t* planes, std::span<std::int32_t> values) {
    const std::size_t count = values.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t bits = planes[i] | (std::uint32_t{planes[count + i]} << 8U) |
                                   (std::uint32_t{planes[2 * count + i]} << 16U) |
                                   (std::uint32_t{planes[3 * count + i]} << 24U);
        values[i] = static_cast<std::int32_t>(bits);
    }
}

namespace {

template <class T>
constexpr DType kDType = std::is_same_v<T, std::int8_t>    ? DType::Int8
                         : std::is_same_v<T, std::int32_t> ? DType::Int32
                                                           : DType::Fp32;

float canonical(float value) {
    return value == value ? value : std::bit_cast<float>(std::uint32_t{0x7fc00000});
}

/// Round half to even without the rounding mode or a library call; |value| < 2^51.
double round_even(double value) {
    const double floor = std::floor(value);
    const double rest = value - floor;
    const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(floor, 2.0) != 0.0);
    return up ? floor + 1.0 : floor;
}

template <class To>
To clamp_to(std::int64_t value) {
    return static_cast<To>(
        std::clamp<std::int64_t>(value, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
}

/// Nearest even, saturating; NaN becomes 0.
template <class To, class From>
To convert(From value) {
    if constexpr (std::is_same_v<To, float>) {
        return canonical(static_cast<float>(value));
    } else if constexpr (std::is_same_v<From, float>) {
        if (value != value) {
            return 0;
        }
        constexpr double kLimit = 4'294'967'296.0;
        const double inside = std::clamp(static_cast<double>(value), -kLimit, kLimit);
        return clamp_to<To>(static_cast<std::int64_t>(round_even(inside)));
    } else {
        return clamp_to<To>(value);
    }
}

template <class T>
T wrap(std::int64_t value) {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(static_cast<std::uint64_t>(value)));
}

/// value / 2^shift, nearest even.
std::int64_t shift_right(std::int64_t value, std::int64_t shift) {
    const std::int64_t whole = value >> shift;
    const std::int64_t rest = value - whole * (std::int64_t{1} << shift);
    const std::int64_t twice = 2 * rest - (std::int64_t{1} << shift);
    return whole + (twice > 0 || (twice == 0 && whole % 2 != 0));
}

template <class T>
T integer_result(VxmOp op, T a, T b) {
    const std::int64_t x = a;
    const std::int64_t y = b;
    switch (op) {
    case VxmOp::Add:
        return wrap<T>(x + y);
    case VxmOp::AddSat:
        return clamp_to<T>(x + y);
    case VxmOp::Sub:
        return wrap<T>(x - y);
    case VxmOp::SubSat:
        return clamp_to<T>(x - y);
    case VxmOp::Mul:
        return wrap<T>(x * y);
    case VxmOp::MulSat:
        return clamp_to<T>(x * y);
    case VxmOp::Max:
        return std::max(a, b);
    case VxmOp::Min:
        return std::min(a, b);
    case VxmOp::Relu:
        return std::max(a, T{0});
    case VxmOp::Mask:
        return b != 0 ? a : T{0};
    default:
        return a;
    }
}

/// Max and min give NaN if either operand is one; of two zeros, +0 is the greater.
float fp32_result(VxmOp op, float a, float b) {
    const bool unordered = a != a || b != b;
    const bool a_less = a < b || (a == b && std::signbit(a) && !std::signbit(b));
    switch (op) {
    case VxmOp::Add:
        return canonical(a + b);
    case VxmOp::Sub:
        return canonical(a - b);
    case VxmOp::Mul:
        return canonical(a * b);
    case VxmOp::Max:
        return canonical(unordered ? std::numeric_limits<float>::quiet_NaN() : a_less ? b : a);
    case VxmOp::Min:
        return canonical(unordered ? std::numeric_limits<float>::quiet_NaN() : a_less ? a : b);
    case VxmOp::Relu:
        return canonical(a != a || a > 0.0F ? a : 0.0F);
    case VxmOp::Mask:
        return canonical(b != 0.0F ? a : 0.0F); // NaN differs from 0
    default:
        return canonical(a);
    }
}

template <class T>
T result_of(VxmOp op, T a, T b) {
    if constexpr (std::is_same_v<T, float>) {
        return fp32_result(op, a, b);
    } else {
        return integer_result(op, a, b);
    }
}

/// Reads elements from byte planes, or the same immediate every time.
template <class T>
class Operand {
  public:
    Operand(const std::uint8_t* planes, const VxmOperand& what, std::int64_t elements)
        : planes_(planes), elements_(elements) {
        if (const auto* immediate = std::get_if<VxmImmediate>(&what)) {
            if constexpr (std::is_same_v<T, float>) {
                value_ = std::bit_cast<float>(immediate->bits);
            } else {
                value_ = static_cast<T>(immediate->bits);
            }
            planes_ = nullptr;
        }
    }

    [[nodiscard]] T at(std::int64_t index) const {
        if (planes_ == nullptr) {
            return value_;
        }
        if constexpr (sizeof(T) == 1) {
            return static_cast<T>(planes_[index]);
        } else {
            const std::uint32_t bits = planes_[index] | (std::uint32_t{planes_[elements_ + index]} << 8U) |
                                       (std::uint32_t{planes_[2 * elements_ + index]} << 16U) |
                                       (std::uint32_t{planes_[3 * elements_ + index]} << 24U);
            return std::bit_cast<T>(bits);
        }
    }

  private:
    const std::uint8_t* planes_;
    std::int64_t elements_;
    T value_{};
};

template <class T>
void store(std::uint8_t* planes, std::int64_t elements, std::int64_t index, T value) {
    if constexpr (sizeof(T) == 1) {
        planes[index] = static_cast<std::uint8_t>(value);
    } else {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        for (std::int64_t byte = 0; byte < 4; ++byte) {
            planes[byte * elements + index] = static_cast<std::uint8_t>(bits >> (8 * byte));
        }
    }
}

struct Call {
    const VxmCompute& compute;
    const std::uint8_t* a;
    const std::uint8_t* b;
    std::uint8_t* out;
    std::int64_t elements;

    template <class From, class To>
    void run() const {
        const Operand<From> left(a, compute.a, elements);
        if (compute.op == VxmOp::Convert) {
            for (std::int64_t i = 0; i < elements; ++i) {
                store(out, elements, i, convert<To>(left.at(i)));
            }
        } else if (compute.op == VxmOp::Scale) {
            const Operand<float> factor(b, compute.b, elements);
            for (std::int64_t i = 0; i < elements; ++i) {
                store(out, elements, i, convert<To>(canonical(convert<float>(left.at(i)) * factor.at(i))));
            }
        } else if (compute.op == VxmOp::ShiftRight) {
            if constexpr (!std::is_same_v<From, float> && !std::is_same_v<To, float>) {
                const Operand<std::int32_t> shift(b, compute.b, elements);
                for (std::int64_t i = 0; i < elements; ++i) {
                    store(out, elements, i, clamp_to<To>(shift_right(left.at(i), shift.at(i) & 31)));
                }
            }
        } else {
            const Operand<From> right(b, compute.b, elements);
            for (std::int64_t i = 0; i < elements; ++i) {
                store(out, elements, i, result_of<From>(compute.op, left.at(i), right.at(i)));
            }
        }
    }

    template <class From>
    void dispatch_result() const {
        switch (compute.result) {
        case DType::Int8:
            return run<From, std::int8_t>();
        case DType::Int32:
            return run<From, std::int32_t>();
        default:
            return run<From, float>();
        }
    }
};

} // namespace

void vxm_apply(const VxmCompute& compute, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out,
               std::int64_t elements) {
    const Call call{compute, a, b, out, elements};
    switch (compute.dtype) {
    case DType::Int8:
        return call.dispatch_result<std::int8_t>();
    case DType::Int32:
        return call.dispatch_result<std::int32_t>();
    default:
        return call.dispatch_result<float>();
    }
}

} // namespace lpusim::chip
