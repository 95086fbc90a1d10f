#pragma once

#include <cstdint>
#include <doctest/doctest.h>
#include <utility>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/tick/tick.h"

/// What the tests of the matrix products share.
namespace lpusim::chip {

/// Two superlanes of four lanes and room for a product: lanes 8, slices 20 a side.
inline ChipSpec small_matmul_spec() {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.streams_per_direction = 8;
    spec.positions = 13;
    spec.mem_slices_per_hemisphere = 20;
    spec.mem_words_per_slice = 64;
    spec.mxm_load_streams = 4;
    spec.mxm_accumulator_vectors = 6;
    spec.mxm_activate_latency_cycles = 3;
    return spec;
}

inline std::vector<std::int8_t> random_int8(std::int64_t count, std::uint64_t seed) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<std::int8_t>(random_bits(seed, 0, i));
    return values;
}

/// The obvious product, modulo 2^32.
inline std::vector<std::int32_t> product_int8(std::int64_t m, std::int64_t n, std::int64_t k,
                                              const std::vector<std::int8_t>& a,
                                              const std::vector<std::int8_t>& w) {
    std::vector<std::uint32_t> sums(static_cast<std::size_t>(m * n), 0);
    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t l = 0; l < k; ++l) {
            for (std::int64_t j = 0; j < n; ++j) {
                sums[static_cast<std::size_t>(i * n + j)] += static_cast<std::uint32_t>(
                    a[static_cast<std::size_t>(i * k + l)] * w[static_cast<std::size_t>(l * n + j)]);
            }
        }
    }
    return {sums.begin(), sums.end()};
}

template <class T>
void store(const Program& program, const char* name, const ChipSpec& spec, Memory& memory,
           const std::vector<T>& values) {
    store_tensor(find_tensor(program, name), spec, memory,
                 reinterpret_cast<const std::uint8_t*>(values.data()),
                 static_cast<std::int64_t>(values.size() * sizeof(T)));
}

template <class T>
std::vector<T> fetch(const Program& program, const char* name, const ChipSpec& spec, const Memory& memory) {
    const Tensor& tensor = find_tensor(program, name);
    std::vector<T> values(static_cast<std::size_t>(tensor.rows * tensor.columns));
    fetch_tensor(tensor, spec, memory, reinterpret_cast<std::uint8_t*>(values.data()),
                 static_cast<std::int64_t>(values.size() * sizeof(T)));
    return values;
}

struct ProductSize {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
};

/// A program of c = a * w takes `cycles`, gives the obvious product, and leaves the same from both engines.
inline void check_int8_product(const Program& program, std::int64_t cycles, const ChipSpec& spec,
                               const ProductSize& size) {
    CAPTURE(size.m);
    CAPTURE(size.n);
    CAPTURE(size.k);
    const auto a = random_int8(size.m * size.k, 1);
    const auto w = random_int8(size.k * size.n, 2);
    CHECK(cycles == program_cycles(program, spec));
    Memory memory(spec);
    store(program, "a", spec, memory, a);
    store(program, "w", spec, memory, w);
    const Run done = tick(program, spec, memory, true);
    if (done.error)
        FAIL(describe(*done.error, program, spec));
    CHECK(fetch<std::int32_t>(program, "c", spec, done.memory) == product_int8(size.m, size.n, size.k, a, w));
    const Run folded = fold(program, spec, std::move(memory), true);
    REQUIRE(!folded.error);
    CHECK(folded.cycles == done.cycles);
    CHECK(folded.memory == done.memory);
}

} // namespace lpusim::chip
