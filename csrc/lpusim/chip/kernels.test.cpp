#include "lpusim/chip/kernels.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/text.h"
#include "lpusim/chip/tick.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

/// Two superlanes of four lanes and room for a product: lanes 8, slices 20 a side.
ChipSpec small_spec() {
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

std::vector<std::int8_t> numbers(std::int64_t count, std::uint32_t seed) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) {
        seed = seed * 1664525U + 1013904223U;
        value = static_cast<std::int8_t>(seed >> 24U);
    }
    return values;
}

const std::uint8_t* bytes(const void* data) {
    return static_cast<const std::uint8_t*>(data);
}

std::vector<std::int32_t> product(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k,
                                  const std::vector<std::int8_t>& a, const std::vector<std::int8_t>& w) {
    const Program program = gemm(spec, m, n, k);
    Memory memory(spec);
    store_tensor(find_tensor(program, "a"), spec, memory, bytes(a.data()), m * k);
    store_tensor(find_tensor(program, "w"), spec, memory, bytes(w.data()), k * n);
    const Run done = tick(program, spec, std::move(memory), true);
    if (done.error) {
        FAIL(describe(*done.error, program, spec));
    }
    std::vector<std::int32_t> c(static_cast<std::size_t>(m * n));
    fetch_tensor(find_tensor(program, "c"), spec, done.memory, reinterpret_cast<std::uint8_t*>(c.data()),
                 4 * m * n);
    return c;
}

void check_product(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k) {
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    const auto a = numbers(m * k, 1);
    const auto w = numbers(k * n, 2);
    std::vector<std::int32_t> expected(static_cast<std::size_t>(m * n), 0);
    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t l = 0; l < k; ++l) {
            for (std::int64_t j = 0; j < n; ++j) {
                expected[static_cast<std::size_t>(i * n + j)] +=
                    a[static_cast<std::size_t>(i * k + l)] * w[static_cast<std::size_t>(l * n + j)];
            }
        }
    }
    CHECK(product(spec, m, n, k, a, w) == expected);
}

} // namespace

TEST_CASE("a product of any ragged shape that fits is legal and exact") {
    const ChipSpec spec = small_spec();
    for (const std::int64_t m : {1, 2, 7, 13, 32}) {
        for (const std::int64_t n : {1, 3, 8, 33, 70}) {
            for (const std::int64_t k : {1, 8, 9, 17, 40}) {
                check_product(spec, m, n, k);
            }
        }
    }
}

TEST_CASE("products stay legal and exact at other latencies, stream counts and plane counts") {
    ChipSpec spec = small_spec();
    spec.mxm_install_latency_cycles = 0;
    spec.mxm_load_latency_cycles = 0;
    check_product(spec, 5, 33, 20);
    check_product(spec, 1, 64, 40);
    spec.mxm_install_latency_cycles = 4;
    spec.mxm_load_latency_cycles = 3;
    spec.mem_read_latency_cycles = 7;
    check_product(spec, 5, 33, 20);
    spec.mxm_planes_per_hemisphere = 1;
    check_product(spec, 5, 33, 20);
    spec.streams_per_direction = 4;
    check_product(spec, 5, 33, 20);
    spec.mxm_planes_per_hemisphere = 3; // more than the streams can serve: one is used
    check_product(spec, 3, 20, 9);
}

TEST_CASE("on the 320-lane chip a ragged product is exact") {
    check_product(ChipSpec{}, 5, 400, 330);
}

TEST_CASE("a product that streams its weights runs at more than 90 % of the stream bound") {
    // 7 groups of four tiles by 26 row tiles, 20 cycles each at 64 streams of 320 B.
    const ChipSpec spec;
    const Program program = gemm(spec, 1, 8960, 8320);
    const Run timed = tick(program, spec, {}, false);
    REQUIRE(!timed.error);
    const std::int64_t bound = 8960 * 8320 / spec.stream_bytes_per_cycle();
    CHECK(bound == 3640);
    CHECK(timed.cycles >= bound);
    CHECK(9 * timed.cycles <= 10 * bound);
}

TEST_CASE("a product with many rows keeps every plane busy") {
    // 2048 rows in 4 chunks of 512, 7 row tiles, 2 groups: 28,672 activations a plane.
    const ChipSpec spec;
    const GemmPlan plan = plan_gemm(spec, 2048, 2048, 2048);
    CHECK(plan.passes() == 2 * 4 * 7);
    CHECK(plan.pass_cycles == 512);
    const Run timed = tick(gemm(spec, 2048, 2048, 2048), spec, {}, false);
    REQUIRE(!timed.error);
    CHECK(timed.cycles < 28'672 + 600); // plus the first load and the last result
}

TEST_CASE("what does not fit is refused with what is short") {
    const ChipSpec spec;
    CHECK_THROWS_AS((void)gemm(spec, 1, 1 << 14, 1 << 14), CapacityError);
    CHECK_THROWS_AS((void)gemm(spec, 0, 1, 1), ValueError);
    try {
        (void)gemm(spec, 1, 1 << 14, 1 << 14);
    } catch (const CapacityError& error) {
        CHECK(error.required_bytes > error.available_bytes);
        CHECK(error.available_bytes == spec.mem_bytes());
    }
}

TEST_CASE("the text of a product is the product") {
    const Program program = gemm(small_spec(), 7, 33, 20);
    CHECK(parse(to_text(program)) == program);
}

TEST_CASE("a sum of vectors takes one cycle a vector beyond its latency") {
    const ChipSpec spec = small_spec();
    const std::int64_t vectors = 100; // two sets of at most 64
    const Program program = pointwise_add(spec, vectors);
    const auto a = numbers(vectors * 8, 3);
    const auto b = numbers(vectors * 8, 4);
    Memory memory(spec);
    store_tensor(find_tensor(program, "a"), spec, memory, bytes(a.data()), vectors * 8);
    store_tensor(find_tensor(program, "b"), spec, memory, bytes(b.data()), vectors * 8);
    const Run done = tick(program, spec, std::move(memory), true);
    REQUIRE(!done.error);
    std::vector<std::int8_t> c(a.size());
    fetch_tensor(find_tensor(program, "c"), spec, done.memory, reinterpret_cast<std::uint8_t*>(c.data()),
                 vectors * 8);
    for (std::size_t i = 0; i < c.size(); ++i) {
        CHECK(c[i] == std::clamp(a[i] + b[i], -128, 127));
    }
    CHECK(done.cycles < vectors + 16);
}

TEST_CASE("a tensor of another size is refused, and an unknown name lists the known ones") {
    const ChipSpec spec = small_spec();
    const Program program = pointwise_add(spec, 2);
    Memory memory(spec);
    const std::array<std::uint8_t, 16> data{};
    CHECK_NOTHROW(store_tensor(program.tensors[0], spec, memory, data.data(), 16));
    CHECK_THROWS_AS(store_tensor(program.tensors[0], spec, memory, data.data(), 15), ValueError);
    CHECK_THROWS_WITH((void)find_tensor(program, "d"), "the program has no tensor named 'd'; it has a, b, c");
}
