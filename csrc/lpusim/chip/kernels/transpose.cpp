#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/kernels/transpose_parts.h"

namespace lpusim::chip {

namespace {

/// A block of steps in time order: diagonals [first_diagonal, first_diagonal + diagonals) of `tiles` tiles in
/// one bank of one set, tile by tile within a diagonal.
struct Block {
    std::int64_t set = 0;
    std::int64_t bank = 0;
    std::int64_t first_diagonal = 0;
    std::int64_t diagonals = 0;
    std::int64_t tiles = 0;
    std::int64_t first_step = 0;

    [[nodiscard]] std::int64_t steps() const { return diagonals * tiles; }
};

class Transposer {
  public:
    Transposer(const ChipSpec& spec, const TransposePlan& plan, std::int64_t rows, std::int64_t columns)
        : spec_(spec), plan_(plan), floor_(transpose_floor(spec, plan.sets)), rows_(rows), columns_(columns) {
    }

    [[nodiscard]] Program build() {
        using enum Tensor::Role;
        program_.tensors = {transpose_matrix(spec_, plan_, floor_, Input, rows_, columns_),
                            transpose_matrix(spec_, plan_, floor_, Output, columns_, rows_),
                            transpose_addresses(spec_, plan_, floor_, Input),
                            transpose_addresses(spec_, plan_, floor_, Output)};
        for (std::int64_t turn = 0; turn < spec_.superlanes; ++turn) {
            program_.maps.push_back(rotation(spec_.lanes(), turn * spec_.lanes_per_superlane));
        }
        for (const Block& block : blocks()) {
            read_and_write(block);
            permute(block);
        }
        turn_round();
        start_at_zero();
        return std::move(program_);
    }

  private:
    [[nodiscard]] std::int64_t sets_per_byte() const { return plan_.sets / dtype_bytes(plan_.dtype); }

    struct Place {
        Hemisphere hemisphere = Hemisphere::West;
        std::int64_t slice = 0;
    };

    /// All steps. The last tile is the only one that may need fewer diagonals.
    [[nodiscard]] std::vector<Block> blocks() const {
        const std::int64_t corner_rows = last_chunks(spec_, rows_);
        std::vector<Block> all;
        std::int64_t step = 0;
        const auto add = [&](Block block) {
            block.first_step = step;
            step += block.steps();
            if (block.steps() > 0) {
                all.push_back(block);
            }
        };
        // The set that is nearest to the VXM, so that its output has the longest way, comes last.
        for (std::int64_t set = plan_.sets - 1; set >= 0; --set) {
            const std::int64_t part = set % sets_per_byte();
            for (std::int64_t bank = 0; bank < addressed_banks(spec_); ++bank) {
                const std::int64_t tiles = tiles_in(spec_, plan_, part, bank);
                const bool last =
                    part * tiles_per_set(spec_) + bank * tiles_per_bank(spec_) + tiles == plan_.tiles();
                if (!last || plan_.corner_diagonals == spec_.superlanes) {
                    add({set, bank, 0, spec_.superlanes, tiles});
                    continue;
                }
                const std::int64_t idle = spec_.superlanes - plan_.corner_diagonals;
                add({set, bank, 0, corner_rows, tiles});
                add({set, bank, corner_rows, idle, tiles - 1});
                add({set, bank, corner_rows + idle, spec_.superlanes - corner_rows - idle, tiles});
                break;
            }
        }
        assert(step == plan_.steps);
        return all;
    }

    // Cycles count from the first Transpose. Each of these is when step 0 is at a unit.
    [[nodiscard]] std::int64_t at_vxm() const { return -floor_.hops - spec_.vxm_alu_latency_cycles; }
    [[nodiscard]] std::int64_t at_permute(Hemisphere side) const {
        const std::int64_t ready = side == Hemisphere::East ? at_vxm() - floor_.hops : -2 * floor_.hops;
        return ready - spec_.sxm_permute_latency_cycles;
    }

    void emit(QueueId queue, std::int64_t issue, const Instruction& instruction,
              const std::vector<Level>& levels, SliceRange slices = {}) {
        program_.runs.push_back({queue, issue, instruction, joined(levels), slices});
    }

    /// Slices whose work is on one diagonal of `direction`, which is at `position` in `cycle`.
    void on_diagonal(Hemisphere hemisphere, std::int64_t slice, std::int64_t count, Direction direction,
                     std::int64_t position, std::int64_t cycle, const MemAccess& access,
                     const std::vector<Level>& levels) {
        SliceRange range;
        if (count > 1) {
            range.count = count;
            (access.read ? range.stream_stride : range.write_stream_stride) = 1;
            range.follow = direction;
        }
        const std::int64_t here = mem_position(spec_, hemisphere, slice);
        const std::int64_t hops = hops_along(direction, here) - hops_along(direction, position);
        emit({Unit::Mem, hemisphere, slice}, cycle + hops, access, levels, range);
    }

    /// Addresses of the block that pass `position` in `cycle`.
    void send_addresses(const Block& block, Place place, StreamRef to, std::int64_t position,
                        std::int64_t cycle) {
        std::int64_t first = block.first_diagonal * tiles_in(spec_, plan_, 0, block.bank);
        for (std::int64_t bank = 0; bank < block.bank; ++bank) {
            first += spec_.superlanes * tiles_in(spec_, plan_, 0, bank);
        }
        on_diagonal(
            place.hemisphere, place.slice, kMapBytes, to.direction, position,
            cycle - spec_.mem_read_latency_cycles, {MemRead{first, to}, {}},
            {{block.diagonals, block.tiles, tiles_in(spec_, plan_, 0, block.bank)}, {block.tiles, 1, 1}});
    }

    void read_and_write(const Block& block) {
        const std::int64_t first = block.bank * addressed_words(spec_);
        const std::int64_t window =
            tiles_in(spec_, plan_, block.set % sets_per_byte(), block.bank) * spec_.superlanes;
        const std::vector<Level> each_step{{block.steps(), 1}};
        const std::int64_t slice = block.set * spec_.lanes_per_superlane;
        const std::int64_t ready = spec_.mem_map_latency_cycles + spec_.mem_read_latency_cycles;
        const auto gather = [&](Hemisphere side, Place addresses, StreamRef map, std::int64_t plane,
                                std::int64_t planes, std::int64_t stream) {
            if (planes == 0) {
                return;
            }
            const std::int64_t position = sxm_position(spec_, side);
            const std::int64_t cycle = at_permute(side) + block.first_step - ready;
            send_addresses(block, addresses, map, position, cycle);
            on_diagonal(Hemisphere::West, floor_.input + slice + plane, planes, map.direction, position,
                        cycle, {MemRead{first, {map.direction, stream}, AddressMap{map, window}}, {}},
                        each_step);
        };
        gather(Hemisphere::East, {Hemisphere::West, floor_.far_addresses},
               {Direction::East, floor_.addresses_east}, 0, floor_.east_planes, 0);
        gather(Hemisphere::West, {Hemisphere::West, 0}, {Direction::West, TransposeFloor::kAddressesWest},
               floor_.east_planes, floor_.west_planes, TransposeFloor::kPlanesWest);

        const std::int64_t position = sxm_position(spec_, Hemisphere::East);
        const std::int64_t cycle = spec_.sxm_transpose_latency_cycles + block.first_step;
        const StreamRef map{Direction::West, floor_.addresses_out};
        send_addresses(block, {Hemisphere::East, floor_.out_addresses}, map, position, cycle);
        on_diagonal(Hemisphere::East, slice, spec_.lanes_per_superlane, Direction::West, position, cycle,
                    {{}, MemWrite{first, {Direction::West, floor_.transposed}, AddressMap{map, window}}},
                    each_step);
    }

    /// Turns every plane of diagonal d by d superlanes.
    void permute(const Block& block) {
        for (std::int64_t i = 0; i < block.diagonals; ++i) {
            const std::int64_t diagonal = block.first_diagonal + i;
            SxmMove move;
            move.op = SxmOp::Permute;
            move.argument = (spec_.superlanes - diagonal) % spec_.superlanes;
            const std::int64_t step = block.first_step + i * block.tiles;
            for (std::int64_t plane = 0; plane < spec_.lanes_per_superlane; ++plane) {
                const bool east = plane < floor_.east_planes;
                const std::int64_t queue = east ? plane : plane - floor_.east_planes;
                move.a = east ? StreamRef{Direction::East, plane}
                              : StreamRef{Direction::West, TransposeFloor::kPlanesWest + queue};
                move.to = east ? StreamRef{Direction::West, plane}
                               : StreamRef{Direction::East, floor_.together + plane};
                const Hemisphere side = east ? Hemisphere::East : Hemisphere::West;
                emit({Unit::Sxm, side, queue}, at_permute(side) + step, move, {{block.tiles, 1}});
            }
        }
    }

    /// Planes of the east turn round at the VXM and meet those of the west, to be transposed.
    void turn_round() {
        const std::vector<Level> each_step{{plan_.steps, 1}};
        const DType word = floor_.alu_planes == 4 ? DType::Int32 : DType::Int8;
        for (std::int64_t alu = 0; alu * floor_.alu_planes < floor_.east_planes; ++alu) {
            const std::int64_t plane = alu * floor_.alu_planes;
            emit({Unit::Vxm, Hemisphere::West, alu}, at_vxm(),
                 VxmCompute{VxmOp::Pass,
                            word,
                            word,
                            VxmStream{{Direction::West, plane}},
                            {},
                            StreamRef{Direction::East, floor_.together + plane}},
                 each_step);
        }
        emit({Unit::Sxm, Hemisphere::East, floor_.east_planes}, 0,
             SxmMove{SxmOp::Transpose,
                     0,
                     {Direction::East, floor_.together},
                     {},
                     {Direction::West, floor_.transposed}},
             each_step);
    }

    void start_at_zero() {
        std::int64_t first = std::numeric_limits<std::int64_t>::max();
        for (const InstructionRun& run : program_.runs) {
            for (const std::int64_t slice : {std::int64_t{0}, run.slices.count - 1}) {
                first = std::min(first, issue_on_slice(run, slice, spec_));
            }
        }
        for (InstructionRun& run : program_.runs) {
            run.issue -= first;
        }
    }

    const ChipSpec& spec_;
    const TransposePlan& plan_;
    TransposeFloor floor_;
    std::int64_t rows_;
    std::int64_t columns_;
    Program program_;
};

} // namespace

Program transpose(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype) {
    const TransposePlan plan = plan_transpose(spec, rows, columns, dtype);
    return Transposer(spec, plan, rows, columns).build();
}

} // namespace lpusim::chip
