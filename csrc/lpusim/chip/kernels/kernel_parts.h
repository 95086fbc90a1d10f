#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// What the builders share.
namespace lpusim::chip {

/// Checks the spec and that every size is from 1 to 2^31. Throws ValueError naming the size.
void check_sizes(const ChipSpec& spec, std::initializer_list<std::pair<const char*, std::int64_t>> sizes);

/// `count` matrices of one kind.
struct MatrixSize {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t element_bytes = 1;
    std::int64_t count = 1;
};

/// Throws CapacityError if `what` needs more bytes for these matrices alone than all SRAM has. Sizes that
/// pass multiply without overflow.
void check_fits(const ChipSpec& spec, const std::string& what, std::initializer_list<MatrixSize> matrices);

/// Drops levels that repeat once and joins neighbours that are one longer progression.
[[nodiscard]] std::vector<Level> joined(const std::vector<Level>& levels);

/// Output lane l takes input lane (l + by) % lanes. Precondition: by is not negative.
[[nodiscard]] LaneMap rotation(std::int64_t lanes, std::int64_t by);

} // namespace lpusim::chip
