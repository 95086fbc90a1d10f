#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lpusim/chip/program.h"
#include "lpusim/chip/run_lengths.h"

/// The text form of a program: a statement a line; `#` starts a comment.
///
///     chips 2
///     map reverse 319..0
///     tensor a input int8 3 x 300 lanes 320 columns
///     piece w.8 address 0 row 0 column 0 loop 3 row 1 address 1
///     tensor one constant fp32 1 x 300 lanes 320 columns
///     piece chip1.e.0 address 0 row 0 column 0
///     data 0000803f*300
///     @0  mem.w.12..27 read 100 -> w.0 each stream 1 follow w repeat 20 every 1 address 1
///     @9  mem.e.3 read 5 -> w.2 gather 64 <- e.6 write 7 <- e.4
///     @20 mxm.w.0.weights load 0 <- w.0 streams 16 repeat 20 every 1 address 16
///     @41 mxm.w.0.weights install
///     @42 mxm.w.0.activations activate int8 <- w.31
///     @62 mxm.w.0.accumulators start 0 -> e.0
///     @70 vxm.3 add_sat int32 e.0, w.4 -> e.8
///     @71 vxm.4 shift_right int32 to int8 alu.3, =5 -> e.4
///     @71 sxm.w.0 permute reverse e.1 -> e.2
///     @72 chip1.c2c.e.0 receive c2c.w.3 held 4 -> e.7
///     @72 mem.w.0 sync
///
/// Without `@cycle` a run on a single queue issues right after the last one of its queue; `QUEUE nop N` waits
/// N cycles. `=` is an immediate of its operand's type: an integer, an fp32 (=1.5f) or fp16 (=1.5h) number,
/// or raw bits of any type (=0x3f800000).
///
/// For those who write by hand, and gone after `parse`: `load_done:` before a run names the cycle of its
/// issue, `label load_done @38` any cycle, and `@load_done+5` is 5 cycles later, above or below the label.
/// `let act = w.31` names a word; below it, `act` stands for w.31 where a queue, slice, stream or number is
/// expected.
namespace lpusim::chip {

/// Throws ValueError with line and column of the first thing it cannot read. Does not check against any spec.
/// Line ends are LF or CRLF; a byte order mark at the start is skipped. Memory: linear in the text plus
/// `expanded_bytes_max`, beyond which repeated data and lanes are refused. Cost: linear.
[[nodiscard]] Program parse(std::string_view text, std::int64_t expanded_bytes_max = kExpandedBytesMax);

/// The canonical form: no sugar, one spelling for everything. parse(to_text(p)) == p for every program that
/// is valid on some chip and for every one that `parse` gives.
[[nodiscard]] std::string to_text(const Program& program);

/// The instruction alone, such as "read 5 -> e.0": no cycle, queue, range or repeat. Lane maps go by their
/// names in `maps`.
[[nodiscard]] std::string instruction_text(const Instruction& instruction, const std::vector<LaneMap>& maps);

} // namespace lpusim::chip
