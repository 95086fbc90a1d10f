#include "lpusim/moe/engine/dispatch.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/base/parallel.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/moe/engine/stream_copy.h"

namespace lpusim::moe {
namespace {

/// Rows of more than this are not in a cache any more when an expert reads them.
constexpr std::size_t kStreamBytes = std::size_t{16} << 20U;

/// Calls work(first token, last token) for equal ranges, one a thread.
template <class Work>
void for_token_ranges(std::int64_t tokens, std::int64_t threads, const Work& work) {
    const std::int64_t parts = std::min(tokens, threads);
    for_each_index(parts, threads, [&](std::int64_t, std::int64_t part) {
        work(part * tokens / parts, (part + 1) * tokens / parts);
    });
}

inline void scale_body(const float* x, float scale, std::int64_t width, float* row) {
    for (std::int64_t i = 0; i < width; ++i) {
        row[i] = canonical_nan(x[i] * scale);
    }
}

/// The product of an fp16 and an fp32 is exact in a double.
inline void scale_body(const std::uint16_t* x, float scale, std::int64_t width, std::uint16_t* row) {
    for (std::int64_t i = 0; i < width; ++i) {
        row[i] = fp16_from_fp64(static_cast<double>(fp32_from_fp16(x[i])) * static_cast<double>(scale));
    }
}

template <class Number>
LPUSIM_AVX2_TWIN void scale_avx2(const Number* x, float scale, std::int64_t width, Number* row) {
    scale_body(x, scale, width, row);
}

template <class Number>
void dispatch_scaled_as(std::span<const Number> x, std::span<const std::int32_t> inverse,
                        std::span<const float> scale, std::int64_t experts_per_token, std::int64_t width,
                        std::span<Number> rows, std::int64_t threads, SimdLevel level) {
    assert(inverse.size() == scale.size());
    assert(rows.size() == inverse.size() * static_cast<std::size_t>(width));
    const std::int64_t tokens = static_cast<std::int64_t>(inverse.size()) / experts_per_token;
    assert(x.size() == static_cast<std::size_t>(tokens * width));
    for_token_ranges(tokens, threads, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first * experts_per_token; i < last * experts_per_token; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const Number* from = x.data() + i / experts_per_token * width;
            Number* to = rows.data() + inverse[at] * width;
            if (level >= SimdLevel::Avx2) {
                scale_avx2(from, scale[at], width, to);
            } else {
                scale_body(from, scale[at], width, to);
            }
        }
    });
}

} // namespace

void check_order(std::span<const std::int32_t> permutation, std::span<const std::int32_t> inverse) {
    if (permutation.size() != inverse.size()) {
        throw ValueError("plan: permutation and inverse must have one value an assignment, got " +
                         std::to_string(permutation.size()) + " and " + std::to_string(inverse.size()));
    }
    for (std::size_t i = 0; i < inverse.size(); ++i) {
        const auto row = static_cast<std::uint32_t>(inverse[i]);
        if (row >= permutation.size() || static_cast<std::uint32_t>(permutation[row]) != i) {
            throw ValueError("plan: inverse[" + std::to_string(i) + "] = " + std::to_string(inverse[i]) +
                             " is not the row where permutation has assignment " + std::to_string(i));
        }
    }
}

void check_weights(const char* what, std::span<const float> weights, std::int64_t experts_per_token) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (!(weights[i] - weights[i] == 0.0F)) {
            const auto k = static_cast<std::size_t>(experts_per_token);
            throw ValueError(std::string(what) + "[token " + std::to_string(i / k) + ", slot " +
                             std::to_string(i % k) + "] must be finite, got " + std::to_string(weights[i]));
        }
    }
}

void dispatch(std::span<const std::byte> x, std::span<const std::int32_t> inverse,
              std::int64_t experts_per_token, std::int64_t row_bytes, std::span<std::byte> rows,
              std::int64_t threads, SimdLevel level) {
    const std::int64_t tokens = static_cast<std::int64_t>(inverse.size()) / experts_per_token;
    const auto size = static_cast<std::size_t>(row_bytes);
    assert(x.size() == static_cast<std::size_t>(tokens) * size);
    assert(rows.size() == inverse.size() * size);
    const bool stream = rows.size() > kStreamBytes;
    for_token_ranges(tokens, threads, [&](std::int64_t first, std::int64_t last) {
        const auto k = static_cast<std::size_t>(experts_per_token);
        for (std::size_t i = static_cast<std::size_t>(first) * k; i < static_cast<std::size_t>(last) * k;
             ++i) {
            const std::byte* from = x.data() + i / k * size;
            std::byte* to = rows.data() + static_cast<std::size_t>(inverse[i]) * size;
            if (stream) {
                stream_copy(to, from, size, level);
            } else {
                std::memcpy(to, from, size);
            }
        }
        if (stream) {
            finish_streams();
        }
    });
}

void dispatch_scaled(std::span<const float> x, std::span<const std::int32_t> inverse,
                     std::span<const float> scale, std::int64_t experts_per_token, std::int64_t width,
                     std::span<float> rows, std::int64_t threads, SimdLevel level) {
    dispatch_scaled_as(x, inverse, scale, experts_per_token, width, rows, threads, level);
}

void dispatch_scaled(std::span<const std::uint16_t> x, std::span<const std::int32_t> inverse,
                     std::span<const float> scale, std::int64_t experts_per_token, std::int64_t width,
                     std::span<std::uint16_t> rows, std::int64_t threads, SimdLevel level) {
    dispatch_scaled_as(x, inverse, scale, experts_per_token, width, rows, threads, level);
}

} // namespace lpusim::moe
