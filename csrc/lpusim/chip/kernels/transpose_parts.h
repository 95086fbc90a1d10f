#pragma once

#include <algorithm>
#include <cstdint>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/kernels/kernels_move.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// What planning and building a transpose share.
namespace lpusim::chip {

/// Streams, and slices, of the addresses of a Gather or Scatter.
inline constexpr std::int64_t kMapBytes = dtype_bytes(DType::Int16);

/// Where things are, for any shape. The west has addresses, then the input, then the same addresses again:
/// the first ones pass the input on their way to the SXM of the west, the others on their way to that of the
/// east. The east has the output, then its addresses, which pass it on their way back from the SXM.
struct TransposeFloor {
    std::int64_t east_planes = 0; ///< the first planes of a step, permuted in the SXM of the east
    std::int64_t west_planes = 0; ///< the others
    std::int64_t alu_planes = 0;  ///< that one ALU turns round
    std::int64_t hops = 0;        ///< from the VXM to an SXM

    // Eastward streams: the first planes on 0 .. before their permute, addresses, all planes before the
    // transpose.
    std::int64_t addresses_east = 0;
    std::int64_t together = 0;
    // Westward streams in the east: the first planes on 0 .. after their permute, addresses, transposed
    // planes.
    std::int64_t addresses_out = 0;
    std::int64_t transposed = 0;
    // Westward streams in the west, where nobody reads those any more: addresses, the other planes.
    static constexpr std::int64_t kAddressesWest = 0;
    static constexpr std::int64_t kPlanesWest = kMapBytes;

    // First slices; the near addresses of the west and the output start at slice 0.
    std::int64_t input = 0;
    std::int64_t far_addresses = 0;
    std::int64_t out_addresses = 0;
};

/// Throws ValueError for a chip without the streams, SXM queues or ALUs.
[[nodiscard]] TransposeFloor transpose_floor(const ChipSpec& spec, std::int64_t sets);

/// Words of a bank, and banks of a slice, that addresses of two bytes reach.
[[nodiscard]] inline std::int64_t addressed_words(const ChipSpec& spec) {
    return std::min<std::int64_t>(spec.mem_words_per_slice / spec.mem_banks_per_slice, 1 << 16);
}

[[nodiscard]] inline std::int64_t addressed_banks(const ChipSpec& spec) {
    return std::min(spec.mem_banks_per_slice, (1 << 16) / addressed_words(spec));
}

/// A tile takes `superlanes` words of each of its slices, all in one bank.
[[nodiscard]] inline std::int64_t tiles_per_bank(const ChipSpec& spec) {
    return addressed_words(spec) / spec.superlanes;
}

[[nodiscard]] inline std::int64_t tiles_per_set(const ChipSpec& spec) {
    return tiles_per_bank(spec) * addressed_banks(spec);
}

/// Tiles of set `part` of a byte plane that lie in `bank`. None has more than those of part 0.
[[nodiscard]] inline std::int64_t tiles_in(const ChipSpec& spec, const TransposePlan& plan, std::int64_t part,
                                           std::int64_t bank) {
    const std::int64_t before = part * tiles_per_set(spec) + bank * tiles_per_bank(spec);
    return std::clamp<std::int64_t>(plan.tiles() - before, 0, tiles_per_bank(spec));
}

/// Chunks of the last tile: of a side as long as `size`.
[[nodiscard]] inline std::int64_t last_chunks(const ChipSpec& spec, std::int64_t size) {
    return ((size - 1) % spec.lanes()) / spec.lanes_per_superlane + 1;
}

/// "x" or "out": the tile of the input's number t has words from t * superlanes of its bank on.
[[nodiscard]] Tensor transpose_matrix(const ChipSpec& spec, const TransposePlan& plan,
                                      const TransposeFloor& floor, Tensor::Role role, std::int64_t rows,
                                      std::int64_t columns);

/// "gather" or "scatter" (role Input or Output of the matrix they are for), a row for every bank, diagonal
/// and tile of it: superlane s has word (s + diagonal) or (s - diagonal), modulo superlanes, of the tile.
[[nodiscard]] Tensor transpose_addresses(const ChipSpec& spec, const TransposePlan& plan,
                                         const TransposeFloor& floor, Tensor::Role role);

} // namespace lpusim::chip
