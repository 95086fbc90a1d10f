#include <string_view>

#include "lpusim/base/errors.h"
#include "lpusim/chip/fuzz/program_checks.h"
#include "lpusim/chip/text/program_binary.h"
#include "lpusim/chip/text/text.h"

using namespace lpusim;

/// What `parse` understands survives as text and as bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    chip::Program program;
    try {
        program = chip::parse({reinterpret_cast<const char*>(data), size}, chip::kFuzzExpandedBytesMax);
    } catch (const ValueError&) {
        return 0;
    }
    chip::require(chip::parse(chip::to_text(program)) == program);
    chip::require(chip::decode(chip::encode(program)) == program);
    chip::meet_the_verifier(program);
    return 0;
}
