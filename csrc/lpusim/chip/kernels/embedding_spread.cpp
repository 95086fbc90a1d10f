#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/embedding_parts.h"

namespace lpusim::chip {

namespace {

/// Byte planes that one ALU takes.
constexpr std::int64_t kGroupPlanes = dtype_bytes(DType::Int32);
/// Of two bytes, but for the last one, which stands for none.
constexpr std::int64_t kAddresses = (1 << 16) - 1;
/// A bit of a leaf's number is in its low byte, so that it also chooses among int8.
constexpr std::int64_t kLeavesMax = 256;

VxmImmediate whole(std::int64_t value) {
    return {static_cast<std::int32_t>(value)};
}

std::int64_t bit_floor(std::int64_t value) {
    return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(value)));
}

std::int64_t bits_below(std::int64_t count) {
    return std::bit_width(static_cast<std::uint64_t>(count - 1));
}

std::int64_t bank_words(const ChipSpec& spec) {
    return spec.mem_words_per_slice / spec.mem_banks_per_slice;
}

/// Builds the look-up of one table.
class SpreadLookup {
  public:
    SpreadLookup(const EmbeddingShape& shape, const TableSpread& spread, EmbeddingSchedule& lookup)
        : shape_(shape), spread_(spread), lookup_(lookup), schedule_(lookup.schedule),
          spec_(lookup.schedule.spec()),
          group_columns_(kGroupPlanes / dtype_bytes(shape.dtype) * spec_.lanes()),
          groups_(div_ceil(shape.columns, group_columns_)), depth_(bits_below(spread.leaves)) {
        std::vector<std::int16_t> same(static_cast<std::size_t>(spec_.lanes_per_superlane));
        std::iota(same.begin(), same.end(), std::int16_t{0});
        same_lanes_ = schedule_.lane_map({"same", std::move(same)});
    }

    void build() {
        start();
        for (std::int64_t first = 0; first < groups_; first += spread_.groups) {
            look_up(first, std::min(first + spread_.groups, groups_));
        }
    }

  private:
    /// Finds when the windows' first vectors can meet the numbers of the windows at the VXM.
    void start() {
        const std::int64_t vxm = vxm_position(spec_);
        const std::int64_t latency = spec_.vxm_alu_latency_cycles;
        const Flow above = schedule_.vxm(VxmOp::And, {lookup_.id, whole(-spread_.window)});
        const Flow number =
            schedule_.vxm(VxmOp::ShiftRight, {above, whole(bits_below(spread_.window))}, DType::Int32);
        const std::size_t kept = schedule_.scratch(DType::Int32, {{shape_.tokens}});
        schedule_.write(kept, number);
        address_ = checked_address(schedule_, lookup_.id, shape_.entries,
                                   static_cast<std::int32_t>(spread_.window - 1));
        const std::int64_t hops = vxm - sxm_position(spec_, Hemisphere::West);
        // From an address to what it reads, both at the VXM, less two operations on the number.
        const std::int64_t way = 2 * hops + spec_.sxm_distribute_latency_cycles +
                                 spec_.mem_map_latency_cycles + spec_.mem_read_latency_cycles - latency;
        const std::vector<Level> levels{{shape_.tokens, lookup_.period, 1}};
        const auto cycle = [&] { return schedule_.arrival(address_, vxm) + way; };
        const std::int64_t late = std::max<std::int64_t>(schedule_.readable(kept, vxm) - cycle(), 0);
        std::int64_t passes = div_ceil(late, latency) + lookup_.period;
        while (cycle() < schedule_.readable(kept, vxm) || !schedule_.can_read(kept, vxm, cycle(), levels)) {
            if (passes-- == 0) {
                throw NoRoom("SRAM is too busy to read the numbers of windows");
            }
            address_ = schedule_.vxm(VxmOp::Pass, {address_});
        }
        number_ = schedule_.read(kept, vxm, cycle(), levels);
    }

    /// All rounds for groups [first, last) of columns.
    void look_up(std::int64_t first, std::int64_t last) {
        std::vector<std::vector<std::size_t>> blocks; // of a group's leaves, of the rounds that share slices
        std::vector<std::vector<Flow>> found;         // words of each group
        for (std::int64_t round = 0; round < spread_.rounds; ++round) {
            const std::int64_t first_window = round * spread_.leaves;
            const std::int64_t leaves =
                std::clamp<std::int64_t>(spread_.windows - first_window, 0, spread_.leaves);
            if (leaves == 0) {
                break;
            }
            const std::int64_t bank = round % spread_.banks;
            if (bank == 0) {
                blocks.clear();
                for (std::int64_t group = first; group < last; ++group) {
                    blocks.push_back(leaf_blocks(group, first_window, leaves));
                }
            }
            // Sides take turns, so that both halves of the chip fill alike.
            const std::int64_t first_side = round / spread_.banks % 2;
            const auto maps = addresses(bank, first_side, leaves);
            Flow number = schedule_.vxm(VxmOp::Sub, {number_, whole(first_window)});
            std::vector<Flow> bits; // of the number of a leaf, one for each level of the tree, in its cycle
            for (std::int64_t level = 0; level < depth_; ++level) {
                bits.push_back(schedule_.vxm(VxmOp::And, {number, whole(std::int64_t{1} << level)}));
                if (round > 0 || level + 1 < depth_) {
                    number = passed(number);
                }
            }
            const std::optional<Flow> here =
                round > 0 ? std::optional(schedule_.vxm(VxmOp::LessEqual, {whole(0), number})) : std::nullopt;
            for (std::int64_t group = first; group < last; ++group) {
                const auto index = static_cast<std::size_t>(group - first);
                std::vector<Flow> words = picked(group, blocks[index], leaves, bank, maps, bits);
                if (round == 0) {
                    found.push_back(std::move(words));
                    continue;
                }
                for (std::size_t i = 0; i < words.size(); ++i) {
                    // The word so far was there one operation earlier where it was not the first.
                    Flow& word = found[index][i];
                    word = schedule_.delayed(word, round == 1 ? lookup_.gap : lookup_.gap - 1);
                    word = schedule_.vxm(VxmOp::Select, {words[i], word, *here});
                }
            }
            address_ = schedule_.delayed(address_, lookup_.gap);
            number_ = schedule_.delayed(number_, lookup_.gap);
        }
        for (std::int64_t group = first; group < last; ++group) {
            const std::vector<Flow>& words = found[static_cast<std::size_t>(group - first)];
            const std::size_t block = schedule_.block(lookup_.out, 0, group * group_columns_,
                                                      {{shape_.tokens, 1, 0}}, across(group));
            schedule_.write(block, words.size() == 1 ? words.front() : schedule_.beside(words, shape_.dtype));
        }
    }

    [[nodiscard]] Flow passed(const Flow& value) { return schedule_.vxm(VxmOp::Pass, {value}); }

    /// The vectors of a group's columns, side by side.
    [[nodiscard]] TensorLoop across(std::int64_t group) const {
        const std::int64_t columns = std::min(shape_.columns - group * group_columns_, group_columns_);
        return {div_ceil(columns, spec_.lanes()), 0, spec_.lanes()};
    }

    /// A block for each leaf: its windows in the banks of the rounds that share its slices.
    [[nodiscard]] std::vector<std::size_t> leaf_blocks(std::int64_t group, std::int64_t first_window,
                                                       std::int64_t leaves) {
        std::vector<std::size_t> blocks;
        for (std::int64_t leaf = 0; leaf < leaves; ++leaf) {
            const std::int64_t left = spread_.windows - first_window - leaf;
            const std::int64_t banks = std::min(spread_.banks, div_ceil(left, spread_.leaves));
            const std::int64_t words = banks == 1 ? spread_.window : bank_words(spec_);
            blocks.push_back(
                schedule_.block(lookup_.table, (first_window + leaf) * spread_.window, group * group_columns_,
                                {{banks, spread_.leaves * spread_.window, 0}, {words, 1, 0}}, across(group)));
        }
        return blocks;
    }

    /// Addresses in a bank on their way inward, in a hemisphere.
    struct Inward {
        Flow map;
        Hemisphere side = Hemisphere::West;
    };

    /// For one leaf after the other, those of one side and the other in turn.
    [[nodiscard]] std::vector<Inward> addresses(std::int64_t bank, std::int64_t first_side,
                                                std::int64_t leaves) {
        std::vector<Inward> maps;
        for (std::int64_t turn = 0; turn < std::min<std::int64_t>(leaves, 2); ++turn) {
            const auto side = static_cast<Hemisphere>((first_side + turn) % 2);
            Flow made = schedule_.vxm(VxmOp::Add, {address_, whole(bank * bank_words(spec_))});
            made.streams = dtype_bytes(DType::Int16);
            maps.push_back({schedule_.sxm(side, SxmOp::Distribute, same_lanes_, made), side});
        }
        return maps;
    }

    /// What the leaf of this number has, as words of as many byte planes as an ALU can take.
    [[nodiscard]] std::vector<Flow> picked(std::int64_t group, const std::vector<std::size_t>& blocks,
                                           std::int64_t leaves, std::int64_t bank,
                                           const std::vector<Inward>& maps, const std::vector<Flow>& bits) {
        const std::int64_t planes = across(group).count * dtype_bytes(shape_.dtype);
        std::vector<std::vector<Flow>> words(planes == kGroupPlanes ? 1 : static_cast<std::size_t>(planes));
        for (std::int64_t leaf = 0; leaf < leaves; ++leaf) {
            const Inward& inward = maps[static_cast<std::size_t>(leaf % 2)];
            Flow read =
                schedule_.gather(blocks[static_cast<std::size_t>(leaf)], inward.map, inward.side, bank);
            read.dtype = DType::Int32;
            for (std::size_t plane = 0; plane < words.size(); ++plane) {
                words[plane].push_back(planes == kGroupPlanes ? read
                                                              : KernelSchedule::byte_plane(
                                                                    read, static_cast<std::int64_t>(plane)));
            }
        }
        std::vector<Flow> roots;
        for (std::vector<Flow>& level : words) {
            for (const Flow& bit : bits) {
                std::vector<Flow> next;
                for (std::size_t i = 0; i < level.size(); i += 2) {
                    next.push_back(i + 1 < level.size()
                                       ? schedule_.vxm(VxmOp::Select, {level[i + 1], level[i], bit})
                                       : passed(level[i]));
                }
                level = std::move(next);
            }
            roots.push_back(level.front());
        }
        return roots;
    }

    const EmbeddingShape& shape_;
    const TableSpread& spread_;
    EmbeddingSchedule& lookup_;
    KernelSchedule& schedule_;
    const ChipSpec& spec_;
    std::int64_t group_columns_;
    std::int64_t groups_;
    std::int64_t depth_; ///< of the tree of a round
    std::int64_t same_lanes_ = 0;
    Flow address_; ///< of the next round
    Flow number_;  ///< of the window, for the next round
};

} // namespace

std::int64_t embedding_window_max(const ChipSpec& spec) {
    return std::min(bank_words(spec), kAddresses);
}

TableSpread spread_table(const ChipSpec& spec, const EmbeddingShape& shape) {
    const std::int64_t bytes = dtype_bytes(shape.dtype);
    const std::int64_t planes = div_ceil(shape.columns, spec.lanes()) * bytes;
    TableSpread spread;
    spread.window = bit_floor(embedding_window_max(spec));
    spread.windows = div_ceil(shape.entries, spread.window);
    spread.banks = std::clamp<std::int64_t>(kAddresses / bank_words(spec), 1, spec.mem_banks_per_slice);
    // Half of the streams carry a round; the others are left to what else is on its way.
    const std::int64_t streams = spec.streams_per_direction / 2;
    spread.groups = std::clamp<std::int64_t>(streams / kGroupPlanes, 1, div_ceil(planes, kGroupPlanes));
    const std::int64_t leaf_planes = std::min(planes, spread.groups * kGroupPlanes);
    // As many words an ALU takes at a time, which half of the ALUs pick from in a round.
    const std::int64_t words = leaf_planes / kGroupPlanes + leaf_planes % kGroupPlanes;
    const std::int64_t picks = spec.vxm_alus / 2 / words;
    const std::int64_t leaves_max =
        std::clamp<std::int64_t>(std::min(2 * (streams / leaf_planes), picks), 2, kLeavesMax);
    const std::int64_t slots = div_ceil(spread.windows, spread.banks);
    const std::int64_t turns = div_ceil(slots, leaves_max);
    spread.leaves = div_ceil(slots, turns);
    spread.rounds = turns * spread.banks;

    std::int64_t slots_used = 0;
    for (std::int64_t first = 0; first < spread.windows; first += spread.banks * spread.leaves) {
        slots_used += std::min(spread.windows - first, spread.leaves);
    }
    const std::int64_t sets = div_ceil(shape.tokens, spec.mem_words_per_slice);
    const std::int64_t others = sets * (planes + 2 * dtype_bytes(DType::Int32));
    if (slots_used * planes + others > spec.mem_slices()) {
        const std::int64_t slice_bytes = spec.mem_words_per_slice * spec.lanes();
        throw CapacityError("a table of " + std::to_string(shape.entries) + " x " +
                                std::to_string(shape.columns) + " " + to_string(shape.dtype) + " takes " +
                                std::to_string(slots_used * planes) + " SRAM slices, ids and rows of " +
                                std::to_string(shape.tokens) + " tokens " + std::to_string(others) +
                                "; the chip has " + std::to_string(spec.mem_slices()),
                            saturating_multiply(slots_used * planes + others, slice_bytes), spec.mem_bytes());
    }
    return spread;
}

void look_up_spread(const EmbeddingShape& shape, const TableSpread& spread, EmbeddingSchedule& lookup) {
    SpreadLookup(shape, spread, lookup).build();
}

} // namespace lpusim::chip
