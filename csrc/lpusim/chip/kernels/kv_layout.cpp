#include "lpusim/chip/kernels/kv_layout.h"

#include <algorithm>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"

namespace lpusim::chip {

namespace {

void need(const char* what, std::int64_t least, std::int64_t got) {
    if (got < least) {
        throw ValueError("keys and values need at least " + std::to_string(least) + " " + what + ", got " +
                         std::to_string(got));
    }
}

/// Hemispheres that hold a unit, with its place there.
template <class Visit>
void for_units(const KvLayout& layout, const Visit& visit) {
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        for (std::int64_t index = 0; index < layout.units_of(side); ++index) {
            visit(side, index, layout.unit(side, index));
        }
    }
}

} // namespace

std::int64_t KvLayout::heads_of(std::int64_t unit) const {
    return std::min(stacked, shape.kv_heads - unit * stacked);
}

KvLayout kv_layout(const ChipSpec& spec, const KvShape& shape) {
    check_sizes(spec, {{"capacity", shape.capacity},
                       {"kv_heads", shape.kv_heads},
                       {"qk_dim", shape.qk_dim},
                       {"v_dim", shape.v_dim}});
    need("MXM planes in a hemisphere, a pair for fp16", 2, spec.mxm_planes_per_hemisphere);
    need("streams a direction: four for scores and four for maxima", 8, spec.streams_per_direction);
    need("SRAM slices in a hemisphere: two for keys and values, the others to work in",
         kAttentionWorkSlices + 2, spec.mem_slices_per_hemisphere);
    constexpr std::int64_t kBytes = 2; // fp16
    check_fits(spec,
               "a cache of " + std::to_string(shape.capacity) + " tokens and " +
                   std::to_string(shape.kv_heads) + " KV heads",
               {{shape.capacity, shape.qk_dim, kBytes, shape.kv_heads},
                {shape.capacity, shape.v_dim, kBytes, shape.kv_heads}});

    KvLayout layout;
    layout.shape = shape;
    const std::int64_t lanes = spec.lanes();
    // One pair of streams is left for activations.
    layout.width = std::min({spec.mxm_load_streams, (spec.streams_per_direction - 2) / 2,
                             (spec.mem_slices_per_hemisphere - kAttentionWorkSlices) / 2, lanes});
    layout.tile_keys = lanes / layout.width * layout.width;
    layout.tiles = div_ceil(shape.capacity, layout.tile_keys);
    const std::int64_t fit = std::min(lanes / shape.qk_dim, layout.tile_keys / shape.v_dim);
    layout.stacked = std::max<std::int64_t>(1, std::min(fit, div_ceil(shape.kv_heads, 2)));
    layout.units = div_ceil(shape.kv_heads, layout.stacked);
    layout.k_steps = layout.stacked > 1 ? 1 : div_ceil(shape.qk_dim, lanes);
    layout.k_step_lanes = div_ceil(layout.stacked * shape.qk_dim, layout.k_steps);
    layout.v_parts = layout.stacked > 1 ? 1 : div_ceil(shape.v_dim, layout.tile_keys);
    layout.v_part_columns = div_ceil(layout.stacked * shape.v_dim, layout.v_parts);
    layout.k_loads = layout.tile_keys / layout.width;
    layout.v_loads = div_ceil(layout.v_part_columns, layout.width);
    layout.first = kAttentionWorkSlices;

    const std::int64_t unit_words =
        checked_add(checked_multiply(layout.k_steps, layout.k_loads), layout.v_parts * layout.v_loads);
    const std::int64_t tiles = checked_multiply(layout.units_of(Hemisphere::West), layout.tiles);
    const std::int64_t words = checked_add(checked_multiply(tiles, unit_words), layout.v_loads);
    if (words > spec.mem_words_per_slice) {
        const std::int64_t word_bytes = 4 * layout.width * lanes; // low and high bytes, both hemispheres
        throw CapacityError("keys and values of " + std::to_string(shape.capacity) + " tokens and " +
                                std::to_string(shape.kv_heads) + " KV heads need " + std::to_string(words) +
                                " words in each of their " + std::to_string(4 * layout.width) +
                                " SRAM slices; a slice has " + std::to_string(spec.mem_words_per_slice),
                            checked_multiply(words, word_bytes), spec.mem_words_per_slice * word_bytes);
    }
    layout.ones_word = words - layout.v_loads;
    return layout;
}

Tensor key_tensor(const KvLayout& layout, Tensor::Role role) {
    const KvShape& shape = layout.shape;
    Tensor keys{
        "k", role, DType::Fp16, shape.capacity, shape.kv_heads * shape.qk_dim, false, layout.k_step_lanes,
        {}};
    for_units(layout, [&](Hemisphere side, std::int64_t index, std::int64_t unit) {
        for (std::int64_t step = 0; step < layout.k_steps; ++step) {
            TensorPiece piece{side,
                              layout.first,
                              layout.k_word(index, 0, step),
                              0,
                              unit * layout.stacked * shape.qk_dim + step * layout.k_step_lanes,
                              {{layout.tiles, layout.tile_keys, 0, 0, layout.k_steps * layout.k_loads},
                               {layout.k_loads, layout.width, 0, 0, 1},
                               {layout.width, 1, 0, 1, 0}}};
            piece.byte_slices = layout.width;
            keys.pieces.push_back(piece);
        }
    });
    return keys;
}

Tensor value_tensor(const KvLayout& layout, Tensor::Role role) {
    const KvShape& shape = layout.shape;
    Tensor values{
        "v", role, DType::Fp16, shape.capacity, shape.kv_heads * shape.v_dim, true, layout.tile_keys, {}};
    for_units(layout, [&](Hemisphere side, std::int64_t index, std::int64_t unit) {
        for (std::int64_t part = 0; part < layout.v_parts; ++part) {
            const std::int64_t skipped = part * layout.v_part_columns;
            const std::int64_t columns =
                std::min(layout.v_part_columns, layout.stacked * shape.v_dim - skipped);
            const auto add = [&](std::int64_t load, std::int64_t loads, std::int64_t width) {
                TensorPiece piece{side,
                                  layout.first,
                                  layout.v_word(index, part, 0) + load,
                                  0,
                                  unit * layout.stacked * shape.v_dim + skipped + load * layout.width,
                                  {{layout.tiles, layout.tile_keys, 0, 0, layout.v_loads},
                                   {loads, 0, layout.width, 0, 1},
                                   {width, 0, 1, 1, 0}}};
                piece.byte_slices = layout.width;
                values.pieces.push_back(piece);
            };
            const std::int64_t whole = columns / layout.width, rest = columns % layout.width;
            if (whole > 0)
                add(0, whole, layout.width);
            if (rest > 0)
                add(whole, 1, rest);
        }
    });
    return values;
}

} // namespace lpusim::chip
