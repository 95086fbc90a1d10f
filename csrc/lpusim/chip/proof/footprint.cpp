#include "lpusim/chip/proof/footprint.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <limits>
#include <set>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/fold/streams.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// When a run first touches each address from `range.least` to `range.greatest`, in cycles after its first
/// instance; kNever where it does not. Levels do not overlap in time, so the least index of the outermost
/// level that leads to an address wins, whatever is inside. Cost: addresses in the range x levels.
std::vector<std::int64_t> first_touches(const InstructionRun& run, std::int64_t base,
                                        const AffineAddress::Range& range) {
    std::vector<std::int64_t> first(static_cast<std::size_t>(range.greatest - range.least + 1), kNever);
    const auto size = static_cast<std::int64_t>(first.size());
    first[static_cast<std::size_t>(base - range.least)] = 0;
    for (auto level = run.repeat.rbegin(); level != run.repeat.rend(); ++level) {
        const std::int64_t stride = level->address_stride;
        if (stride == 0 || level->count == 1)
            continue;
        // Chains of addresses a stride apart: each is touched first from the nearest one behind it.
        for (std::int64_t chain = 0; chain < std::min(std::abs(stride), size); ++chain) {
            std::int64_t steps = 0, since = kNever;
            for (std::int64_t at = stride > 0 ? chain : size - 1 - chain; at >= 0 && at < size;
                 at += stride) {
                std::int64_t& cycle = first[static_cast<std::size_t>(at)];
                if (cycle != kNever) {
                    since = cycle;
                    steps = 0;
                } else if (since != kNever && ++steps < level->count) {
                    cycle = since + steps * level->cycles;
                }
            }
        }
    }
    return first;
}

/// The first run in time that touches an accumulator slot, if any does.
struct SlotUse {
    std::int64_t cycle = 0;
    const QueueRun* run = nullptr;
};

class FootprintBuilder {
  public:
    FootprintBuilder(const Program& program, const ChipSpec& spec)
        : program_(program), spec_(spec), numbers_(spec), runs_(queue_runs(program, spec)) {}

    Footprint build() {
        const auto planes = static_cast<std::size_t>(spec_.mxm_planes());
        const auto banks = static_cast<std::size_t>(spec_.mem_slices() * spec_.mem_banks_per_slice);
        made_.queues.resize(numbers_.count());
        made_.streams.resize(static_cast<std::size_t>(2 * spec_.streams_per_direction) * Footprint::kZones);
        made_.bank_reads.resize(banks);
        made_.bank_writes.resize(banks);
        made_.shadows.resize(planes);
        made_.weights.resize(planes);
        made_.cycles = program_cycles(program_, spec_);
        last_loads_.resize(planes);
        last_installs_.resize(planes);
        first_uses_.resize(planes);
        for (const Tensor& tensor : program_.tensors)
            made_.tensors.push_back({tensor.name, {}, {}});
        for (const QueueRun& run : runs_) {
            include_queues(run);
            if (const auto& drive = run.use.stream_drive) {
                const std::int64_t key =
                    stream_key(drive->direction, drive->position, run.issue.first() + drive->offset);
                for (std::int64_t i = 0; i < drive->width; ++i) {
                    include_path(drive->direction, drive->first + i, drive->position, drive->position,
                                 {key, key + run.issue.span()});
                }
            }
            if (run.use.sram_read)
                include_sram(run, *run.use.sram_read, AffineAddress::Side::Read);
            if (run.use.sram_write)
                include_sram(run, *run.use.sram_write, AffineAddress::Side::Write);
            if (run.use.plane)
                include_plane(run, *run.use.plane);
        }
        static_cast<void>(match_streams(program_, runs_, spec_, [&](const StreamMatch& match) {
            const auto& reads = runs_[match.reader].use.stream_reads;
            if (match.operand >= reads.size)
                return; // Not a stream.
            const StreamUse& read = reads.items[match.operand];
            include_path(read.direction, read.first + match.member,
                         runs_[match.driver].use.stream_drive->position, read.position,
                         {match.keys.first(), match.keys.last()});
        }));
        include_parks();
        require_installs();
        require_starts();
        return std::move(made_);
    }

  private:
    [[nodiscard]] const InstructionRun& what(const QueueRun& run) const {
        return program_.runs[static_cast<std::size_t>(run.run)];
    }

    [[nodiscard]] std::size_t zone_of(std::int64_t position) const {
        const std::int64_t middle = vxm_position(spec_);
        return position < middle ? 0 : position == middle ? 1 : 2;
    }

    void include_path(Direction direction, std::int64_t stream, std::int64_t from, std::int64_t to,
                      const UseSpan& keys) {
        const std::int64_t line = direction == Direction::East ? 0 : spec_.streams_per_direction;
        UseSpan* zones = made_.streams.data() + static_cast<std::size_t>(line + stream) * Footprint::kZones;
        const auto [low, high] = std::minmax({zone_of(from), zone_of(to)});
        for (std::size_t zone = low; zone <= high; ++zone)
            zones[zone].include(keys.first, keys.last);
    }

    void include_queues(const QueueRun& run) {
        const std::int64_t first = run.issue.first();
        std::int64_t last = run.issue.last();
        if (const auto& result = run.use.moment_drive; result && result->kind == MomentUse::Kind::Alu) {
            last +=
                result->offset - std::min(spec_.vxm_alu_latency_cycles, spec_.vxm_function_latency_cycles);
        }
        // What goes through a map touches SRAM later than what does not.
        const bool maps = (run.use.sram_read && run.use.sram_read->offset > 0) ||
                          (run.use.sram_write && run.use.sram_write->offset > spec_.mem_write_latency_cycles);
        if (maps)
            last += spec_.mem_map_latency_cycles;
        QueueId queue = run.use.queue;
        made_.queues[numbers_.of(queue)].include(first, last);
        for (const HoldUse& hold : run.use.holds) {
            made_.queues[numbers_.of(queue)].include(first + hold.offset,
                                                     last + hold.offset + hold.cycles - 1);
            ++queue.index; // Of a pair of planes, the second one.
        }
    }

    void include_sram(const QueueRun& run, const SramUse& use, AffineAddress::Side side) {
        const bool reads = side == AffineAddress::Side::Read;
        auto range = AffineAddress(what(run), use.address, side).range();
        range.greatest += use.words - 1;
        const std::int64_t first = run.issue.first() + use.offset, last = run.issue.last() + use.offset;
        auto& banks = reads ? made_.bank_reads : made_.bank_writes;
        for (std::int64_t bank = bank_of(spec_, range.least); bank <= bank_of(spec_, range.greatest);
             ++bank) {
            banks[static_cast<std::size_t>(use.slice * spec_.mem_banks_per_slice + bank)].include(first,
                                                                                                  last);
        }
        for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
            if (occupies(program_.tensors[i], use.slice, range)) {
                (reads ? made_.tensors[i].reads : made_.tensors[i].writes).include(first, last);
            }
        }
    }

    /// Does a tensor have words of this slice within (the hull of) these addresses?
    [[nodiscard]] bool occupies(const Tensor& tensor, std::int64_t slice,
                                const AffineAddress::Range& range) const {
        return std::any_of(tensor.pieces.begin(), tensor.pieces.end(), [&](const TensorPiece& piece) {
            std::int64_t slice_last = piece.slice + (dtype_bytes(tensor.dtype) - 1) * piece.byte_slices,
                         address_last = piece.address;
            for (const TensorLoop& loop : piece.loops) {
                slice_last += (loop.count - 1) * loop.slice_stride;
                address_last += (loop.count - 1) * loop.address_stride;
            }
            return slice >= slice_ordinal(spec_, piece.hemisphere, piece.slice) &&
                   slice <= slice_ordinal(spec_, piece.hemisphere, slice_last) &&
                   range.greatest >= piece.address && range.least <= address_last;
        });
    }

    void include_plane(const QueueRun& run, const PlaneUse& use) {
        const auto plane = static_cast<std::size_t>(use.plane);
        const std::int64_t first = run.issue.first() + use.offset, last = run.issue.last() + use.offset;
        const std::int64_t done = run.issue.last() + use.done_offset;
        switch (use.kind) {
        case PlaneUse::Kind::Load:
            made_.shadows[plane].include(first, last);
            last_loads_[plane].include(first, last);
            break;
        case PlaneUse::Kind::Install:
            made_.shadows[plane].include(first, done - 1);
            made_.weights[plane].include(run.issue.first() + use.done_offset, done);
            last_installs_[plane].include(first, last);
            break;
        case PlaneUse::Kind::Activate:
            for (std::int64_t used = 0; used < use.width; ++used)
                made_.weights[plane + static_cast<std::size_t>(used)].include(first, last);
            break;
        case PlaneUse::Kind::Accumulate:
            include_accumulators(run, plane);
            break;
        }
    }

    /// Notes where a run is the first in time to touch a slot.
    void include_accumulators(const QueueRun& run, std::size_t plane) {
        auto& first_uses = first_uses_[plane];
        first_uses.resize(static_cast<std::size_t>(spec_.mxm_accumulator_vectors));
        const auto& order = std::get<MxmAccumulate>(what(run).instruction);
        const auto range = AffineAddress(what(run), order.slot, AffineAddress::Side::Read).range();
        const auto touches = first_touches(what(run), order.slot, range);
        for (std::size_t i = 0; i < touches.size(); ++i) {
            if (touches[i] == kNever)
                continue;
            SlotUse& use = first_uses[static_cast<std::size_t>(range.least) + i];
            const std::int64_t cycle = run.issue.first() + touches[i];
            if (use.run == nullptr || cycle < use.cycle)
                use = {cycle, &run};
        }
    }

    /// What is loaded must be installed by this program: the last load comes before the last install.
    void require_installs() const {
        for (std::size_t plane = 0; plane < last_loads_.size(); ++plane) {
            if (last_loads_[plane].used() && last_loads_[plane].last > last_installs_[plane].last)
                throw ScheduleError(
                    "a program that leaves loaded weights without an install cannot be followed");
        }
    }

    /// Slots that a run adds to must have been started by this program.
    void require_starts() const {
        for (const auto& first_uses : first_uses_) {
            for (std::size_t slot = 0; slot < first_uses.size(); ++slot) {
                const QueueRun* run = first_uses[slot].run;
                if (run != nullptr && !std::get<MxmAccumulate>(what(*run).instruction).start) {
                    throw ScheduleError("run " + std::to_string(run->run) + " on " +
                                        to_string(run->use.queue) + " adds to accumulator " +
                                        std::to_string(slot) +
                                        " before the program starts it, so it cannot follow another program");
                }
            }
        }
    }

    /// A queue that waits at a sync is in use until it is free again.
    void include_parks() {
        const Releases releases(program_, spec_);
        for (const QueueRun& run : runs_) {
            if (run.use.barrier != BarrierRole::Sync)
                continue;
            const auto released = releases.after(run.use);
            assert(released);
            made_.queues[numbers_.of(run.use.queue)].include(run.use.issue, *released - 1);
        }
    }

    const Program& program_;
    const ChipSpec& spec_;
    QueueNumbers numbers_;
    std::vector<QueueRun> runs_;
    Footprint made_;
    std::vector<UseSpan> last_loads_, last_installs_; ///< by plane
    std::vector<std::vector<SlotUse>> first_uses_;    ///< by plane and accumulator slot
};

/// What passes between chips has no place in a footprint, and a deskew waits for an absolute cycle.
void refuse_several_chips(const Program& program) {
    if (program.chips > 1) {
        throw ScheduleError("composition is for programs of one chip, this one has " +
                            std::to_string(program.chips));
    }
    for (std::size_t number = 0; number < program.runs.size(); ++number) {
        if (program.runs[number].queue.unit == Unit::C2c) {
            throw ScheduleError(
                "run " + std::to_string(number) + " on " + to_string(program.runs[number].queue) +
                ": a program that uses links cannot be composed; compose what each chip does between them");
        }
    }
}

/// Raises `offset` until every use in `next` comes after the use of the same thing in `before`.
void follow(const std::vector<UseSpan>& before, const std::vector<UseSpan>& next, std::int64_t& offset) {
    assert(before.size() == next.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i].used() && next[i].used())
            offset = std::max(offset, before[i].last - next[i].first + 1);
    }
}

void include_all(std::vector<UseSpan>& frontier, const std::vector<UseSpan>& next, std::int64_t offset) {
    frontier.resize(std::max(frontier.size(), next.size()));
    for (std::size_t i = 0; i < next.size(); ++i) {
        if (next[i].used())
            frontier[i].include(next[i].first + offset, next[i].last + offset);
    }
}

/// Constants are in SRAM before cycle 0, where a program before this one could overwrite them.
void refuse_constants(const Program& program) {
    for (const Tensor& tensor : program.tensors) {
        if (tensor.role == Tensor::Role::Constant)
            throw ScheduleError("constant " + tensor.name +
                                " would have to outlast the programs before; bring it as an input");
    }
}

} // namespace

Footprint footprint(const Program& program, const ChipSpec& spec) {
    validate(program, spec);
    refuse_several_chips(program);
    refuse_constants(program);
    return FootprintBuilder(program, spec).build();
}

std::int64_t least_offset(const Footprint& before, const Footprint& next) {
    std::int64_t offset = 0;
    if (before.queues.empty())
        return offset;
    follow(before.queues, next.queues, offset);
    follow(before.streams, next.streams, offset);
    follow(before.bank_writes, next.bank_reads, offset); // Operands are written.
    follow(before.bank_reads, next.bank_writes, offset); // And not yet overwritten.
    follow(before.bank_writes, next.bank_writes, offset);
    follow(before.shadows, next.shadows, offset);
    follow(before.weights, next.weights, offset);
    return offset;
}

void extend(Footprint& frontier, const Footprint& next, std::int64_t offset) {
    include_all(frontier.queues, next.queues, offset);
    include_all(frontier.streams, next.streams, offset);
    include_all(frontier.bank_reads, next.bank_reads, offset);
    include_all(frontier.bank_writes, next.bank_writes, offset);
    include_all(frontier.shadows, next.shadows, offset);
    include_all(frontier.weights, next.weights, offset);
    for (const TensorUse& tensor : next.tensors) {
        auto known = std::find_if(frontier.tensors.begin(), frontier.tensors.end(),
                                  [&](const TensorUse& other) { return other.name == tensor.name; });
        if (known == frontier.tensors.end()) {
            known = frontier.tensors.insert(frontier.tensors.end(), TensorUse{tensor.name, {}, {}});
        }
        const auto include = [&](UseSpan& span, const UseSpan& use) {
            if (use.used())
                span.include(use.first + offset, use.last + offset);
        };
        include(known->reads, tensor.reads);
        include(known->writes, tensor.writes);
    }
    frontier.cycles = std::max(frontier.cycles, checked_add(next.cycles, offset));
}

Program flatten(std::span<const PlacedProgram> placed) {
    Program flat;
    std::set<std::string> map_names;
    for (const auto& [program, offset] : placed) {
        const auto first_map = static_cast<std::int64_t>(flat.maps.size());
        for (const InstructionRun& run : program->runs) {
            flat.runs.push_back(run);
            flat.runs.back().issue = checked_add(run.issue, offset);
            if (auto* move = std::get_if<SxmMove>(&flat.runs.back().instruction);
                move != nullptr && (move->op == SxmOp::Permute || move->op == SxmOp::Distribute)) {
                move->argument += first_map;
            }
        }
        for (LaneMap map : program->maps) {
            while (!map_names.insert(map.name).second)
                map.name += '_';
            flat.maps.push_back(std::move(map));
        }
        for (const Tensor& tensor : program->tensors) {
            const auto same = std::ranges::find(flat.tensors, tensor.name, &Tensor::name);
            if (same == flat.tensors.end()) {
                flat.tensors.push_back(tensor);
            } else if (same->role == Tensor::Role::Constant && !(*same == tensor)) {
                throw ScheduleError("two programs bring different constants named " + tensor.name);
            }
        }
    }
    return flat;
}

} // namespace lpusim::chip
