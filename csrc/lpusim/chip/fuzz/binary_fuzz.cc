#include "lpusim/base/errors.h"
#include "lpusim/chip/fuzz/program_checks.h"
#include "lpusim/chip/text/program_binary.h"
#include "lpusim/chip/text/text.h"

using namespace lpusim;

namespace {

bool is_valid(const chip::Program& program) {
    try {
        validate(program, chip::ChipSpec{});
        return true;
    } catch (const ValueError&) {
        return false;
    }
}

} // namespace

/// What `decode` understands survives as bytes, and as text too if it is valid.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    chip::Program program;
    try {
        program = chip::decode({data, size}, chip::kFuzzExpandedBytesMax);
    } catch (const ValueError&) {
        return 0;
    }
    chip::require(chip::decode(chip::encode(program)) == program);
    chip::require(!is_valid(program) || chip::parse(chip::to_text(program)) == program);
    chip::meet_the_verifier(program);
    return 0;
}
