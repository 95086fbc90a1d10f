#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

/// Requests drawn from stated statistics.
namespace lpusim::serve {

enum class Arrivals : std::uint8_t { gamma, poisson, constant };

/// "gamma", "poisson" or "constant"; throws ValueError for anything else.
[[nodiscard]] Arrivals parse_arrivals(std::string_view name);

/// A distribution of lengths: the inverse of its cumulative distribution, linear between the given points.
/// `share` rises from 0 to 1; `tokens` does not fall and starts at 1 or more.
struct LengthQuantiles {
    std::vector<double> share;
    std::vector<double> tokens;
};

struct GeneratorSpec {
    std::int64_t request_count = 0;
    std::uint64_t seed = 0;
    Arrivals arrivals = Arrivals::poisson;
    double requests_per_s = 1;
    /// Standard deviation of the gaps over their mean; only "gamma" reads it.
    double gap_cv = 1;
    LengthQuantiles input;
    LengthQuantiles output;
};

struct GeneratedRequests {
    std::vector<std::int64_t> arrival_ps;
    std::vector<std::int64_t> input_tokens;
    std::vector<std::int64_t> output_tokens;
};

/// Gaps and lengths are independent of each other and from request to request. Request i is a pure function
/// of (spec, i) but for the sum of gaps before it, so a longer trace begins with the shorter one. Gaps are
/// rounded to picoseconds, lengths to the nearest token. Throws ValueError naming the field.
[[nodiscard]] GeneratedRequests generate(const GeneratorSpec& spec);

} // namespace lpusim::serve
