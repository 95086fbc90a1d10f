#pragma once

#include <string>

#include "lpusim/timeline/timeline.h"

namespace lpusim::timeline {

/// The timeline as a Perfetto protobuf trace, ready for ui.perfetto.dev or `trace_processor`.
///
/// Perfetto counts nanoseconds: every time is floored to one, which keeps order and nesting and moves an
/// event by less than 1 ns. The exact picoseconds stand beside each slice as the annotations `start_ps` and
/// `duration_ps`. Names are written once (interned); tracks keep the order given.
///
/// Slices on one track must nest: each lies inside or outside every other. Throws ValueError where two
/// overlap in part, and for all that `validate` refuses. Same timeline, same bytes. Cost: one sort of the
/// slices, about 50 bytes each.
[[nodiscard]] std::string to_perfetto(const Timeline& timeline);

} // namespace lpusim::timeline
