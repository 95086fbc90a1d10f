#include <algorithm>
#include <utility>

#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/transpose_parts.h"

namespace lpusim::chip {

Tensor transpose_matrix(const ChipSpec& spec, const TransposePlan& plan, const TransposeFloor& floor,
                        Tensor::Role role, std::int64_t rows, std::int64_t columns) {
    const bool output = role == Tensor::Role::Output;
    const std::int64_t lanes = spec.lanes();
    const std::int64_t width = spec.lanes_per_superlane;
    Tensor tensor{output ? "out" : "x", role, plan.dtype, rows, columns, false, lanes, {}};
    for (std::int64_t tile = 0; tile < plan.tiles(); ++tile) {
        const std::int64_t down = tile / plan.tiles_across * lanes;
        const std::int64_t across = tile % plan.tiles_across * lanes;
        const std::int64_t in_set = tile % tiles_per_set(spec);
        TensorPiece piece;
        piece.hemisphere = output ? Hemisphere::East : Hemisphere::West;
        piece.slice = (output ? 0 : floor.input) + tile / tiles_per_set(spec) * width;
        piece.address = in_set / tiles_per_bank(spec) * addressed_words(spec) +
                        in_set % tiles_per_bank(spec) * spec.superlanes;
        piece.row = output ? across : down;
        piece.column = output ? down : across;
        piece.byte_slices = plan.sets / dtype_bytes(plan.dtype) * width;
        const std::int64_t left = rows - piece.row;
        piece.loops = {{std::min(spec.superlanes, div_ceil(left, width)), width, 0, 0, 1},
                       {std::min(width, left), 1, 0, 1, 0}};
        std::erase_if(piece.loops, [](const TensorLoop& loop) { return loop.count == 1; });
        tensor.pieces.push_back(std::move(piece));
    }
    return tensor;
}

Tensor transpose_addresses(const ChipSpec& spec, const TransposePlan& plan, const TransposeFloor& floor,
                           Tensor::Role role) {
    const bool output = role == Tensor::Role::Output;
    const std::int64_t superlanes = spec.superlanes;
    const std::int64_t columns = (superlanes - 1) * spec.lanes_per_superlane + 1;
    Tensor tensor{
        output ? "scatter" : "gather", Tensor::Role::Constant, DType::Int16, 0, columns, false, columns, {}};
    const auto add_row = [&](std::int64_t first_word, std::int64_t diagonal) {
        const std::size_t row = tensor.data.size();
        tensor.data.resize(row + static_cast<std::size_t>(columns * kMapBytes));
        for (std::int64_t superlane = 0; superlane < superlanes; ++superlane) {
            const std::int64_t turned = superlane + (output ? superlanes - diagonal : diagonal);
            const auto address = static_cast<std::uint64_t>(first_word + turned % superlanes);
            const auto lane = static_cast<std::size_t>(superlane * spec.lanes_per_superlane);
            tensor.data[row + lane * kMapBytes] = static_cast<std::uint8_t>(address);
            tensor.data[row + lane * kMapBytes + 1] = static_cast<std::uint8_t>(address >> 8U);
        }
        ++tensor.rows;
    };
    for (std::int64_t bank = 0; bank < addressed_banks(spec); ++bank) {
        for (std::int64_t diagonal = 0; diagonal < superlanes; ++diagonal) {
            for (std::int64_t tile = 0; tile < tiles_in(spec, plan, 0, bank); ++tile) {
                add_row(bank * addressed_words(spec) + tile * superlanes, diagonal);
            }
        }
    }
    TensorPiece piece;
    piece.hemisphere = output ? Hemisphere::East : Hemisphere::West;
    piece.slice = output ? floor.out_addresses : 0;
    if (tensor.rows > 1) {
        piece.loops = {{tensor.rows, 1, 0, 0, 1}};
    }
    tensor.pieces = {piece};
    if (!output) {
        piece.slice = floor.far_addresses;
        tensor.pieces.push_back(std::move(piece));
    }
    return tensor;
}

} // namespace lpusim::chip
