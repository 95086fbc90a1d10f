#pragma once

#include <string>
#include <string_view>

#include "lpusim/chip/program.h"

/// The text form of a program: one run, tensor or piece a line; `#` starts a comment.
///
///     tensor a input int8 3 x 300 lanes 320 columns
///     piece w.8 address 0 row 0 column 0 loop 3 row 1 address 1
///     @0  mem.w.12..27 read 100 -> w.0 each stream 1 follow w repeat 20 every 1 address 1
///     @9  mem.e.3 read 5 -> w.2 write 7 <- e.4
///     @20 mxm.w.0.weights load 0 <- w.0 streams 16 repeat 20 every 1 address 16
///     @41 mxm.w.0.weights install
///     @42 mxm.w.0.activations activate int8 <- w.31
///     @62 mxm.w.0.accumulators start 0 -> e.0
///     @70 vxm.3 add_sat int32 e.0, w.4 -> e.8
///     @71 vxm.4 shift_right int32 to int8 alu.3, =5 -> e.4
///     @72 mem.w.0 sync
///
/// Without `@cycle` a run on a single queue issues right after the last one of its queue; `QUEUE nop N` waits
/// N cycles.
/// `=` is an immediate: an integer, raw bits (=0x3f800000) or an fp32 number (=1.5f).
namespace lpusim::chip {

/// Throws ValueError with line and column of the first thing it cannot read. Does not check against any spec.
[[nodiscard]] Program parse(std::string_view text);

/// parse(to_text(p)) == p for every program.
[[nodiscard]] std::string to_text(const Program& program);

/// The instruction alone, such as "read 5 -> e.0": no cycle, queue, range or repeat.
[[nodiscard]] std::string instruction_text(const Instruction& instruction);

} // namespace lpusim::chip
