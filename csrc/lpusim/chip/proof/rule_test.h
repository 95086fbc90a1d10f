#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

/// What tests of the machine's rules share; compiled into the tests only. The chip is small enough to follow
/// by hand: two superlanes of four lanes, eleven positions (VXM at 5, SXM at 1 and 9, MXM at 0 and 10), four
/// slices a side at distance 1, 1, 2, 3 from the VXM.
namespace lpusim::chip {

inline ChipSpec small_spec() {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.streams_per_direction = 8;
    spec.positions = 11;
    spec.mem_slices_per_hemisphere = 4;
    spec.mem_words_per_slice = 16;
    spec.mxm_load_streams = 4;
    spec.mxm_accumulator_vectors = 4;
    spec.vxm_alus = 4;
    spec.mxm_activate_latency_cycles = 3;
    spec.sxm_shift_latency_cycles = 3;
    spec.sxm_permute_latency_cycles = 5;
    return spec;
}

/// What `text` says, and then `more`.
inline Program program_of(const std::string& text, const std::vector<InstructionRun>& more = {}) {
    Program program = parse(text);
    program.runs.insert(program.runs.end(), more.begin(), more.end());
    return program;
}

/// The outcome, which must be the same in both engines.
inline Run run_both(const Program& program, const ChipSpec& spec, const Memory& memory = {}) {
    const Run slow = tick(program, spec, memory, true);
    const Run fast = fold(program, spec, memory, true);
    CHECK((slow.error == fast.error));
    CHECK(slow.cycles == fast.cycles);
    CHECK((slow.memory == fast.memory));
    return slow;
}

inline std::string short_name(ViolationClass kind) {
    switch (kind) {
    case ViolationClass::QueueBusy:
        return "busy";
    case ViolationClass::QueueParked:
        return "parked";
    case ViolationClass::SyncLost:
        return "lost";
    case ViolationClass::AddressRange:
        return "range";
    case ViolationClass::StreamEmpty:
        return "empty";
    case ViolationClass::OperandGone:
        return "gone";
    case ViolationClass::ReceiveEmpty:
        return "receive";
    case ViolationClass::StreamCollision:
        return "collision";
    case ViolationClass::ResultCollision:
        return "result";
    case ViolationClass::BankConflict:
        return "bank";
    case ViolationClass::ResourceBusy:
        return "held";
    case ViolationClass::ShadowBusy:
        return "shadow";
    case ViolationClass::LoadsUnfinished:
        return "unfinished";
    case ViolationClass::WeightsMissing:
        return "weights";
    case ViolationClass::Data:
        break;
    }
    return "data";
}

/// "" if legal, otherwise "class@tau"; the same with values (of empty SRAM) and without.
inline std::string error_of(const Program& program, const ChipSpec& spec) {
    const Run run = run_both(program, spec);
    CHECK((run.error == tick(program, spec, {}, false).error));
    CHECK((run.error == fold(program, spec, {}, false).error));
    if (!run.error) {
        return "";
    }
    return short_name(run.error->kind) + "@" + std::to_string(run.error->tau);
}

using Bytes = std::vector<std::uint8_t>;

inline Bytes vector_at(const Memory& memory, std::int64_t slice, std::int64_t address) {
    const std::uint8_t* bytes = memory.read(slice, address);
    return {bytes, bytes + memory.lanes()};
}

inline void put(Memory& memory, std::int64_t slice, std::int64_t address, const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), memory.write(slice, address));
}

} // namespace lpusim::chip
