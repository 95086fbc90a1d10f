#include <doctest/doctest.h>

#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/chip/values.h"

namespace lpusim::chip {

TEST_CASE("column sums are the same bits on every instruction set, and right") {
    for (const std::int64_t lanes : {1, 3, 6, 16, 37, 320}) {
        for (const std::int64_t rows : {1, 2, 65}) { // Activations are widened 64 at a time.
            CAPTURE(lanes);
            CAPTURE(rows);
            std::vector<std::uint8_t> matrix(static_cast<std::size_t>(lanes * lanes)), vectors;
            for (std::size_t i = 0; i < matrix.size(); ++i) {
                matrix[i] = static_cast<std::uint8_t>(random_bits(3, 0, i));
            }
            for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(rows * lanes); ++i) {
                vectors.push_back(static_cast<std::uint8_t>(random_bits(3, 1, i)));
            }
            WeightPlane weights(lanes);
            std::vector<std::int32_t> expected;
            for (std::int64_t column = 0; column < lanes; ++column) {
                weights.set_column(column, matrix.data() + column * lanes);
            }
            for (std::int64_t row = 0; row < rows; ++row) {
                for (std::int64_t column = 0; column < lanes; ++column) {
                    std::int32_t sum = 0;
                    for (std::int64_t lane = 0; lane < lanes; ++lane) {
                        sum +=
                            static_cast<std::int8_t>(vectors[static_cast<std::size_t>(row * lanes + lane)]) *
                            static_cast<std::int8_t>(matrix[static_cast<std::size_t>(column * lanes + lane)]);
                    }
                    expected.push_back(sum);
                }
            }
            std::vector<std::int32_t> fast(expected.size()), portable(expected.size());
            column_sums_int8(weights, vectors.data(), rows, fast.data());
            column_sums_int8(weights, vectors.data(), rows, portable.data(), true);
            CHECK(fast == expected);
            CHECK(portable == expected);
        }
    }
}

} // namespace lpusim::chip
