#include "lpusim/chip/lane_moves.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "lpusim/chip/access.h"

namespace lpusim::chip {

namespace {

struct LaneMover {
    std::int64_t lanes;
    std::int64_t lanes_per_superlane;
    std::int64_t rows;
    const std::uint8_t* a;
    const std::uint8_t* b;
    std::uint8_t* out;

    [[nodiscard]] std::int64_t stream_bytes() const { return rows * lanes; }

    /// Calls visit(offset of the vector) for each row.
    template <class Visit>
    void for_rows(const Visit& visit) const {
        for (std::int64_t at = 0; at < stream_bytes(); at += lanes) {
            visit(at);
        }
    }

    /// Calls visit(offset of its first lane) for each superlane of each row.
    template <class Visit>
    void for_superlanes(const Visit& visit) const {
        for (std::int64_t at = 0; at < stream_bytes(); at += lanes_per_superlane) {
            visit(at);
        }
    }

    void shift(std::int64_t distance) const {
        const std::int64_t from = std::max<std::int64_t>(0, -distance);
        const std::int64_t to = std::max<std::int64_t>(0, distance);
        const auto kept = static_cast<std::size_t>(lanes - from - to);
        std::memset(out, 0, static_cast<std::size_t>(stream_bytes()));
        for_rows([&](std::int64_t at) { std::memcpy(out + at + to, a + at + from, kept); });
    }

    void select(std::int64_t first_of_b) const {
        for_rows([&](std::int64_t at) {
            std::memcpy(out + at, a + at, static_cast<std::size_t>(first_of_b));
            std::memcpy(out + at + first_of_b, b + at + first_of_b,
                        static_cast<std::size_t>(lanes - first_of_b));
        });
    }

    void map(const std::vector<std::int16_t>& from, std::int64_t at) const {
        for (std::size_t lane = 0; lane < from.size(); ++lane) {
            out[at + static_cast<std::int64_t>(lane)] = from[lane] < 0 ? std::uint8_t{0} : a[at + from[lane]];
        }
    }

    void rotate(std::int64_t side) const {
        const std::int64_t square = side * side;
        std::memset(out, 0, static_cast<std::size_t>(square * stream_bytes()));
        for (std::int64_t stream = 0; stream < square; ++stream) {
            const std::int64_t down = stream / side, right = stream % side;
            std::uint8_t* to = out + stream * stream_bytes();
            for_superlanes([&](std::int64_t at) {
                for (std::int64_t lane = 0; lane < square; ++lane) {
                    const std::int64_t row = (lane / side + down) % side;
                    const std::int64_t column = (lane % side + right) % side;
                    to[at + lane] = a[at + row * side + column];
                }
            });
        }
    }

    void transpose() const {
        for_superlanes([&](std::int64_t at) {
            for (std::int64_t stream = 0; stream < lanes_per_superlane; ++stream) {
                std::uint8_t* to = out + stream * stream_bytes() + at;
                for (std::int64_t lane = 0; lane < lanes_per_superlane; ++lane) {
                    to[lane] = a[lane * stream_bytes() + at + stream];
                }
            }
        });
    }
};

} // namespace

void move_lanes(const SxmMove& move, const Program& program, const ChipSpec& spec, const std::uint8_t* a,
                const std::uint8_t* b, std::int64_t rows, std::uint8_t* out) {
    const LaneMover mover{spec.lanes(), spec.lanes_per_superlane, rows, a, b, out};
    const auto lane_map = [&]() -> const std::vector<std::int16_t>& {
        return program.maps[static_cast<std::size_t>(move.argument)].lanes;
    };
    switch (move.op) {
    case SxmOp::Shift:
        return mover.shift(move.argument);
    case SxmOp::Select:
        assert(b != nullptr);
        return mover.select(move.argument);
    case SxmOp::Permute:
        return mover.for_rows([&](std::int64_t at) { mover.map(lane_map(), at); });
    case SxmOp::Distribute:
        return mover.for_superlanes([&](std::int64_t at) { mover.map(lane_map(), at); });
    case SxmOp::Rotate:
        return mover.rotate(move.argument);
    case SxmOp::Transpose:
        return mover.transpose();
    }
}

} // namespace lpusim::chip
