#include "lpusim/chip/validate_tensor.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::chip {

namespace {

struct Element {
    std::int64_t row = 0;
    std::int64_t column = 0;
};

/// Which elements of a tensor its pieces hold. A vector lies along a line (a column of the matrix if its
/// lanes are rows, else a row). Lines are cut into blocks, as large as the places where vectors begin and end
/// allow.
class Coverage {
  public:
    explicit Coverage(const Tensor& tensor) : tensor_(tensor), block_(tensor.lanes) {
        for (const TensorPiece& piece : tensor.pieces) {
            block_ = std::gcd(block_, along(piece.row, piece.column));
            for (const TensorLoop& loop : piece.loops) {
                block_ = std::gcd(block_, along(loop.row_stride, loop.column_stride));
            }
        }
        line_count_ = along(tensor.columns, tensor.rows);
        block_count_ = div_ceil(along(tensor.rows, tensor.columns), block_);
    }

    [[nodiscard]] std::optional<Element> first_missing() {
        held_.assign(static_cast<std::size_t>(block_count_ * line_count_), 0);
        for (const TensorPiece& piece : tensor_.pieces) {
            hold(piece);
        }
        const void* const hole = std::memchr(held_.data(), 0, held_.size());
        if (hole == nullptr) {
            return std::nullopt;
        }
        const std::int64_t at = static_cast<const std::uint8_t*>(hole) - held_.data();
        const std::int64_t line = at % line_count_;
        const std::int64_t place = at / line_count_ * block_;
        return tensor_.lanes_along_rows ? Element{place, line} : Element{line, place};
    }

  private:
    /// The one that grows along the lanes.
    [[nodiscard]] std::int64_t along(std::int64_t of_row, std::int64_t of_column) const {
        return tensor_.lanes_along_rows ? of_row : of_column;
    }

    struct Step {
        std::int64_t lines = 0;
        std::int64_t blocks = 0;
        std::int64_t count = 1;
    };

    /// The order of its loops makes no difference: those that go on where shorter ones end are one run of
    /// lines.
    void hold(const TensorPiece& piece) {
        std::vector<Step> steps;
        steps.reserve(piece.loops.size());
        for (const TensorLoop& loop : piece.loops) {
            steps.push_back({along(loop.column_stride, loop.row_stride),
                             along(loop.row_stride, loop.column_stride) / block_, loop.count});
        }
        std::ranges::sort(steps, {}, [](const Step& step) { return std::pair(step.blocks, step.lines); });
        std::int64_t run = 1;
        std::size_t joined = 0;
        while (joined < steps.size() && steps[joined].blocks == 0 && steps[joined].lines <= run) {
            run += steps[joined].lines * (steps[joined].count - 1);
            ++joined;
        }
        hold(std::span(steps).subspan(joined), along(piece.column, piece.row),
             along(piece.row, piece.column) / block_, run);
    }

    /// A run of `run` lines for each point of `steps`, the first one from `line` and `block` on.
    void hold(std::span<const Step> steps, std::int64_t line, std::int64_t block, std::int64_t run) {
        if (steps.empty()) {
            return hold_lines(line, run, block);
        }
        for (std::int64_t i = 0; i < steps.front().count; ++i) {
            hold(steps.subspan(1), line + i * steps.front().lines, block + i * steps.front().blocks, run);
        }
    }

    /// A vector on each of `count` lines; what lies outside the matrix is padding.
    void hold_lines(std::int64_t line, std::int64_t count, std::int64_t block) {
        const std::int64_t line_end = std::min(line_count_, line + count);
        const std::int64_t block_end = std::min(block_count_, block + tensor_.lanes / block_);
        for (; line < line_end && block < block_end; ++block) {
            std::fill_n(held_.begin() + (block * line_count_ + line), line_end - line, std::uint8_t{1});
        }
    }

    const Tensor& tensor_;
    std::int64_t block_;
    std::int64_t line_count_ = 0;
    std::int64_t block_count_ = 0;
    std::vector<std::uint8_t> held_; ///< 0 or 1, block by block
};

} // namespace

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
    need(!tensor.pieces.empty(), "has no piece, so it lies nowhere in SRAM");
    const std::int64_t vectors_max = spec.mem_slices() * spec.mem_words_per_slice;
    std::int64_t vectors_of_all = 0;
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
        // Pieces lie in different places, padding included: what is there bounds their sum and all work on
        // it.
        need(vectors <= chips * vectors_max * (spec.lanes() / tensor.lanes) - vectors_of_all, [&] {
            return "its pieces hold more than the " + std::to_string(sram_bytes) + " bytes of SRAM";
        });
        vectors_of_all += vectors;
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
    const std::int64_t vectors_least = tensor.lanes_along_rows
                                           ? tensor.columns * div_ceil(tensor.rows, tensor.lanes)
                                           : tensor.rows * div_ceil(tensor.columns, tensor.lanes);
    const auto shape = [&] { return std::to_string(tensor.rows) + " x " + std::to_string(tensor.columns); };
    need(vectors_of_all >= vectors_least, [&] {
        return "its pieces have " + std::to_string(vectors_of_all) + " vectors, but " + shape() + " with " +
               std::to_string(tensor.lanes) + " lanes along " +
               (tensor.lanes_along_rows ? "rows" : "columns") + " needs " + std::to_string(vectors_least);
    });
    const std::optional<Element> missing = Coverage(tensor).first_missing();
    need(!missing, [&] {
        return "no piece holds row " + std::to_string(missing->row) + ", column " +
               std::to_string(missing->column) + " of its " + shape();
    });
}

} // namespace lpusim::chip
