#include "lpusim/chip/fuzz/program_checks.h"

#include <cstdlib>

#include "lpusim/base/errors.h"
#include "lpusim/chip/proof/verify.h"

namespace lpusim::chip {

namespace {

/// As small as every instruction allows.
ChipSpec small_spec() {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.mem_words_per_slice = 64;
    spec.mxm_accumulator_vectors = 16;
    return spec;
}

bool is_cheap(const Program& program) {
    constexpr std::int64_t kRunsMax = 32, kInstancesMax = 4096;
    std::int64_t left = kInstancesMax;
    for (const InstructionRun& run : program.runs) {
        // Valid: counts are at least 1 and slices few.
        std::int64_t instances = run.slices.count;
        for (const Level& level : run.repeat) {
            if (level.count > left / instances) {
                return false;
            }
            instances *= level.count;
        }
        left -= instances;
        if (left < 0) {
            return false;
        }
    }
    return program.runs.size() <= kRunsMax && program.chips <= 2;
}

} // namespace

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void meet_the_verifier(const Program& program) {
    static const ChipSpec spec = small_spec();
    try {
        validate(program, spec);
        if (is_cheap(program)) {
            (void)verify(program, spec);
        }
    } catch (const ValueError&) {
        return;
    }
}

} // namespace lpusim::chip
