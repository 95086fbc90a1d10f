#pragma once

#include <cstdint>

#include "lpusim/chip/kernels/attention.h"
#include "lpusim/chip/kernels/layout.h"

/// What the planner and the builder of attention both need to know.
namespace lpusim::chip {

inline constexpr std::int64_t kSideAlus = 7; ///< ALUs of a hemisphere

/// Slices of a hemisphere, from the VXM outward. What the VXM writes lies further in than what feeds the MXM,
/// so that its outward streams are free again where weights are driven.
struct AttentionWork {
    static constexpr SliceGroup scores{0, 4};
    static constexpr SliceGroup maxima{4, 4}; ///< of rows; later 1 / sum
    static constexpr SliceGroup probabilities{8, 2};
    static constexpr SliceGroup extra{10, 2};      ///< mask; sums of probabilities; fp16 outputs
    static constexpr SliceGroup lane_maxima{8, 4}; ///< both: maxima before lanes are compared
    static constexpr SliceGroup queries{12, 2};

    bool every_mask = false; ///< one for each number of keys that a tile may show, else two
    std::int64_t mask_words = 0;
    std::int64_t row_word = 0; ///< behind it: maxima before lanes are compared; later sums of probabilities
    SliceGroup out;
    std::int64_t out_word = 0;

    /// The mask that shows the first `keys` keys of a tile.
    [[nodiscard]] std::int64_t mask_word(const KvLayout& kv, std::int64_t keys) const {
        return every_mask ? keys - 1 : keys == kv.tile_keys ? 1 : 0;
    }
};
[[nodiscard]] AttentionWork work_of(const AttentionPlan& plan, const ChipSpec& spec);

/// Tiles that query `query` sees, and keys it sees of the last one.
[[nodiscard]] std::int64_t tiles_seen(const AttentionShape& shape, const KvLayout& kv, std::int64_t query);
[[nodiscard]] std::int64_t last_tile_keys(const AttentionShape& shape, const KvLayout& kv,
                                          std::int64_t query);

/// Tiles `tile` .. tile + tiles - 1 of a round, all for the same queries: from `query_first` (of the round)
/// to its last.
struct TileGroup {
    std::int64_t tile = 0;
    std::int64_t tiles = 1;
    std::int64_t query_first = 0;
    std::int64_t queries = 0;
};
[[nodiscard]] std::vector<TileGroup> tile_groups(const AttentionRound& round);

/// Cycles between events, counted at the first lane group.
struct AttentionTiming {
    const ChipSpec& spec;

    [[nodiscard]] std::int64_t mxm_hops() const { return vxm_position(spec); }
    [[nodiscard]] std::int64_t sxm_hops() const { return vxm_position(spec) - 1; }
    [[nodiscard]] std::int64_t row_cycles() const { return spec.mxm_fp16_cycles; }
    [[nodiscard]] std::int64_t alu() const { return spec.vxm_alu_latency_cycles; }
    [[nodiscard]] std::int64_t function() const { return spec.vxm_function_latency_cycles; }

    /// Hops from the VXM to the nearest and farthest slice of a group.
    [[nodiscard]] std::int64_t near(SliceGroup group) const { return mem_distance(spec, group.first); }
    [[nodiscard]] std::int64_t far(SliceGroup group) const {
        return mem_distance(spec, group.first + group.count - 1);
    }
    /// From the first load of a tile to the first activation that uses it.
    [[nodiscard]] std::int64_t load_lead(std::int64_t loads) const;
    /// From the first activation of a tile to that of the next, which takes `next_loads` to load.
    [[nodiscard]] std::int64_t pass(std::int64_t next_loads, std::int64_t rows) const;
    /// From an activation at the MXM to its sums at the VXM.
    [[nodiscard]] std::int64_t sums_latency() const;
    /// From driven at the VXM to the first cycle in which a read from `group` sees it.
    [[nodiscard]] std::int64_t stored(SliceGroup group) const {
        return far(group) + spec.mem_write_latency_cycles + 1;
    }
    /// The same to back at the VXM, or at a unit `hops` from it.
    [[nodiscard]] std::int64_t back_at_vxm(SliceGroup group) const {
        return stored(group) + spec.mem_read_latency_cycles + far(group);
    }
    [[nodiscard]] std::int64_t out_at(std::int64_t hops, SliceGroup group) const {
        return stored(group) + spec.mem_read_latency_cycles + hops - near(group);
    }

    // Of the powers phase, from a score at the VXM.
    [[nodiscard]] std::int64_t probability_issue() const { return 2 * alu() + function(); }
    [[nodiscard]] std::int64_t add_issue() const { return probability_issue() + 2 * alu(); }
    [[nodiscard]] std::int64_t sum_issue() const { return add_issue() + alu(); }

    // Of the comparison of lanes.
    /// Copies of a vector that are compared in one trip.
    [[nodiscard]] std::int64_t lane_copies() const;
    [[nodiscard]] std::int64_t lane_trips() const;
    /// From a vector at the SXM to its maximum with the copies driven, and back at the SXM.
    [[nodiscard]] std::int64_t lane_latency() const {
        return spec.sxm_permute_latency_cycles + sxm_hops() + (lane_copies() > 2 ? 2 : 1) * alu();
    }
    [[nodiscard]] std::int64_t lane_trip() const { return lane_latency() + sxm_hops(); }
    /// From the first of `rows` vectors at the SXM to the last result driven. As many vectors as a trip takes
    /// cycles go round together, then the next ones.
    [[nodiscard]] std::int64_t lane_cycles(std::int64_t rows) const {
        const std::int64_t together = (rows - 1) / lane_trip();
        return together * lane_trips() * lane_trip() + (rows - 1) % lane_trip() +
               (lane_trips() - 1) * lane_trip() + lane_latency();
    }
    /// From the result of the VXM's output phase to the last write it makes.
    [[nodiscard]] std::int64_t output_latency(DType output) const {
        return output == DType::Fp16 ? 2 * alu() : alu();
    }
};

} // namespace lpusim::chip
