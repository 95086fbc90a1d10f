#include "lpusim/chip/tensor.h"

#include <algorithm>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {

namespace {

void check_size(const Tensor& tensor, std::int64_t size_bytes) {
    const std::int64_t needed =
        checked_multiply(checked_multiply(tensor.rows, tensor.columns), dtype_bytes(tensor.dtype));
    if (size_bytes != needed) {
        throw ValueError("tensor " + tensor.name + " is " + std::to_string(tensor.rows) + " x " +
                         std::to_string(tensor.columns) + " " + to_string(tensor.dtype) + ", which is " +
                         std::to_string(needed) + " bytes, got " + std::to_string(size_bytes));
    }
}

/// Where one vector of a tensor is.
struct VectorPlace {
    std::int64_t slice = 0;
    std::int64_t address = 0;
    std::int64_t row = 0;
    std::int64_t column = 0;
};

/// Calls visit(place) for every vector of the piece, loops outermost first.
template <class Visit>
void for_each_vector(const TensorPiece& piece, const ChipSpec& spec, const Visit& visit) {
    std::vector<std::int64_t> indices(piece.loops.size(), 0);
    VectorPlace place{slice_ordinal(spec, piece.hemisphere, piece.slice, piece.chip), piece.address,
                      piece.row, piece.column};
    const auto move = [&place](const TensorLoop& loop, std::int64_t steps) {
        place.slice += steps * loop.slice_stride;
        place.address += steps * loop.address_stride;
        place.row += steps * loop.row_stride;
        place.column += steps * loop.column_stride;
    };
    for (;;) {
        visit(place);
        std::size_t level = piece.loops.size();
        while (level > 0) {
            --level;
            const TensorLoop& loop = piece.loops[level];
            if (++indices[level] < loop.count) {
                move(loop, 1);
                break;
            }
            move(loop, 1 - loop.count);
            indices[level] = 0;
            if (level == 0) {
                return;
            }
        }
        if (piece.loops.empty()) {
            return;
        }
    }
}

/// Lanes of the vector at `place` that hold elements, and where the first of them is in a row-major matrix.
struct Elements {
    std::int64_t count = 0;
    std::int64_t first = 0;
    std::int64_t step = 1;
};

Elements elements_at(const Tensor& tensor, const VectorPlace& place) {
    if (place.row >= tensor.rows || place.column >= tensor.columns) {
        return {};
    }
    const std::int64_t left =
        tensor.lanes_along_rows ? tensor.rows - place.row : tensor.columns - place.column;
    return {std::min(tensor.lanes, left), place.row * tensor.columns + place.column,
            tensor.lanes_along_rows ? tensor.columns : 1};
}

} // namespace

void store_tensor(const Tensor& tensor, const ChipSpec& spec, Memory& memory, const std::uint8_t* matrix,
                  std::int64_t size_bytes) {
    check_size(tensor, size_bytes);
    const std::int64_t width = dtype_bytes(tensor.dtype);
    for (const TensorPiece& piece : tensor.pieces) {
        for_each_vector(piece, spec, [&](const VectorPlace& place) {
            const Elements elements = elements_at(tensor, place);
            for (std::int64_t byte = 0; byte < width; ++byte) {
                std::uint8_t* vector = memory.write(place.slice + byte * piece.byte_slices, place.address);
                std::fill_n(vector, memory.lanes(), std::uint8_t{0});
                for (std::int64_t lane = 0; lane < elements.count; ++lane) {
                    vector[piece.lane + lane] =
                        matrix[(elements.first + lane * elements.step) * width + byte];
                }
            }
        });
    }
}

void fetch_tensor(const Tensor& tensor, const ChipSpec& spec, const Memory& memory, std::uint8_t* matrix,
                  std::int64_t size_bytes) {
    check_size(tensor, size_bytes);
    const std::int64_t width = dtype_bytes(tensor.dtype);
    std::fill_n(matrix, size_bytes, std::uint8_t{0});
    for (const TensorPiece& piece : tensor.pieces) {
        for_each_vector(piece, spec, [&](const VectorPlace& place) {
            const Elements elements = elements_at(tensor, place);
            for (std::int64_t byte = 0; byte < width; ++byte) {
                const std::uint8_t* vector =
                    memory.read(place.slice + byte * piece.byte_slices, place.address);
                for (std::int64_t lane = 0; lane < elements.count; ++lane) {
                    matrix[(elements.first + lane * elements.step) * width + byte] =
                        vector[piece.lane + lane];
                }
            }
        });
    }
}

Memory starting_memory(const Program& program, const ChipSpec& spec, Memory initial) {
    if (initial.slice_count() == 0) {
        initial = Memory(spec, program.chips);
    }
    for (const Tensor& tensor : program.tensors) {
        if (tensor.role == Tensor::Role::Constant) {
            store_tensor(tensor, spec, initial, tensor.data.data(),
                         static_cast<std::int64_t>(tensor.data.size()));
        }
    }
    return initial;
}

const Tensor& find_tensor(const Program& program, std::string_view name) {
    std::string names;
    for (const Tensor& tensor : program.tensors) {
        if (tensor.name == name) {
            return tensor;
        }
        names += (names.empty() ? "" : ", ") + tensor.name;
    }
    throw ValueError("the program has no tensor named '" + std::string(name) + "'; it has " +
                     (names.empty() ? "none" : names));
}

} // namespace lpusim::chip
