#include <algorithm>
#include <array>
#include <cassert>
#include <type_traits>
#include <vector>

#include "lpusim/base/parallel.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/moe/engine/dispatch.h"

namespace lpusim::moe {
namespace {

/// Columns that are summed at a time, in a first-level cache.
constexpr std::int64_t kColumns = 1024;

inline float number_of(float value) {
    return value;
}

inline float number_of(std::uint16_t bits) {
    return fp32_from_fp16(bits);
}

inline void store(float value, float& to) {
    to = canonical_nan(value);
}

inline void store(float value, std::uint16_t& to) {
    to = fp16_from_fp32(value);
}

/// One row of a token and what it counts for.
template <class Row>
struct Term {
    const Row* row = nullptr;
    float weight = 1.0F;
};

/// Two rows a pass: half as many visits to the sums.
template <class Row, class Out>
inline void sum_body(const std::vector<Term<Row>>& terms, const float* shared, std::int64_t first,
                     std::int64_t columns, Out* y) {
    std::array<float, kColumns> sums;
    const Term<Row>& start = terms.front();
    for (std::int64_t i = 0; i < columns; ++i) {
        sums[static_cast<std::size_t>(i)] = start.weight * number_of(start.row[first + i]);
    }
    std::size_t next = 1;
    for (; next + 1 < terms.size(); next += 2) {
        const Term<Row> a = terms[next], b = terms[next + 1];
        for (std::int64_t i = 0; i < columns; ++i) {
            float& sum = sums[static_cast<std::size_t>(i)];
            sum = (sum + a.weight * number_of(a.row[first + i])) + b.weight * number_of(b.row[first + i]);
        }
    }
    if (next < terms.size()) {
        const Term<Row> a = terms[next];
        for (std::int64_t i = 0; i < columns; ++i) {
            float& sum = sums[static_cast<std::size_t>(i)];
            sum = sum + a.weight * number_of(a.row[first + i]);
        }
    }
    for (std::int64_t i = 0; shared != nullptr && i < columns; ++i) {
        float& sum = sums[static_cast<std::size_t>(i)];
        sum = sum + shared[first + i];
    }
    for (std::int64_t i = 0; i < columns; ++i) {
        store(sums[static_cast<std::size_t>(i)], y[first + i]);
    }
}

template <class Row, class Out>
LPUSIM_AVX2_TWIN void sum_avx2(const std::vector<Term<Row>>& terms, const float* shared, std::int64_t first,
                               std::int64_t columns, Out* y) {
    sum_body(terms, shared, first, columns, y);
}

} // namespace

template <class Row, class Out>
void combine(std::span<const Row> rows, std::span<const std::int32_t> inverse, std::span<const float> weights,
             std::span<const float> shared, std::int64_t experts_per_token, std::int64_t width,
             CombineOrder order, std::span<Out> y, std::int64_t threads, SimdLevel level) {
    const std::int64_t tokens = static_cast<std::int64_t>(inverse.size()) / experts_per_token;
    assert(rows.size() == inverse.size() * static_cast<std::size_t>(width));
    assert(weights.empty() || weights.size() == inverse.size());
    assert(shared.empty() || shared.size() == y.size());
    assert(y.size() == static_cast<std::size_t>(tokens * width));
    const auto k = static_cast<std::size_t>(experts_per_token);
    const std::int64_t parts = std::min(tokens, threads);
    for_each_index(parts, threads, [&](std::int64_t, std::int64_t part) {
        std::vector<Term<Row>> terms(k);
        const std::int64_t last = (part + 1) * tokens / parts;
        for (std::int64_t token = part * tokens / parts; token < last; ++token) {
            for (std::size_t slot = 0; slot < k; ++slot) {
                const std::size_t assignment = static_cast<std::size_t>(token) * k + slot;
                terms[slot] = {rows.data() + inverse[assignment] * width,
                               weights.empty() ? 1.0F : weights[assignment]};
            }
            if (order == CombineOrder::expert) { // Rows stand in the order of experts.
                std::ranges::sort(terms, {}, &Term<Row>::row);
            }
            const float* added = shared.empty() ? nullptr : shared.data() + token * width;
            Out* to = y.data() + token * width;
            for (std::int64_t first = 0; first < width; first += kColumns) {
                const std::int64_t columns = std::min(kColumns, width - first);
                (level >= SimdLevel::Avx2 ? sum_avx2<Row, Out> : sum_body<Row, Out>)(terms, added, first,
                                                                                     columns, to);
            }
        }
    });
}

#define LPUSIM_FOR_ROW_AND_OUT(Row, Out)                                                                     \
    template void combine<Row, Out>(std::span<const Row>, std::span<const std::int32_t>,                     \
                                    std::span<const float>, std::span<const float>, std::int64_t,            \
                                    std::int64_t, CombineOrder, std::span<Out>, std::int64_t, SimdLevel)

LPUSIM_FOR_ROW_AND_OUT(float, float);
LPUSIM_FOR_ROW_AND_OUT(float, std::uint16_t);
LPUSIM_FOR_ROW_AND_OUT(std::uint16_t, float);
LPUSIM_FOR_ROW_AND_OUT(std::uint16_t, std::uint16_t);

} // namespace lpusim::moe
