#pragma once

#include <cstdint>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Where the keys and values of attention live in SRAM. `attention` reads them there and `kv_append` adds to
/// them, so both are made from the same shape.
namespace lpusim::chip {

/// Fp16 keys and values of one layer. Multi-head attention has as many kv_heads as heads, grouped-query
/// attention fewer; absorbed multi-head latent attention has one, whose value is the first part of its key.
struct KvShape {
    std::int64_t capacity = 1; ///< tokens there is room for
    std::int64_t kv_heads = 1;
    std::int64_t qk_dim = 1;
    std::int64_t v_dim = 1;
};

/// A run of neighbouring SRAM slices of a hemisphere.
struct SliceGroup {
    std::int64_t first = 0;
    std::int64_t count = 1;
};

/// The cut. A *unit* is `stacked` KV heads that share weight tiles: unit u is in the west if u is even, else
/// in the east; a single unit is in both, and the hemispheres share its query heads. A *tile* is up to
/// `tile_keys` tokens.
///
/// Keys are weights: a weight column is one token, its lanes the dims of the unit's heads one after the other
/// (in `k_steps` parts where they are more than the lanes). Values are weights too, stored transposed: a
/// column is one dim of one head (in `v_parts` parts), its lanes the tokens of a tile. Column c of a tile is
/// in slice c % width, word c / width, of the low bytes' slices and of the high bytes' slices, so that
/// `width` columns load in a cycle.
struct KvLayout {
    KvShape shape;
    std::int64_t width = 0; ///< columns a load cycle carries
    std::int64_t stacked = 1;
    std::int64_t units = 0;
    std::int64_t tile_keys = 0;
    std::int64_t tiles = 0; ///< that hold `capacity` tokens
    std::int64_t k_steps = 1;
    std::int64_t k_step_lanes = 0;
    std::int64_t v_parts = 1;
    std::int64_t v_part_columns = 0;
    std::int64_t k_loads = 0;   ///< load cycles of a tile of keys, words it takes in each slice
    std::int64_t v_loads = 0;   ///< of a tile of values
    std::int64_t first = 0;     ///< first slice: low bytes; high bytes are `width` slices on
    std::int64_t ones_word = 0; ///< v_loads words behind keys and values hold columns of ones

    [[nodiscard]] bool on_both_sides() const { return units == 1; }
    /// Units of one hemisphere, and the number of its unit `index`.
    [[nodiscard]] std::int64_t units_of(Hemisphere side) const {
        return on_both_sides() ? 1 : (units + (side == Hemisphere::West ? 1 : 0)) / 2;
    }
    [[nodiscard]] std::int64_t unit(Hemisphere side, std::int64_t index) const {
        return on_both_sides() ? 0 : 2 * index + (side == Hemisphere::West ? 0 : 1);
    }
    /// KV heads of a unit; the last one may have fewer.
    [[nodiscard]] std::int64_t heads_of(std::int64_t unit) const;

    /// Words, by place of the unit in its hemisphere.
    [[nodiscard]] std::int64_t k_word(std::int64_t unit_index, std::int64_t tile, std::int64_t step) const {
        return ((unit_index * tiles + tile) * k_steps + step) * k_loads;
    }
    [[nodiscard]] std::int64_t v_word(std::int64_t unit_index, std::int64_t part, std::int64_t tile) const {
        return k_word(units_of(Hemisphere::West), 0, 0) +
               ((unit_index * v_parts + part) * tiles + tile) * v_loads;
    }
    /// The low (0) or high (1) bytes.
    [[nodiscard]] SliceGroup slices(std::int64_t byte) const { return {first + byte * width, width}; }
};

/// Slices of a hemisphere between the VXM and the keys: what attention works in.
inline constexpr std::int64_t kAttentionWorkSlices = 14;

/// Throws ValueError for a shape or chip that no attention fits (sizes below 1, too few planes, streams or
/// slices), CapacityError when the keys and values do not fit.
[[nodiscard]] KvLayout kv_layout(const ChipSpec& spec, const KvShape& shape);

/// Tensors "k" (capacity x kv_heads * qk_dim) and "v" (capacity x kv_heads * v_dim) of the layout.
[[nodiscard]] Tensor key_tensor(const KvLayout& layout, Tensor::Role role);
[[nodiscard]] Tensor value_tensor(const KvLayout& layout, Tensor::Role role);

} // namespace lpusim::chip
