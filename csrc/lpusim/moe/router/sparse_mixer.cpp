#include "lpusim/moe/router/sparse_mixer.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

#include "lpusim/base/values/vector_functions.h"

namespace lpusim::moe {
namespace {

constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

/// The largest logit, the first of equals, without looking at `left_out`.
std::size_t largest_but(std::span<const float> logits, std::size_t left_out) {
    std::size_t best = left_out == 0 ? 1 : 0;
    for (std::size_t e = best + 1; e < logits.size(); ++e) {
        if (e != left_out && logits[e] > logits[best]) {
            best = e;
        }
    }
    return best;
}

/// 1 / the sum of e^(z - m) over those near m.
double share_of_largest(std::span<const float> logits, std::size_t largest, std::size_t left_out,
                        double epsilon) {
    const double m = logits[largest];
    double sum = 0;
    for (std::size_t e = 0; e < logits.size(); ++e) {
        const double z = logits[e];
        // Where both are 0 the quotient is NaN, and a NaN masks nothing.
        const bool masked = (m - z) / std::max(std::abs(z), m) > 2 * epsilon;
        if (e != left_out && !masked) {
            sum += exp_fp64(z - m);
        }
    }
    return 1.0 / sum;
}

} // namespace

void sparse_mixer(std::span<const float> logits, double epsilon, std::span<std::int32_t> ids,
                  std::span<double> scores) {
    assert(logits.size() >= 2 && ids.size() == 2 && scores.size() == 2);
    const std::size_t first = largest_but(logits, kNobody);
    const std::size_t second = largest_but(logits, first);
    ids[0] = static_cast<std::int32_t>(first);
    ids[1] = static_cast<std::int32_t>(second);
    scores[0] = share_of_largest(logits, first, kNobody, epsilon);
    scores[1] = share_of_largest(logits, second, first, epsilon);
}

} // namespace lpusim::moe
