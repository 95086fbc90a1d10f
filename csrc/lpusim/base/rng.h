#pragma once

#include <array>
#include <cstdint>

namespace lpusim {

/// Counter-based random numbers (Philox4x32-10; Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
/// SC'11).
///
/// A draw is a pure function of (seed, stream, index): the same on every machine, whatever the order of the
/// draws or the number of threads.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream,
                                                            std::uint64_t index) {
    std::array<std::uint32_t, 4> counter{
        static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32U),
        static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32U)};
    auto key0 = static_cast<std::uint32_t>(seed);
    auto key1 = static_cast<std::uint32_t>(seed >> 32U);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
        const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
        counter = {static_cast<std::uint32_t>(product1 >> 32U) ^ counter[1] ^ key0,
                   static_cast<std::uint32_t>(product1),
                   static_cast<std::uint32_t>(product0 >> 32U) ^ counter[3] ^ key1,
                   static_cast<std::uint32_t>(product0)};
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    return counter;
}

/// 64 uniform bits.
[[nodiscard]] constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream,
                                                  std::uint64_t index) {
    const auto words = philox(seed, stream, index);
    return (std::uint64_t{words[1]} << 32U) | words[0];
}

/// Uniform in (0, 1): the centre of one of 2^53 equal cells, so that its logarithm is always finite.
[[nodiscard]] constexpr double random_unit(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    constexpr double cell = 1.0 / 9007199254740992.0;
    return (static_cast<double>(random_bits(seed, stream, index) >> 11U) + 0.5) * cell;
}

} // namespace lpusim
