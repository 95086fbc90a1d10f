#pragma once

#include <cstdint>
#include <string>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/text/line.h"

/// Readers of the words that name a place: queues, slices and streams.
namespace lpusim::chip {

struct QueueRange {
    QueueId queue;
    std::int64_t count = 1;
};

/// "mem.w.3", "mem.w.3..8", "mxm.e.0.weights", "vxm.5", "chip1.sxm.w.0". `others` names what else could
/// stand here.
[[nodiscard]] QueueRange take_queue(Line& line, std::string_view others = {});

/// One queue's whole name, outside a program. Throws ValueError saying what was `expected`.
[[nodiscard]] QueueId queue_named(std::string_view name, std::string_view expected);

/// One queue, no range.
[[nodiscard]] QueueId take_single_queue(Line& line);

/// "w.3", "chip1.w.3"; unit Mem.
[[nodiscard]] QueueId take_slice(Line& line);

/// "e.3". `expected` says what may stand here.
[[nodiscard]] StreamRef take_stream(Line& line, std::string_view expected = "a stream such as e.3");

/// "-> e.3", and what is said if it is missing.
[[nodiscard]] StreamRef take_target(Line& line);
/// "<- e.3".
[[nodiscard]] StreamRef take_source(Line& line);

/// "int8", "fp16".
[[nodiscard]] bool next_is_dtype(const Line& line);
[[nodiscard]] DType take_dtype(Line& line);

} // namespace lpusim::chip
