#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "lpusim/chip/spec.h"
#include "lpusim/lower/compose.h"

namespace lpusim::lower {

/// [m x k] times [k x n] on one chip, weights streamed from SRAM.
struct MatmulShape {
    std::int64_t m = 0;
    std::int64_t k = 0;
    std::int64_t n = 0;

    friend auto operator<=>(const MatmulShape&, const MatmulShape&) = default;
};

/// What a verified matmul program looks like from outside. A product too wide for one program (its weights
/// and results need more slices than there are) is `part_count` equal programs in a row, each over a part of
/// the columns.
struct MatmulProfile {
    std::int64_t part_count = 1;
    std::int64_t cycles = 0;
    std::shared_ptr<const Occupancy> occupancy;
    TensorUse input;
    TensorUse output;
};

/// Builds, verifies and remembers one program a shape. Every profile it hands out passed the verifier.
class MatmulLibrary {
  public:
    explicit MatmulLibrary(const chip::ChipSpec& spec);

    /// One-byte operands. Cost: build and verify on first use of a shape, a look-up afterwards.
    [[nodiscard]] const MatmulProfile& get(const MatmulShape& shape);

    /// The shape whose one-byte program bounds a product with `weight_bits`-bit weights from above. Up to 8
    /// bits it is the shape itself (narrower weights are widened as they are read). Sixteen bits stream two
    /// byte planes (2 k), and a plane pair takes four passes where one byte takes one (2 m x 2 k).
    [[nodiscard]] static MatmulShape one_byte_shape(const MatmulShape& shape, std::int64_t weight_bits);

    [[nodiscard]] const chip::ChipSpec& spec() const { return spec_; }
    /// Resources that an occupancy can name, and SRAM banks, which it names as tensors 0 .. bank_count - 1.
    [[nodiscard]] std::int32_t resource_count() const { return resource_count_; }
    [[nodiscard]] std::int32_t bank_count() const { return bank_count_; }
    /// Programs built so far.
    [[nodiscard]] std::int64_t program_count() const { return static_cast<std::int64_t>(profiles_.size()); }

  private:
    chip::ChipSpec spec_;
    std::int32_t resource_count_ = 0;
    std::int32_t bank_count_ = 0;
    [[nodiscard]] MatmulProfile build(const MatmulShape& shape) const;

    std::map<MatmulShape, MatmulProfile> profiles_;
};

} // namespace lpusim::lower
