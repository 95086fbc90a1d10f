#include "lpusim/chip/validate_tensor.h"

#include <string>
#include <type_traits>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::chip {

void validate_tensor(const Tensor& tensor, std::int64_t chips, const ChipSpec& spec) {
    const auto need = [&](bool holds, const auto& message) {
        if (!holds) {
            if constexpr (std::is_invocable_v<decltype(message)>) {
                throw ValueError("tensor " + tensor.name + ": " + message());
            } else {
                throw ValueError("tensor " + tensor.name + ": " + message);
            }
        }
    };
    need(is_name(tensor.name), "a name has letters, digits, '_', '.' and '-' only");
    constexpr std::int64_t kSideMax = std::int64_t{1} << 31;
    const auto side_fits = [](std::int64_t side) { return side >= 1 && side <= kSideMax; };
    need(side_fits(tensor.rows) && side_fits(tensor.columns), [&] {
        return "rows and columns must be from 1 to " + std::to_string(kSideMax) + ", got " +
               std::to_string(tensor.rows) + " x " + std::to_string(tensor.columns);
    });
    const std::int64_t sram_bytes = chips * spec.mem_bytes();
    need(tensor.rows * dtype_bytes(tensor.dtype) <= sram_bytes / tensor.columns, [&] {
        return std::to_string(tensor.rows) + " x " + std::to_string(tensor.columns) + " " +
               to_string(tensor.dtype) + " is more than the " + std::to_string(sram_bytes) + " bytes of SRAM";
    });
    need(tensor.lanes >= 1 && tensor.lanes <= spec.lanes(), [&] {
        return "uses from 1 to " + std::to_string(spec.lanes()) + " lanes of a vector, got " +
               std::to_string(tensor.lanes);
    });
    const std::int64_t data_bytes =
        tensor.role == Tensor::Role::Constant ? tensor.rows * tensor.columns * dtype_bytes(tensor.dtype) : 0;
    need(static_cast<std::int64_t>(tensor.data.size()) == data_bytes, [&] {
        return "needs " + std::to_string(data_bytes) + " bytes of data, got " +
               std::to_string(tensor.data.size());
    });
    const std::int64_t vectors_max = spec.mem_slices() * spec.mem_words_per_slice;
    for (const TensorPiece& piece : tensor.pieces) {
        need(piece.byte_slices >= 1 && piece.byte_slices <= spec.mem_slices_per_hemisphere, [&] {
            return "the bytes of an element are from 1 to " + std::to_string(spec.mem_slices_per_hemisphere) +
                   " slices apart, got " + std::to_string(piece.byte_slices);
        });
        need(piece.lane >= 0 && piece.lane <= spec.lanes() - tensor.lanes, [&] {
            return "a piece of " + std::to_string(tensor.lanes) + " lanes starts at lane 0 to " +
                   std::to_string(spec.lanes() - tensor.lanes) + ", got " + std::to_string(piece.lane);
        });
        const std::int64_t slice_low = piece.slice;
        std::int64_t slice_high =
            checked_add(piece.slice, (dtype_bytes(tensor.dtype) - 1) * piece.byte_slices);
        std::int64_t address_low = piece.address, address_high = piece.address;
        need(piece.row >= 0 && piece.row < kSideMax && piece.column >= 0 && piece.column < kSideMax,
             "a piece starts outside");
        std::int64_t vectors = 1;
        for (const TensorLoop& loop : piece.loops) {
            need(loop.count >= 1 && loop.count <= vectors_max / vectors, [&] {
                return "the loops of a piece visit from 1 vector to all " + std::to_string(vectors_max) +
                       " of the SRAM, got a loop of " + std::to_string(loop.count) + " around " +
                       std::to_string(vectors);
            });
            vectors *= loop.count;
            for (const std::int64_t stride :
                 {loop.row_stride, loop.column_stride, loop.slice_stride, loop.address_stride}) {
                need(stride >= 0 && stride <= kSideMax, "strides must not be negative");
            }
            slice_high = checked_add(slice_high, checked_multiply(loop.count - 1, loop.slice_stride));
            address_high = checked_add(address_high, checked_multiply(loop.count - 1, loop.address_stride));
        }
        need(piece.chip >= 0 && piece.chip < chips, [&] {
            return "a piece is on chip " + std::to_string(piece.chip) + ", there are chips 0 to " +
                   std::to_string(chips - 1);
        });
        need(slice_low >= 0 && slice_high < spec.mem_slices_per_hemisphere, [&] {
            return "slices " + std::to_string(slice_low) + " to " + std::to_string(slice_high) +
                   " must lie in 0 to " + std::to_string(spec.mem_slices_per_hemisphere - 1);
        });
        need(address_low >= 0 && address_high < spec.mem_words_per_slice, [&] {
            return "addresses " + std::to_string(address_low) + " to " + std::to_string(address_high) +
                   " must lie in 0 to " + std::to_string(spec.mem_words_per_slice - 1);
        });
    }
}

} // namespace lpusim::chip
