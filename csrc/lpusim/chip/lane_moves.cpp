#include "lpusim/chip/lane_moves.h"

#include <algorithm>
#include <array>
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
        std::vector<std::int64_t> from(static_cast<std::size_t>(square));
        std::memset(out, 0, static_cast<std::size_t>(square * stream_bytes()));
        for (std::int64_t stream = 0; stream < square; ++stream) {
            const std::int64_t down = stream / side, right = stream % side;
            for (std::int64_t lane = 0; lane < square; ++lane) {
                const std::int64_t row = (lane / side + down) % side, column = (lane % side + right) % side;
                from[static_cast<std::size_t>(lane)] = row * side + column;
            }
            std::uint8_t* to = out + stream * stream_bytes();
            for_superlanes([&](std::int64_t at) {
                for (std::size_t lane = 0; lane < from.size(); ++lane) {
                    to[at + static_cast<std::int64_t>(lane)] = a[at + from[lane]];
                }
            });
        }
    }

    void transpose() const {
        if (lanes_per_superlane == kSide) {
            transpose_by_shuffles();
            return;
        }
        for_superlanes([&](std::int64_t at) {
            for (std::int64_t stream = 0; stream < lanes_per_superlane; ++stream) {
                std::uint8_t* to = out + stream * stream_bytes() + at;
                for (std::int64_t lane = 0; lane < lanes_per_superlane; ++lane) {
                    to[lane] = a[lane * stream_bytes() + at + stream];
                }
            }
        });
    }

    /// The published width. Streams lie far apart, often a multiple of a page, so that a cache holds few of
    /// their lines at once: they are taken and left in whole lines.
    void transpose_by_shuffles() const {
        constexpr std::int64_t kLine = 64;
        std::array<std::array<std::uint8_t, kLine>, kSide> near;
        for (std::int64_t at = 0; at < stream_bytes(); at += kLine) {
            const auto taken = static_cast<std::size_t>(std::min(kLine, stream_bytes() - at));
            const std::uint8_t* from = a + at;
            for (auto& line : near) {
                std::memcpy(line.data(), from, taken);
                from += stream_bytes();
            }
            for (std::size_t lane = 0; lane < taken; lane += kSide) {
                std::array<std::uint8_t, kSide * kSide> square;
                for (std::size_t row = 0; row < kSide; ++row) {
                    std::memcpy(square.data() + row * kSide, near[row].data() + lane, kSide);
                }
                turn(square);
                for (std::size_t row = 0; row < kSide; ++row) {
                    std::memcpy(near[row].data() + lane, square.data() + row * kSide, kSide);
                }
            }
            std::uint8_t* to = out + at;
            for (const auto& line : near) {
                std::memcpy(to, line.data(), taken);
                to += stream_bytes();
            }
        }
    }

    static constexpr std::size_t kSide = 16;

    /// Interleaving the halves of 2^8 bytes rotates the bits of their indices by one place; four times
    /// exchanges the four bits of the row with those of the column.
    static void turn(std::array<std::uint8_t, kSide * kSide>& square) {
        std::array<std::uint8_t, kSide * kSide> shuffled;
        const auto interleave = [](const auto& from, auto& to) {
            for (std::size_t i = 0; i < from.size() / 2; ++i) {
                to[2 * i] = from[i];
                to[2 * i + 1] = from[i + from.size() / 2];
            }
        };
        for (int twice = 0; twice < 2; ++twice) {
            interleave(square, shuffled);
            interleave(shuffled, square);
        }
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
