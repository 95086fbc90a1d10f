#pragma once

#include <cstddef>
#include <cstdint>

#include "lpusim/chip/kernels/kernel_schedule.h"

/// What the two ways to look a table up share.
namespace lpusim::chip {

struct EmbeddingShape {
    std::int64_t tokens = 0;
    std::int64_t entries = 0;
    std::int64_t columns = 0;
    DType dtype = DType::Fp16;
};

/// A look-up that is being built: its tensors, and the ids of all tokens, each on every lane.
struct EmbeddingSchedule {
    KernelSchedule& schedule;
    std::size_t table = 0;
    std::size_t out = 0;
    std::int64_t period = 0; ///< cycles from token to token
    std::int64_t gap = 0;    ///< operations from round to round of a spread table
    Flow id;
};

/// Entries of a table that lie in one bank, at addresses of two bytes, of which the last is never used.
[[nodiscard]] std::int64_t embedding_window_max(const ChipSpec& spec);

/// id & mask, or -1, which is no address, for an id that is not in the table.
[[nodiscard]] Flow checked_address(KernelSchedule& schedule, const Flow& id, std::int64_t entries,
                                   std::int32_t mask);

/// How a table is spread over banks. Windows, numbered from 0, are `window` entries each, a power of two.
/// Round r of `rounds` has windows r * leaves on, in bank r mod banks of slices of their own, which the next
/// `banks` rounds share. Columns go by groups of four byte planes (the last one may have fewer), of which
/// `groups` are looked up at the same time.
struct TableSpread {
    std::int64_t window = 0;
    std::int64_t windows = 0;
    std::int64_t banks = 0;
    std::int64_t leaves = 0;
    std::int64_t rounds = 0;
    std::int64_t groups = 0;
};

/// Throws CapacityError if the table and its rows need more slices than the chip has.
[[nodiscard]] TableSpread spread_table(const ChipSpec& spec, const EmbeddingShape& shape);

/// Every window is read at the id modulo `window`, and the VXM picks the one whose number is the id over
/// `window`. The ids pass the slices on their way back from an SXM, so that all that is read in a round
/// reaches the VXM in one cycle, where a tree of selects, a bit of the number each, leaves one; rounds follow
/// each other, and the last one whose windows do not start behind the id's wins.
void look_up_spread(const EmbeddingShape& shape, const TableSpread& spread, EmbeddingSchedule& lookup);

} // namespace lpusim::chip
