#pragma once

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/tensor.h"
#include "lpusim/chip/tick/tick.h"

/// What tests of builders share.
namespace lpusim::chip {

/// Two superlanes of four lanes: lanes 8, the VXM at x = 10, 40 slices a side of 64 words.
inline ChipSpec small_kernel_spec() {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.positions = 21;
    spec.mem_slices_per_hemisphere = 40;
    spec.mem_words_per_slice = 64;
    spec.sxm_shift_latency_cycles = 2;
    spec.sxm_permute_latency_cycles = 2;
    return spec;
}

/// Any bytes for integers; fp32 numbers of both signs from 2^-4 to 2^4.
template <class T>
std::vector<T> numbers(std::int64_t count, std::uint32_t seed) {
    std::vector<T> values(static_cast<std::size_t>(count));
    for (T& value : values) {
        seed = seed * 1664525U + 1013904223U;
        if constexpr (std::is_same_v<T, float>) {
            const float size = 1.0F + static_cast<float>(seed & 0xffffU) / 65536.0F;
            value = std::ldexp(size, static_cast<int>((seed >> 20U) % 8) - 4) * (seed >> 31U ? -1.0F : 1.0F);
        } else {
            value = static_cast<T>(seed >> 12U);
        }
    }
    return values;
}

using Inputs = std::vector<std::pair<std::string, std::vector<std::uint8_t>>>;

template <class T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(values.data());
    return {first, first + values.size() * sizeof(T)};
}

/// Runs a legal program in both engines, which must agree, and returns one of its outputs.
template <class T>
std::vector<T> outcome(const Program& program, const ChipSpec& spec, const Inputs& inputs,
                       const std::string& name = "out") {
    Memory memory(spec);
    for (const auto& [input, bytes] : inputs) {
        store_tensor(find_tensor(program, input), spec, memory, bytes.data(),
                     static_cast<std::int64_t>(bytes.size()));
    }
    const Run ticked = tick(program, spec, memory, true);
    const Run folded = fold(program, spec, std::move(memory), true);
    if (ticked.error) {
        FAIL(describe(*ticked.error, program, spec));
    }
    REQUIRE(!folded.error);
    CHECK(folded.cycles == ticked.cycles);
    CHECK(folded.memory == ticked.memory);
    const Tensor& output = find_tensor(program, name);
    std::vector<T> values(static_cast<std::size_t>(output.rows * output.columns));
    fetch_tensor(output, spec, ticked.memory, reinterpret_cast<std::uint8_t*>(values.data()),
                 static_cast<std::int64_t>(values.size() * sizeof(T)));
    return values;
}

} // namespace lpusim::chip
