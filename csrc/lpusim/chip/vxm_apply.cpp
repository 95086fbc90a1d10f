#include <algorithm>
#include <array>
#include <cassert>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "lpusim/chip/values.h"
#include "lpusim/chip/vector_functions.h"
#include "lpusim/chip/vxm_elements.h"
#include "lpusim/chip/vxm_operations.h"

// Elements are taken a block at a time: their byte planes are joined to arrays, one loop without a branch
// computes, and the result is split again. All choices are made once a call, so that compilers vectorise.
namespace lpusim::chip {

namespace {

constexpr std::int64_t kBlock = 512;

/// One operand: blocks joined from byte planes, or the same immediate again and again.
template <class Element>
class Operand {
  public:
    using Bits = typename Element::Bits;

    Operand(const VxmOperand& what, const std::uint8_t* planes, std::int64_t elements)
        : planes_(planes), elements_(elements) {
        if (const auto* immediate = std::get_if<VxmImmediate>(&what)) {
            planes_ = nullptr;
            bits_.fill(static_cast<Bits>(immediate->bits));
        } else if (planes == nullptr) {
            bits_.fill(Bits{0}); // Absent: not looked at.
        }
    }

    const Bits* block(std::int64_t first, std::int64_t count) {
        if (planes_ != nullptr) {
            std::array<const std::uint8_t*, sizeof(Bits)> plane;
            for (std::size_t byte = 0; byte < sizeof(Bits); ++byte) {
                plane[byte] = planes_ + static_cast<std::int64_t>(byte) * elements_ + first;
            }
            for (std::int64_t i = 0; i < count; ++i) {
                std::uint32_t bits = plane[0][i];
                for (unsigned byte = 1; byte < sizeof(Bits); ++byte) {
                    bits |= std::uint32_t{plane[byte][i]} << (8U * byte);
                }
                bits_[static_cast<std::size_t>(i)] = static_cast<Bits>(bits);
            }
        }
        return bits_.data();
    }

  private:
    const std::uint8_t* planes_;
    std::int64_t elements_;
    std::array<Bits, kBlock> bits_;
};

template <class Bits>
void store_block(const Bits* bits, std::int64_t count, std::uint8_t* planes, std::int64_t elements) {
    for (unsigned byte = 0; byte < sizeof(Bits); ++byte) {
        std::uint8_t* plane = planes + static_cast<std::int64_t>(byte) * elements;
        for (std::int64_t i = 0; i < count; ++i) {
            plane[i] = static_cast<std::uint8_t>(std::uint32_t{bits[i]} >> (8U * byte));
        }
    }
}

struct Call {
    const VxmCompute& compute;
    VxmBytes bytes;
    std::uint8_t* out;
    std::int64_t elements;

    /// Stores `function(bits of a, of b, of c)`, of as many operands as it takes.
    template <class A, class B, class C, class Result, class Function>
    void map(const Function& function) const {
        Operand<A> a(compute.a, bytes.a, elements);
        Operand<B> b(compute.b, bytes.b, elements);
        Operand<C> c(compute.c, bytes.c, elements);
        std::array<typename Result::Bits, kBlock> result;
        for (std::int64_t first = 0; first < elements; first += kBlock) {
            const std::int64_t count = std::min(kBlock, elements - first);
            const auto* left = a.block(first, count);
            if constexpr (std::invocable<Function, typename A::Bits>) {
                for (std::int64_t i = 0; i < count; ++i) {
                    result[static_cast<std::size_t>(i)] = function(left[i]);
                }
            } else if constexpr (std::invocable<Function, typename A::Bits, typename B::Bits>) {
                const auto* right = b.block(first, count);
                for (std::int64_t i = 0; i < count; ++i) {
                    result[static_cast<std::size_t>(i)] = function(left[i], right[i]);
                }
            } else {
                const auto* right = b.block(first, count);
                const auto* third = c.block(first, count);
                for (std::int64_t i = 0; i < count; ++i) {
                    result[static_cast<std::size_t>(i)] = function(left[i], right[i], third[i]);
                }
            }
            store_block(result.data(), count, out + first, elements);
        }
    }

    /// Operands and result of one type.
    template <class Element>
    void pointwise() const {
        using Value = typename Element::Value;
        [[maybe_unused]] const bool known = with_operation<Value>(compute.op, [&](const auto& operation) {
            using Bits = typename Element::Bits;
            using Operation = std::remove_cvref_t<decltype(operation)>;
            if constexpr (std::invocable<Operation, Value>) {
                map<Element, Element, Element, Element>(
                    [&](Bits a) { return Element::encode(operation(Element::decode(a))); });
            } else if constexpr (std::invocable<Operation, Value, Value>) {
                map<Element, Element, Element, Element>([&](Bits a, Bits b) {
                    return Element::encode(operation(Element::decode(a), Element::decode(b)));
                });
            } else {
                map<Element, Element, Element, Element>([&](Bits a, Bits b, Bits c) {
                    return Element::encode(
                        operation(Element::decode(a), Element::decode(b), Element::decode(c)));
                });
            }
        });
        assert(known);
    }

    template <class Element>
    void function() const {
        const auto through = [&](auto of) {
            map<Element, Element, Element, Element>([of](typename Element::Bits a) {
                return Element::round(of(static_cast<double>(Element::decode(a))));
            });
        };
        switch (compute.op) {
        case VxmOp::Exp:
            return through([](double x) { return exp_fp64(x); });
        case VxmOp::Rsqrt:
            return through([](double x) { return rsqrt_fp64(x); });
        default:
            return through([](double x) { return tanh_fp64(x); });
        }
    }

    template <class From, class To>
    void run() const {
        if (compute.op == VxmOp::Convert) {
            map<From, From, From, To>([](typename From::Bits a) {
                return To::round(static_cast<double>(From::decode(a))); // Every value is exact as a double.
            });
        } else if (compute.op == VxmOp::Scale) {
            map<From, Fp32Element, From, To>([](typename From::Bits a, std::uint32_t factor) {
                const float product = static_cast<float>(From::decode(a)) * std::bit_cast<float>(factor);
                return To::round(static_cast<double>(product));
            });
        } else if (compute.op == VxmOp::ShiftRight) {
            if constexpr (std::is_integral_v<typename From::Value> &&
                          std::is_integral_v<typename To::Value>) {
                map<From, Int32Element, From, To>([](typename From::Bits a, std::uint32_t shift) {
                    return To::encode(clamp_to<typename To::Value>(
                        shift_right(From::decode(a), static_cast<std::int64_t>(shift & 31U))));
                });
            }
        } else if constexpr (std::is_same_v<From, To>) {
            if constexpr (std::is_floating_point_v<typename From::Value>) {
                if (is_function(compute.op)) {
                    return function<From>();
                }
            }
            pointwise<From>();
        }
    }

    template <class From>
    void dispatch_result() const {
        switch (compute.result) {
        case DType::Int8:
            return run<From, Int8Element>();
        case DType::Int32:
            return run<From, Int32Element>();
        case DType::Fp32:
            return run<From, Fp32Element>();
        case DType::Fp16:
            return run<From, Fp16Element>();
        case DType::Fp8:
            return run<From, Fp8Element>();
        case DType::Int16:
            break;
        }
        assert(false);
    }

    void dispatch() const {
        switch (compute.dtype) {
        case DType::Int8:
            return dispatch_result<Int8Element>();
        case DType::Int32:
            return dispatch_result<Int32Element>();
        case DType::Fp32:
            return dispatch_result<Fp32Element>();
        case DType::Fp16:
            return dispatch_result<Fp16Element>();
        case DType::Fp8:
            return dispatch_result<Fp8Element>();
        case DType::Int16:
            break;
        }
        assert(false);
    }
};

} // namespace

void vxm_apply(const VxmCompute& compute, const VxmBytes& bytes, std::uint8_t* out, std::int64_t elements) {
    Call{compute, bytes, out, elements}.dispatch();
}

} // namespace lpusim::chip
