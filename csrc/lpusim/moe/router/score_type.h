#pragma once

#include <bit>
#include <cstdint>

#include "lpusim/moe/router/router_spec.h"

namespace lpusim::moe {

/// The nearest bf16, ties to even. Finite values only; what is beyond bf16 becomes infinite.
[[nodiscard]] constexpr float round_to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7fffU + ((bits >> 16U) & 1U)) & 0xffff0000U);
}

/// A score, a sum of weights or a weight as `type` holds it.
[[nodiscard]] constexpr double round_score(ScoreType type, double value) {
    switch (type) {
    case ScoreType::fp32:
        return static_cast<float>(value);
    case ScoreType::bf16:
        return round_to_bf16(static_cast<float>(value));
    case ScoreType::fp64:
        break;
    }
    return value;
}

/// A sum that involves a bias or ranks a group: biases are fp32, so bf16 scores are added up there too.
[[nodiscard]] constexpr double round_rank(ScoreType type, double value) {
    return type == ScoreType::fp64 ? value : static_cast<float>(value);
}

} // namespace lpusim::moe
