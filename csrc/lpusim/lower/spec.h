#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/field.h"

namespace lpusim::lower {

/// How programs are laid out on the machine: choices of a compiler that nobody published.
struct LowerSpec {
    std::int64_t page_tokens = 128;
    std::int64_t chunk_tokens_max = 32;
    std::int64_t chunk_occupancy_percent = 200;
    std::int64_t workspace_permille = 50;
    std::int64_t vector_pass_overhead_cycles = 16;
};

[[nodiscard]] std::span<const Field<LowerSpec>> lower_fields();

/// Throws ValueError for a field outside its range.
void validate(const LowerSpec& spec);

} // namespace lpusim::lower
