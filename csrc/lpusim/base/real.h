#pragma once

/// Elementary functions in plain double arithmetic, so that results are equal on every platform and libm.
/// Each is within 4 ulp of the true value over its stated domain (tests compare with the C library).
namespace lpusim {

/// Natural logarithm; x > 0 and finite.
[[nodiscard]] double real_log(double x);

/// e to the x; underflows to 0 and overflows to infinity.
[[nodiscard]] double real_exp(double x);

/// x to the y for x > 0. The relative error grows with |y log x|: at most 4 ulp + 2^-52 |y log x|.
[[nodiscard]] double real_pow(double x, double y);

} // namespace lpusim
