#include "lpusim/chip/values/mxm_values.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "lpusim/base/values/column_sums.h"

namespace lpusim::chip {

namespace {

void round_to_fp32(std::span<const WideSum> wide, std::span<std::int32_t> words) {
    assert(wide.size() == words.size());
    std::transform(wide.begin(), wide.end(), words.begin(),
                   [](const WideSum& sum) { return std::bit_cast<std::int32_t>(sum.to_fp32()); });
}

} // namespace

bool keeps_wide_sums(const MxmActivate& activate, const ChipSpec& spec) {
    return spec.mxm_wide_accumulate != 0 && activate.dtype != DType::Int8;
}

void multiply(const MxmActivate& activate, const ChipSpec& spec, WeightPlane& weights, WeightPlane* high,
              const std::uint8_t* activations, std::int64_t rows, ColumnSums& sums, SimdLevel level) {
    assert((high != nullptr) == (activate.dtype == DType::Fp16));
    const auto elements = static_cast<std::size_t>(rows * weights.lanes());
    sums.words.clear();
    sums.wide.clear();
    if (keeps_wide_sums(activate, spec)) {
        sums.wide.resize(elements);
        if (activate.dtype == DType::Fp16) {
            add_wide_sums_fp16(weights, *high, activations, rows, sums.wide.data(), level);
        } else {
            add_wide_sums_fp8(weights, activations, rows, sums.wide.data(), level);
        }
        return;
    }
    sums.words.resize(elements);
    switch (activate.dtype) {
    case DType::Fp16:
        column_sums_fp16(weights, *high, activations, rows, activate.roundings, sums.words.data(), level);
        break;
    case DType::Fp8:
        column_sums_fp8(weights, activations, rows, sums.words.data(), level);
        break;
    default:
        column_sums_int8(weights, activations, rows, sums.words.data(), level);
        break;
    }
}

void Accumulator::take(const MxmAccumulate& order, std::span<const std::int32_t> words) {
    if (order.start) {
        words_.assign(words.begin(), words.end());
        wide_.clear();
        return;
    }
    if (words_.empty()) {
        words_.resize(words.size());
        if (!wide_.empty()) {
            round_to_fp32(wide_, words_);
            wide_.clear();
        }
    }
    if (order.dtype == DType::Fp32) {
        add_fp32_bits(words_, words);
    } else {
        add_wrapping(words_, words);
    }
}

void Accumulator::take(const MxmAccumulate& order, std::span<const WideSum> wide) {
    if (order.dtype != DType::Fp32 || !(order.start || words_.empty())) {
        std::vector<std::int32_t> words(wide.size());
        round_to_fp32(wide, words);
        take(order, words);
    } else if (order.start || wide_.empty()) {
        wide_.assign(wide.begin(), wide.end());
        words_.clear();
    } else {
        for (std::size_t i = 0; i < wide.size(); ++i) {
            wide_[i].add(wide[i]);
        }
    }
}

void Accumulator::read(std::span<std::int32_t> words) const {
    if (wide_.empty()) {
        std::copy(words_.begin(), words_.end(), words.begin());
    } else {
        round_to_fp32(wide_, words);
    }
}

} // namespace lpusim::chip
