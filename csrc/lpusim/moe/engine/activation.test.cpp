#include "lpusim/moe/engine/activation.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"

using namespace lpusim;
using namespace lpusim::moe;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float swiglu(float gate, float up, SimdLevel level) {
    float out = 0;
    activate(Activation::swiglu, kGptOssLimit, &gate, &up, 1, &out, level);
    return out;
}

float gpt_oss(float gate, float up, SimdLevel level) {
    float out = 0;
    activate(Activation::gpt_oss, kGptOssLimit, &gate, &up, 1, &out, level);
    return out;
}

double logistic(double x) {
    return 1.0 / (1.0 + real_exp(-x));
}

bool is_canonical_nan(float value) {
    return std::bit_cast<std::uint32_t>(value) == 0x7fc00000U;
}

} // namespace

TEST_CASE("activations are those of the formulas, rounded once") {
    for (const SimdLevel level : simd_levels()) {
        for (std::uint64_t i = 0; i < 2000; ++i) {
            const auto gate = static_cast<float>(40.0 * (random_unit(1, 1, i) - 0.5));
            const auto up = static_cast<float>(40.0 * (random_unit(1, 2, i) - 0.5));
            const auto g = static_cast<double>(gate), u = static_cast<double>(up);
            const double silu = g * logistic(g) * u;
            REQUIRE(std::fabs(static_cast<double>(swiglu(gate, up, level)) - silu) <=
                    0x1.00001p-24 * std::fabs(silu));
            const double bounded = std::fmin(g, 7.0), linear = std::fmin(std::fmax(u, -7.0), 7.0);
            const double oss = bounded * logistic(1.702 * bounded) * (linear + 1.0);
            REQUIRE(std::fabs(static_cast<double>(gpt_oss(gate, up, level)) - oss) <=
                    0x1.00001p-24 * std::fabs(oss));
        }
    }
}

TEST_CASE("gpt-oss clamps the gate from above and the linear part on both sides") {
    for (const SimdLevel level : simd_levels()) {
        CHECK(gpt_oss(100.0F, 1.0F, level) == gpt_oss(7.0F, 1.0F, level));
        CHECK(gpt_oss(7.0F, 1.0F, level) != gpt_oss(std::nextafter(7.0F, 0.0F), 1.0F, level));
        CHECK(gpt_oss(1.0F, 100.0F, level) == gpt_oss(1.0F, 7.0F, level));
        CHECK(gpt_oss(1.0F, -100.0F, level) == gpt_oss(1.0F, -7.0F, level));
        CHECK(gpt_oss(-100.0F, 1.0F, level) != gpt_oss(-7.0F, 1.0F, level));
        CHECK(gpt_oss(1.0F, -1.0F, level) == 0.0F); // linear + 1 = 0.
    }
}

TEST_CASE("far out, activations are zero, the gate itself, or NaN") {
    constexpr float kMax = std::numeric_limits<float>::max();
    for (const SimdLevel level : simd_levels()) {
        CHECK(swiglu(0.0F, 5.0F, level) == 0.0F);
        CHECK(swiglu(1000.0F, 2.0F, level) == 2000.0F);
        CHECK(swiglu(-1000.0F, 2.0F, level) == 0.0F);
        CHECK(swiglu(-kMax, kMax, level) == 0.0F);
        CHECK(swiglu(-201.0F, kMax, level) == 0.0F);
        CHECK(swiglu(kMax, 2.0F, level) == kInfinity);
        CHECK(swiglu(kInfinity, -1.0F, level) == -kInfinity);
        CHECK(is_canonical_nan(swiglu(-kInfinity, 1.0F, level)));
        CHECK(is_canonical_nan(swiglu(kInfinity, 0.0F, level)));
        CHECK(is_canonical_nan(swiglu(NAN, 1.0F, level)));
        CHECK(is_canonical_nan(swiglu(1.0F, -NAN, level)));
        CHECK(is_canonical_nan(gpt_oss(NAN, 1.0F, level)));
        CHECK(is_canonical_nan(gpt_oss(-kInfinity, 1.0F, level)));
        CHECK(gpt_oss(kInfinity, kInfinity, level) == gpt_oss(7.0F, 7.0F, level));
    }
}

TEST_CASE("the bits are the same at every level, in place too") {
    std::vector<float> gate(1003), up(1003), first(1003);
    for (std::size_t i = 0; i < gate.size(); ++i) {
        gate[i] = std::bit_cast<float>(static_cast<std::uint32_t>(random_bits(5, 1, i)));
        up[i] = std::bit_cast<float>(static_cast<std::uint32_t>(random_bits(5, 2, i)));
    }
    for (const Activation activation : {Activation::swiglu, Activation::gpt_oss}) {
        activate(activation, 7.0F, gate.data(), up.data(), 1003, first.data(), SimdLevel::Portable);
        for (const SimdLevel level : simd_levels()) {
            std::vector<float> out = gate;
            activate(activation, 7.0F, out.data(), up.data(), 1003, out.data(), level);
            int wrong = 0;
            for (std::size_t i = 0; i < out.size(); ++i) {
                wrong += std::bit_cast<std::uint32_t>(out[i]) != std::bit_cast<std::uint32_t>(first[i]);
            }
            CHECK(wrong == 0);
        }
    }
}
