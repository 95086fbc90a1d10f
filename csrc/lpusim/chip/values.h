#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/chip/isa.h"

/// Element arithmetic, the same for both engines. Elements of more than a byte come as byte planes: byte i of
/// every element together, plane i after plane i - 1, little-endian, as they travel on stream s + i.
namespace lpusim::chip {

/// One weight buffer of a plane in the order the products want: column after column, widened to 16 bits.
class WeightPlane {
  public:
    WeightPlane() = default;
    explicit WeightPlane(std::int64_t lanes);

    void clear();
    /// `vector` has one signed byte a lane.
    void set_column(std::int64_t column, const std::uint8_t* vector);
    [[nodiscard]] const std::int16_t* column(std::int64_t index) const {
        return values_.data() + index * lanes_;
    }
    [[nodiscard]] std::int64_t lanes() const { return lanes_; }

  private:
    std::int64_t lanes_ = 0;
    std::vector<std::int16_t> values_;
};

/// sums[i, c] = sum over lanes of activations[i, lane] * weights[lane, c], exact modulo 2^32 (for int8 and up
/// to 131,071 lanes: exact). `activations` has `rows` vectors of lanes bytes, `sums` rows x lanes elements.
/// `portable` keeps to the instructions every machine has; the bits are the same.
/// Cost: rows * lanes^2 multiply-adds.
void column_sums_int8(const WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows,
                      std::int32_t* sums, bool portable = false);

/// total[i] += added[i], wrapping.
void add_wrapping(std::span<std::int32_t> total, std::span<const std::int32_t> added);

/// int32 elements to four byte planes of `values.size()` bytes each, and back.
void split_int32(std::span<const std::int32_t> values, std::uint8_t* planes);
void join_int32(const std::uint8_t* planes, std::span<std::int32_t> values);

/// One VXM instruction on `elements` lanes (any number of vectors, if planes are that long). `a`, `b` and
/// `out` are byte planes of the operands' and the result's type; a null operand is absent or immediate
/// (`compute` says which). Every fp32 NaN that comes out is 0x7fc00000.
void vxm_apply(const VxmCompute& compute, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out,
               std::int64_t elements);

} // namespace lpusim::chip
