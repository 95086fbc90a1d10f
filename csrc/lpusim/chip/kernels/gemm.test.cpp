#include <algorithm>
#include <bit>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/matmul_test.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

void check_product(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k) {
    check_int8_product(gemm(spec, m, n, k), plan_gemm(spec, m, n, k).cycles, spec, {m, n, k});
}

/// A finite number, so that sums over all lanes of products are exact in a double.
std::uint16_t random_fp16(std::uint64_t seed, std::uint64_t index) {
    const auto integer = static_cast<std::int64_t>(random_bits(seed, 0, index) % 2047) - 1023;
    return fp16_from_fp32(static_cast<float>(integer) / 256.0F);
}

std::uint8_t random_fp8(std::uint64_t seed, std::uint64_t index) {
    const auto bits = static_cast<std::uint8_t>(random_bits(seed, 0, index));
    return (bits & 0x7fU) == kFp8Nan ? 0 : bits;
}

/// Sums of `lanes` products are rounded once to fp32, then added in order. fp32 as bits.
template <class T>
std::vector<std::uint32_t> product_fp(std::int64_t lanes, std::int64_t m, std::int64_t n, std::int64_t k,
                                      const std::vector<T>& a, const std::vector<T>& w, float (*value)(T)) {
    std::vector<std::uint32_t> result;
    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
            float total = 0;
            for (std::int64_t first = 0; first < k; first += lanes) {
                double sum = 0;
                for (std::int64_t l = first; l < std::min(k, first + lanes); ++l) {
                    sum += static_cast<double>(value(a[static_cast<std::size_t>(i * k + l)])) *
                           static_cast<double>(value(w[static_cast<std::size_t>(l * n + j)]));
                }
                const auto rounded = static_cast<float>(sum);
                total = first == 0 ? rounded : total + rounded;
            }
            result.push_back(std::bit_cast<std::uint32_t>(total));
        }
    }
    return result;
}

template <class T>
void check_fp_product(const ChipSpec& spec, DType dtype, std::int64_t m, std::int64_t n, std::int64_t k,
                      T (*random)(std::uint64_t, std::uint64_t), float (*value)(T)) {
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    std::vector<T> a, w;
    for (std::int64_t i = 0; i < m * k; ++i)
        a.push_back(random(1, static_cast<std::uint64_t>(i)));
    for (std::int64_t i = 0; i < k * n; ++i)
        w.push_back(random(2, static_cast<std::uint64_t>(i)));
    const Program program = gemm(spec, m, n, k, dtype);
    CHECK(plan_gemm(spec, m, n, k, dtype).cycles == program_cycles(program, spec));
    Memory memory(spec);
    store(program, "a", spec, memory, a);
    store(program, "w", spec, memory, w);
    const Run done = tick(program, spec, memory, true);
    if (done.error)
        FAIL(describe(*done.error, program, spec));
    CHECK(fetch<std::uint32_t>(program, "c", spec, done.memory) ==
          product_fp(spec.lanes(), m, n, k, a, w, value));
    const Run folded = fold(program, spec, std::move(memory), true);
    REQUIRE(!folded.error);
    CHECK(folded.cycles == done.cycles);
    CHECK(folded.memory == done.memory);
}

std::int64_t cycles_of(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k,
                       DType dtype = DType::Int8) {
    const Run timed = fold(gemm(spec, m, n, k, dtype), spec, {}, false);
    REQUIRE(!timed.error);
    REQUIRE(timed.cycles == plan_gemm(spec, m, n, k, dtype).cycles);
    return timed.cycles;
}

} // namespace

TEST_CASE("a product of any ragged shape that fits is legal and exact, and as long as its plan says") {
    const ChipSpec spec = small_matmul_spec();
    for (const std::int64_t m : {1, 2, 7, 13, 32}) {
        for (const std::int64_t n : {1, 3, 8, 33, 70}) {
            for (const std::int64_t k : {1, 8, 9, 17, 40}) {
                check_product(spec, m, n, k);
            }
        }
    }
}

TEST_CASE("products stay legal and exact at other latencies, stream counts and plane counts") {
    ChipSpec spec = small_matmul_spec();
    spec.mxm_install_latency_cycles = 0;
    spec.mxm_load_latency_cycles = 0;
    check_product(spec, 5, 33, 20);
    check_product(spec, 1, 64, 40);
    spec.mxm_install_latency_cycles = 4;
    spec.mxm_load_latency_cycles = 3;
    spec.mem_read_latency_cycles = 7;
    check_product(spec, 5, 33, 20);
    check_product(spec, 24, 24, 20);
    spec.mxm_planes_per_hemisphere = 1;
    check_product(spec, 5, 33, 20);
    check_product(spec, 24, 24, 20);
    spec.streams_per_direction = 4;
    check_product(spec, 5, 33, 20);
    spec.mxm_planes_per_hemisphere = 3; // more than the streams can serve: one is used
    check_product(spec, 3, 20, 9);
    spec.streams_per_direction = 16;
    check_product(spec, 16, 24, 20);
}

TEST_CASE("fp16 and fp8 products round once a step, in both engines, and as long as their plan says") {
    ChipSpec spec = small_matmul_spec();
    for (const std::int64_t m : {1, 5, 14}) {
        for (const std::int64_t n : {1, 8, 21, 40}) {
            for (const std::int64_t k : {1, 9, 26}) {
                check_fp_product(spec, DType::Fp16, m, n, k, random_fp16, fp32_from_fp16);
                check_fp_product(spec, DType::Fp8, m, n, k, random_fp8, fp32_from_fp8);
            }
        }
    }
    spec.mxm_fp16_cycles = 3;
    spec.mxm_install_latency_cycles = 0;
    check_fp_product(spec, DType::Fp16, 5, 17, 26, random_fp16, fp32_from_fp16);
    spec.mxm_fp16_cycles = 1;
    spec.mxm_planes_per_hemisphere = 5; // Two pairs.
    spec.streams_per_direction = 17;    // Pairs of streams stay aligned.
    spec.mem_slices_per_hemisphere = 40;
    check_fp_product(spec, DType::Fp16, 5, 17, 26, random_fp16, fp32_from_fp16);
    spec.mxm_planes_per_hemisphere = 1;
    CHECK_THROWS_AS((void)gemm(spec, 5, 17, 26, DType::Fp16), ValueError);
    CHECK_THROWS_AS((void)gemm(spec, 5, 17, 26, DType::Int32), ValueError);
}

TEST_CASE("on the 320-lane chip a ragged product is exact") {
    check_product(ChipSpec{}, 5, 400, 330);
}

TEST_CASE("parts that fill several slices are read and written in turn") {
    ChipSpec spec = small_matmul_spec();
    spec.mem_words_per_slice = 16;
    spec.mem_slices_per_hemisphere = 120;
    check_product(spec, 24, 40, 40); // 3 slices for a plane's rows, 4 sets of slices for weights
    check_product(spec, 31, 17, 33);
}

TEST_CASE("a cube of 1920 uses 99 % of the planes: six tiles, three a hemisphere, 960 rows a plane") {
    const ChipSpec spec;
    const GemmPlan plan = plan_gemm(spec, 1920, 1920, 1920);
    CHECK(plan.split_rows);
    CHECK(plan.chunk_rows == 480);
    CHECK(plan.passes() == 3 * 2 * 6);
    CHECK(plan.pass_cycles == 480);
    const std::int64_t ideal = 1920LL * 1920 * 1920 / spec.int8_macs_per_cycle();
    CHECK(ideal == 17'280);
    CHECK(plan.bound == ProductBound{17'280, 180}); // 3.7 MB of weights at 20,480 bytes a cycle
    CHECK(cycles_of(spec, 1920, 1920, 1920) == 17'280 + 81);
}

TEST_CASE(
    "with 1000 rows or more, ragged shapes stay within 3 % and the fill and drain of the planes' floor") {
    const ChipSpec spec;
    const auto check = [&](std::int64_t m, std::int64_t n, std::int64_t k, DType dtype) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        const std::int64_t takers_a_row = dtype == DType::Fp16 ? 1 : 4; // Two pairs take two cycles each.
        const std::int64_t floor = m * div_ceil(n, 320) * div_ceil(k, 320);
        const std::int64_t cycles = cycles_of(spec, m, n, k, dtype);
        CHECK(takers_a_row * cycles >= floor);
        if (floor >= takers_a_row * 3000) {
            CHECK(97 * takers_a_row * cycles <= 100 * floor);
        } else { // 100 cycles of fill and drain are more than 3 % of less work.
            CHECK(takers_a_row * cycles <= floor + takers_a_row * 100);
        }
    };
    for (const std::int64_t m : {1000, 1001, 1283, 2047, 5000}) {
        for (const std::int64_t n : {1, 320, 321, 700, 1000, 1601, 2240}) {
            for (const std::int64_t k : {1, 320, 333, 1999, 2600})
                check(m, n, k, DType::Int8);
            for (const std::int64_t k : {1, 320, 333, 960})
                check(m, n, k, DType::Fp16);
        }
    }
}

TEST_CASE("a product that streams its weights runs at more than 90 % of the stream bound") {
    // 7 rounds of four tiles by 26 row tiles, 20 cycles each at 64 streams of 320 B.
    const ChipSpec spec;
    const std::int64_t bound = 8960 * 8320 / spec.stream_bytes_per_cycle();
    CHECK(bound == 3640);
    const std::int64_t cycles = cycles_of(spec, 1, 8960, 8320);
    CHECK(cycles >= bound);
    CHECK(9 * cycles <= 10 * bound);
}

TEST_CASE("the runs of a product do not grow with its passes") {
    const ChipSpec spec;
    CHECK(gemm(spec, 1, 12'800, 12'800).runs.size() == gemm(spec, 1, 3840, 1280).runs.size());
    CHECK(gemm(spec, 1, 12'800, 12'800).runs.size() < 50);
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
    const Program program = gemm(small_matmul_spec(), 7, 33, 20);
    CHECK(parse(to_text(program)) == program);
}

TEST_CASE("the bytes of an element may lie slices apart, in text too") {
    const ChipSpec spec = small_matmul_spec();
    const Program program = parse("tensor a input fp16 1 x 1 lanes 8 columns\n"
                                  "piece w.2 address 4 row 0 column 0 byte_slices 3\n");
    CHECK(program.tensors[0].pieces[0].byte_slices == 3);
    CHECK(parse(to_text(program)) == program);
    Memory memory(spec);
    store(program, "a", spec, memory, std::vector<std::uint16_t>{0x1234});
    CHECK(memory.read(2, 4)[0] == 0x34);
    CHECK(memory.read(5, 4)[0] == 0x12);
    CHECK(fetch<std::uint16_t>(program, "a", spec, memory) == std::vector<std::uint16_t>{0x1234});
    Program outside = program;
    outside.tensors[0].pieces[0].byte_slices = 18; // slice 20 of 0 .. 19
    CHECK_THROWS_AS(validate(outside, spec), ValueError);
    outside.tensors[0].pieces[0].byte_slices = 0;
    CHECK_THROWS_AS(validate(outside, spec), ValueError);
}
