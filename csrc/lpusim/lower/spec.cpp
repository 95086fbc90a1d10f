#include "lpusim/lower/spec.h"

#include <array>

namespace lpusim::lower {

std::span<const Field<LowerSpec>> lower_fields() {
    static constexpr std::array<Field<LowerSpec>, 5> fields{{
        {"page_tokens", "tokens", 1, 65536, "tokens of context in one page of the KV cache",
         &LowerSpec::page_tokens},
        {"chunk_tokens_max", "tokens", 1, 4096, "the most prompt tokens one pipeline item carries",
         &LowerSpec::chunk_tokens_max},
        {"chunk_occupancy_percent", "1/100", 100, 1e6,
         "the most a prompt item may hold a stage, relative to a decode token: larger ones delay what "
         "follows",
         &LowerSpec::chunk_occupancy_percent},
        {"workspace_permille", "1/1000", 0, 900,
         "share of SRAM kept for activations, instructions and staging", &LowerSpec::workspace_permille},
        {"vector_pass_overhead_cycles", "cycles", 0, 1e6,
         "latency of one pass through the vector unit beyond stream transit",
         &LowerSpec::vector_pass_overhead_cycles},
    }};
    return fields;
}

void validate(const LowerSpec& spec) {
    validate_fields<LowerSpec>("LowerSpec", spec, lower_fields());
}

} // namespace lpusim::lower
