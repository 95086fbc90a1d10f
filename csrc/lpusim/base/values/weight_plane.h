#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace lpusim {

/// Weight columns as fp32, which holds every fp16 and fp8 value, and what bounds the error of sums with them.
/// A column has `parts` parts, each padded with zeros to a whole number of kDepthStep values.
struct FloatColumns {
    static constexpr std::int64_t kDepthStep = 8;

    std::int64_t parts = 0;
    std::int64_t part_stride = 0;
    std::vector<float> values;   ///< column after column
    std::vector<double> largest; ///< [part * lanes + column]: see NumberRange
    std::vector<double> unit;    ///< likewise
};

/// The bytes of one weight buffer of an MXM plane, column after column, and the forms that products want,
/// each made at most once for each content.
class WeightPlane {
  public:
    /// Columns start at multiples of this; the bytes between them are 0.
    static constexpr std::int64_t kByteStep = 64;

    WeightPlane() = default;
    explicit WeightPlane(std::int64_t lanes);

    void clear();
    /// `vector` has one byte a lane.
    void set_column(std::int64_t column, const std::uint8_t* vector);

    [[nodiscard]] std::int64_t lanes() const { return lanes_; }
    [[nodiscard]] std::int64_t stride() const { return stride_; }
    [[nodiscard]] const std::uint8_t* bytes() const { return bytes_.data(); }

    /// As int16, with the same stride. Cost: one pass over the bytes when they have changed.
    [[nodiscard]] const std::int16_t* int16_columns();
    /// As fp8 numbers, in one part. Cost likewise.
    [[nodiscard]] const FloatColumns& fp8_columns();
    /// As the low bytes of fp16 numbers whose high bytes are in `high`. `parts` divides the lanes. Cost: one
    /// pass over both planes when either has changed or other parts are wanted.
    [[nodiscard]] const FloatColumns& fp16_columns(WeightPlane& high, std::int64_t parts);

  private:
    enum class Form : std::uint8_t { None, Fp8, Fp16 };

    void forget();
    template <class Widen>
    void fill_floats(std::int64_t parts, const Widen& widen);

    std::int64_t lanes_ = 0;
    std::int64_t stride_ = 0;
    std::vector<std::uint8_t> bytes_;
    std::vector<std::int16_t> int16_; ///< empty if not made of the present bytes
    Form float_form_ = Form::None;
    FloatColumns floats_;
    /// The same object means the same bytes: `identity_` is dropped when they change. An fp16 form remembers
    /// that of its high plane.
    std::shared_ptr<const std::uint8_t> identity_, high_identity_;
};

} // namespace lpusim
