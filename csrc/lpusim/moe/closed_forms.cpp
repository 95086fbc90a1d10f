#include "lpusim/moe/closed_forms.h"

#include <algorithm>
#include <limits>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/number_text.h"
#include "lpusim/base/real.h"

namespace lpusim::moe {
namespace {

void check_shape(std::int64_t experts, std::int64_t experts_per_token, std::int64_t tokens) {
    if (experts < 1 || experts_per_token < 1 || experts_per_token > experts || tokens < 0) {
        throw ValueError(
            "expected load: experts_per_token must be from 1 to experts and tokens at least 0, got "
            "experts = " +
            std::to_string(experts) + ", experts_per_token = " + std::to_string(experts_per_token) +
            ", tokens = " + std::to_string(tokens));
    }
}

/// 1 - (1 - p)^n for p in [0, 1].
double chance_of_any(double p, std::int64_t n) {
    if (n == 0) {
        return 0;
    }
    return p < 1 ? 1.0 - real_pow(1.0 - p, static_cast<double>(n)) : 1.0;
}

/// out[c] += sum over a + b = c of left[a] right[b], for c below the common length.
void convolve(const double* left, const double* right, std::size_t length, double* out) {
    std::fill(out, out + length, 0.0);
    for (std::size_t a = 0; a < length; ++a) {
        for (std::size_t b = 0; a + b < length; ++b) {
            out[a + b] += left[a] * right[b];
        }
    }
}

/// Counts of early experts, as far as k - 1, over prefixes and suffixes of the expert list at one time t.
class EarlyCounts {
  public:
    EarlyCounts(std::size_t experts, std::size_t k)
        : experts_(experts), k_(k), prefix_((experts + 1) * k), suffix_((experts + 1) * k), both_(k) {}

    void set(std::span<const double> early) {
        std::fill(prefix_.begin(), prefix_.begin() + static_cast<std::ptrdiff_t>(k_), 0.0);
        prefix_[0] = 1;
        for (std::size_t i = 0; i < experts_; ++i) {
            add(&prefix_[i * k_], early[i], &prefix_[(i + 1) * k_]);
        }
        double* last = &suffix_[experts_ * k_];
        std::fill(last, last + k_, 0.0);
        last[0] = 1;
        for (std::size_t i = experts_; i-- > 0;) {
            add(&suffix_[(i + 1) * k_], early[i], &suffix_[i * k_]);
        }
    }

    /// P(at most k - 1 experts other than i are early).
    double chance_below_k_without(std::size_t i) {
        convolve(&prefix_[i * k_], &suffix_[(i + 1) * k_], k_, both_.data());
        double sum = 0;
        for (const double p : both_) {
            sum += p;
        }
        return sum;
    }

  private:
    void add(const double* counts, double p, double* out) const {
        out[0] = counts[0] * (1.0 - p);
        for (std::size_t c = 1; c < k_; ++c) {
            out[c] = counts[c] * (1.0 - p) + counts[c - 1] * p;
        }
    }

    std::size_t experts_;
    std::size_t k_;
    std::vector<double> prefix_;
    std::vector<double> suffix_;
    std::vector<double> both_;
};

} // namespace

double expected_distinct(std::int64_t experts, std::int64_t experts_per_token, std::int64_t tokens) {
    check_shape(experts, experts_per_token, tokens);
    return static_cast<double>(experts) *
           chance_of_any(static_cast<double>(experts_per_token) / static_cast<double>(experts), tokens);
}

double expected_distinct(std::span<const double> inclusion, std::int64_t tokens) {
    if (tokens < 0) {
        throw ValueError("expected_distinct: tokens must be at least 0, got " + std::to_string(tokens));
    }
    double sum = 0;
    for (std::size_t i = 0; i < inclusion.size(); ++i) {
        if (!(inclusion[i] >= 0 && inclusion[i] <= 1 + 1e-9)) {
            throw ValueError("expected_distinct: inclusion[" + std::to_string(i) +
                             "] must be from 0 to 1, got " + number_text(inclusion[i]));
        }
        sum += chance_of_any(inclusion[i], tokens);
    }
    return sum;
}

double expected_max_load(std::int64_t experts, std::int64_t experts_per_token, std::int64_t tokens) {
    check_shape(experts, experts_per_token, tokens);
    if (experts_per_token == experts) {
        return static_cast<double>(tokens);
    }
    const double p = static_cast<double>(experts_per_token) / static_cast<double>(experts);
    const double log_odds = real_log(p / (1.0 - p));
    const auto n = static_cast<double>(tokens);
    double log_mass = n * real_log(1.0 - p); // log P(X = m), from m = 0 up.
    double below = 0;                        // F(m)
    double sum = 0;
    for (std::int64_t m = 0; m < tokens; ++m) {
        const auto x = static_cast<double>(m);
        below += real_exp(log_mass);
        const double above =
            below <= 0 ? 1.0 : (below < 1 ? 1.0 - real_pow(below, static_cast<double>(experts)) : 0.0);
        sum += above;
        if (x > n * p && above < 1e-15) {
            break;
        }
        log_mass += real_log((n - x) / (x + 1.0)) + log_odds;
    }
    return sum;
}

std::vector<double> inclusion_probabilities(std::span<const double> popularity,
                                            std::int64_t experts_per_token) {
    const std::size_t experts = popularity.size();
    if (experts_per_token < 1 || static_cast<std::size_t>(experts_per_token) > experts) {
        throw ValueError("inclusion_probabilities: experts_per_token must be from 1 to the " +
                         std::to_string(experts) + " popularities, got " + std::to_string(experts_per_token));
    }
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 0;
    for (std::size_t i = 0; i < experts; ++i) {
        if (!(popularity[i] > 0 && popularity[i] <= std::numeric_limits<double>::max())) {
            throw ValueError("inclusion_probabilities: popularity[" + std::to_string(i) +
                             "] must be positive and finite, got " + number_text(popularity[i]));
        }
        smallest = std::min(smallest, popularity[i]);
        largest = std::max(largest, popularity[i]);
    }
    if (static_cast<std::size_t>(experts_per_token) == experts) {
        return std::vector<double>(experts, 1.0);
    }
    // In v = log t the integrand is smooth and vanishes at both ends, where the trapezoidal rule converges
    // geometrically: below t = e^-25 / largest and above t = 40 / smallest less than 1e-10 is left.
    constexpr double kStep = 1.0 / 32;
    const double first = -25.0 - real_log(largest);
    const double last = real_log(40.0 / smallest);
    std::vector<double> early(experts);
    std::vector<double> inclusion(experts, 0.0);
    EarlyCounts counts(experts, static_cast<std::size_t>(experts_per_token));
    for (std::int64_t node = 0; first + static_cast<double>(node) * kStep <= last; ++node) {
        const double t = real_exp(first + static_cast<double>(node) * kStep);
        for (std::size_t i = 0; i < experts; ++i) {
            early[i] = 1.0 - real_exp(-popularity[i] * t);
        }
        counts.set(early);
        for (std::size_t i = 0; i < experts; ++i) {
            const double density = popularity[i] * t * (1.0 - early[i]);
            inclusion[i] += kStep * density * counts.chance_below_k_without(i);
        }
    }
    return inclusion;
}

} // namespace lpusim::moe
