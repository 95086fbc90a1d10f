#include <algorithm>
#include <array>
#include <cassert>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "lpusim/base/values/vector_functions.h"
#include "lpusim/chip/values/values.h"
#include "lpusim/chip/values/vxm_elements.h"
#include "lpusim/chip/values/vxm_operations.h"

// Elements are taken a block at a time: byte planes become an array of int8, int32 or float (which holds fp16
// and fp8 as well), one loop without a branch computes, and the result is rounded and split again.
namespace lpusim::chip {

namespace {

constexpr std::int64_t kBlock = 512;

template <class T>
using Block = std::array<T, kBlock>;

/// Elements [first, first + count) of byte planes that are `elements` long.
struct Piece {
    std::int64_t first = 0;
    std::int64_t count = 0;
    std::int64_t elements = 0;
};

/// The same for any type of element: little-endian bytes from and to `sizeof(Bits)` planes.
template <class Bits>
void join(const std::uint8_t* planes, Piece piece, Bits* to) {
    for (std::int64_t i = 0; i < piece.count; ++i) {
        std::uint32_t bits = 0;
        for (unsigned byte = 0; byte < sizeof(Bits); ++byte) {
            bits |= std::uint32_t{planes[byte * piece.elements + piece.first + i]} << (8U * byte);
        }
        to[i] = static_cast<Bits>(bits);
    }
}

template <class Bits>
void split(const Bits* bits, Piece piece, std::uint8_t* planes) {
    for (unsigned byte = 0; byte < sizeof(Bits); ++byte) {
        std::uint8_t* plane = planes + byte * piece.elements + piece.first;
        for (std::int64_t i = 0; i < piece.count; ++i) {
            plane[i] = static_cast<std::uint8_t>(std::uint32_t{bits[i]} >> (8U * byte));
        }
    }
}

template <class Element, class Value>
void decode(const std::uint8_t* planes, Piece piece, Value* to) {
    Block<typename Element::Bits> bits;
    join(planes, piece, bits.data());
    for (std::int64_t i = 0; i < piece.count; ++i) {
        to[i] = Element::decode(bits[static_cast<std::size_t>(i)]);
    }
}

/// Value is int8, int32 (for int8 as well) or float (for all floating-point types).
template <class Value>
void load(DType dtype, const std::uint8_t* planes, Piece piece, Value* to) {
    if constexpr (std::is_integral_v<Value>) {
        if (dtype == DType::Int8) {
            return decode<Int8Element>(planes, piece, to);
        }
        if constexpr (sizeof(Value) == 4) {
            return decode<Int32Element>(planes, piece, to);
        }
    } else {
        switch (dtype) {
        case DType::Fp16:
            return decode<Fp16Element>(planes, piece, to);
        case DType::Fp8:
            return decode<Fp8Element>(planes, piece, to);
        default:
            return decode<Fp32Element>(planes, piece, to);
        }
    }
}

/// Stores `bits_of(i)` for i < count as elements.
template <class Element, class BitsOf>
void encode(Piece piece, std::uint8_t* planes, const BitsOf& bits_of) {
    Block<typename Element::Bits> bits;
    for (std::int64_t i = 0; i < piece.count; ++i) {
        bits[static_cast<std::size_t>(i)] = bits_of(i);
    }
    split(bits.data(), piece, planes);
}

/// For values that are of the type `dtype` already, or floats to be rounded to it.
template <class Value>
void store(DType dtype, const Value* from, Piece piece, std::uint8_t* planes) {
    if constexpr (std::is_same_v<Value, std::int8_t>) {
        encode<Int8Element>(piece, planes, [&](std::int64_t i) { return Int8Element::encode(from[i]); });
    } else if constexpr (std::is_same_v<Value, std::int32_t>) {
        encode<Int32Element>(piece, planes, [&](std::int64_t i) { return Int32Element::encode(from[i]); });
    } else if (dtype == DType::Fp16) {
        encode<Fp16Element>(piece, planes, [&](std::int64_t i) { return Fp16Element::encode(from[i]); });
    } else if (dtype == DType::Fp8) {
        encode<Fp8Element>(piece, planes, [&](std::int64_t i) { return Fp8Element::encode(from[i]); });
    } else {
        encode<Fp32Element>(piece, planes, [&](std::int64_t i) { return Fp32Element::encode(from[i]); });
    }
}

/// Rounds values, all exact as doubles, to any type.
template <class Value>
void convert(DType dtype, const Value* from, Piece piece, std::uint8_t* planes) {
    const auto as = [&]<class Element>(Element) {
        encode<Element>(piece, planes,
                        [&](std::int64_t i) { return Element::round(static_cast<double>(from[i])); });
    };
    switch (dtype) {
    case DType::Int8:
        return as(Int8Element{});
    case DType::Int32:
        return as(Int32Element{});
    case DType::Fp32:
        return as(Fp32Element{});
    case DType::Fp16:
        return as(Fp16Element{});
    case DType::Fp8:
        return as(Fp8Element{});
    case DType::Int16:
        break;
    }
    assert(false);
}

/// result[i] = the operation on the i-th values of as many operands as it has.
template <class Value>
void operate(VxmOp op, const Value* a, const Value* b, const Value* c, std::int64_t count, Value* result) {
    [[maybe_unused]] const bool known = with_operation<Value>(op, [&](const auto& operation) {
        using Operation = std::remove_cvref_t<decltype(operation)>;
        for (std::int64_t i = 0; i < count; ++i) {
            if constexpr (std::invocable<Operation, Value>) {
                result[i] = operation(a[i]);
            } else if constexpr (std::invocable<Operation, Value, Value>) {
                result[i] = operation(a[i], b[i]);
            } else {
                result[i] = operation(a[i], b[i], c[i]);
            }
        }
    });
    assert(known);
}

template <class Element>
void function_of(VxmOp op, const float* x, Piece piece, std::uint8_t* planes) {
    const auto through = [&](auto of) {
        encode<Element>(piece, planes,
                        [&](std::int64_t i) { return Element::round(of(static_cast<double>(x[i]))); });
    };
    if (op == VxmOp::Exp) {
        through([](double value) { return exp_fp64(value); });
    } else if (op == VxmOp::Rsqrt) {
        through([](double value) { return rsqrt_fp64(value); });
    } else {
        through([](double value) { return tanh_fp64(value); });
    }
}

template <class Body>
LPUSIM_AVX2_TWIN void run_avx2(const Body& body) {
    body();
}

template <class Body>
void run_at(SimdLevel level, const Body& body) {
    level >= SimdLevel::Avx2 ? run_avx2(body) : body();
}

/// One operand: a block of byte planes after another, or an immediate that stays.
template <class Value>
class Operand {
  public:
    Operand(const VxmOperand& what, DType dtype, const std::uint8_t* planes, SimdLevel level)
        : dtype_(dtype), planes_(planes), level_(level) {
        if (const auto* immediate = std::get_if<VxmImmediate>(&what)) {
            std::array<std::uint8_t, 4> bytes{};
            for (unsigned byte = 0; byte < 4; ++byte) {
                bytes[byte] =
                    static_cast<std::uint8_t>(static_cast<std::uint32_t>(immediate->bits) >> (8U * byte));
            }
            Value value{};
            load(dtype, bytes.data(), {0, 1, 1}, &value);
            values_.fill(value);
            planes_ = nullptr;
        }
    }

    const Value* take(Piece piece) {
        if (planes_ != nullptr) {
            run_at(level_, [&] { load(dtype_, planes_, piece, values_.data()); });
        }
        return values_.data();
    }

  private:
    DType dtype_;
    const std::uint8_t* planes_;
    SimdLevel level_;
    Block<Value> values_{};
};

struct Call {
    const VxmCompute& compute;
    VxmBytes bytes;
    std::uint8_t* out;
    std::int64_t elements;
    SimdLevel level;

    template <class Visit>
    void for_pieces(const Visit& visit) const {
        for (std::int64_t first = 0; first < elements; first += kBlock) {
            visit(Piece{first, std::min(kBlock, elements - first), elements});
        }
    }

    template <class Value>
    [[nodiscard]] Operand<Value> operand_a() const {
        return {compute.a, compute.dtype, bytes.a, level};
    }
    template <class Value>
    [[nodiscard]] Operand<Value> operand_b(DType dtype) const {
        return {compute.b, dtype, bytes.b, level};
    }

    /// Operands and result of one type.
    template <class Value>
    void pointwise() const {
        auto a = operand_a<Value>(), b = operand_b<Value>(compute.dtype);
        Operand<Value> c(compute.c, compute.dtype, bytes.c, level);
        for_pieces([&](Piece piece) {
            const Value* left = a.take(piece);
            const Value* right = b.take(piece);
            const Value* third = c.take(piece);
            Block<Value> result;
            run_at(level, [&] { operate(compute.op, left, right, third, piece.count, result.data()); });
            run_at(level, [&] { store(compute.dtype, result.data(), piece, out); });
        });
    }

    /// One rounding from the double to the result.
    template <class Element>
    void function() const {
        auto a = operand_a<float>();
        for_pieces([&](Piece piece) {
            const float* x = a.take(piece);
            run_at(level, [&] { function_of<Element>(compute.op, x, piece, out); });
        });
    }

    template <class Value>
    void converted(const Value* values, Piece piece) const {
        run_at(level, [&] { convert(compute.result, values, piece, out); });
    }

    template <class Value>
    void convert_all() const {
        auto a = operand_a<Value>();
        for_pieces([&](Piece piece) { converted(a.take(piece), piece); });
    }

    template <class Value>
    void scale() const {
        auto a = operand_a<Value>();
        auto factor = operand_b<float>(DType::Fp32);
        for_pieces([&](Piece piece) {
            const Value* values = a.take(piece);
            const float* factors = factor.take(piece);
            Block<float> product;
            for (std::int64_t i = 0; i < piece.count; ++i) {
                product[static_cast<std::size_t>(i)] = static_cast<float>(values[i]) * factors[i];
            }
            converted(product.data(), piece);
        });
    }

    void shift() const {
        auto a = operand_a<std::int32_t>(), places = operand_b<std::int32_t>(DType::Int32);
        for_pieces([&](Piece piece) {
            const std::int32_t* values = a.take(piece);
            const std::int32_t* by = places.take(piece);
            Block<std::int32_t> shifted;
            for (std::int64_t i = 0; i < piece.count; ++i) {
                shifted[static_cast<std::size_t>(i)] = shift_right(values[i], by[i] & 31);
            }
            converted(shifted.data(), piece);
        });
    }

    void run() const {
        const bool integer = compute.dtype == DType::Int8 || compute.dtype == DType::Int32;
        if (compute.op == VxmOp::ShiftRight) {
            shift();
        } else if (compute.op == VxmOp::Convert) {
            integer ? convert_all<std::int32_t>() : convert_all<float>();
        } else if (compute.op == VxmOp::Scale) {
            integer ? scale<std::int32_t>() : scale<float>();
        } else if (is_function(compute.op)) {
            compute.dtype == DType::Fp16 ? function<Fp16Element>() : function<Fp32Element>();
        } else if (!integer) {
            pointwise<float>();
        } else {
            compute.dtype == DType::Int8 ? pointwise<std::int8_t>() : pointwise<std::int32_t>();
        }
    }
};

} // namespace

void vxm_apply(const VxmCompute& compute, const VxmBytes& bytes, std::uint8_t* out, std::int64_t elements,
               SimdLevel level) {
    Call{compute, bytes, out, elements, level}.run();
}

} // namespace lpusim::chip
