#include "lpusim/base/values/weight_plane.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/integers.h"
#include "lpusim/base/values/float_rows.h"

namespace lpusim {

WeightPlane::WeightPlane(std::int64_t lanes)
    : lanes_(lanes), stride_(round_up(lanes, kByteStep)),
      bytes_(static_cast<std::size_t>(lanes * stride_), std::uint8_t{0}) {}

void WeightPlane::forget() {
    int16_.clear();
    float_form_ = Form::None;
    identity_.reset();
}

void WeightPlane::clear() {
    std::fill(bytes_.begin(), bytes_.end(), std::uint8_t{0});
    forget();
}

void WeightPlane::set_column(std::int64_t column, const std::uint8_t* vector) {
    assert(0 <= column && column < lanes_);
    std::copy_n(vector, lanes_, bytes_.data() + column * stride_);
    forget();
}

const std::int16_t* WeightPlane::int16_columns() {
    if (int16_.empty()) {
        int16_.resize(bytes_.size());
        for (std::size_t i = 0; i < bytes_.size(); ++i) {
            int16_[i] = static_cast<std::int8_t>(bytes_[i]);
        }
    }
    return int16_.data();
}

/// `widen(column, first lane, count, out)` gives weights as fp32.
template <class Widen>
void WeightPlane::fill_floats(std::int64_t parts, const Widen& widen) {
    assert(parts > 0 && lanes_ % parts == 0);
    const std::int64_t part_lanes = lanes_ / parts;
    floats_.parts = parts;
    floats_.part_stride = round_up(part_lanes, FloatColumns::kDepthStep);
    const std::int64_t column_stride = parts * floats_.part_stride;
    floats_.values.resize(static_cast<std::size_t>(lanes_ * column_stride));
    floats_.largest.resize(static_cast<std::size_t>(parts * lanes_));
    floats_.unit.resize(static_cast<std::size_t>(parts * lanes_));
    for (std::int64_t column = 0; column < lanes_; ++column) {
        for (std::int64_t part = 0; part < parts; ++part) {
            float* to = floats_.values.data() + column * column_stride + part * floats_.part_stride;
            widen(column, part * part_lanes, part_lanes, to);
            std::fill(to + part_lanes, to + floats_.part_stride, 0.0F);
            const NumberRange range = number_range(to, part_lanes);
            const auto at = static_cast<std::size_t>(part * lanes_ + column);
            floats_.largest[at] = range.largest;
            floats_.unit[at] = range.unit;
        }
    }
}

const FloatColumns& WeightPlane::fp8_columns() {
    if (float_form_ != Form::Fp8) {
        fill_floats(1, [&](std::int64_t column, std::int64_t first, std::int64_t count, float* to) {
            widen_fp8(bytes_.data() + column * stride_ + first, count, to);
        });
        float_form_ = Form::Fp8;
    }
    return floats_;
}

const FloatColumns& WeightPlane::fp16_columns(WeightPlane& high, std::int64_t parts) {
    assert(high.lanes_ == lanes_);
    if (high.identity_ == nullptr) {
        high.identity_ = std::make_shared<const std::uint8_t>();
    }
    if (float_form_ != Form::Fp16 || floats_.parts != parts || high_identity_ != high.identity_) {
        fill_floats(parts, [&](std::int64_t column, std::int64_t first, std::int64_t count, float* to) {
            const std::int64_t at = column * stride_ + first;
            widen_fp16(bytes_.data() + at, high.bytes_.data() + at, count, to);
        });
        float_form_ = Form::Fp16;
        high_identity_ = high.identity_;
    }
    return floats_;
}

} // namespace lpusim
