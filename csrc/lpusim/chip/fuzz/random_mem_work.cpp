#include "lpusim/chip/fuzz/random_work.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lpusim/chip/access.h"

// Work of SRAM slices and of queues as such.
namespace lpusim::chip {

void RandomWork::copy() {
    QueueId from = random_slice(), to = random_slice();
    for (int tries = 0; tries < 50 && position(from) == position(to); ++tries)
        to = random_slice();
    const Direction direction = position(to) > position(from) ? Direction::East : Direction::West;
    const StreamRef stream{direction, random_stream(1)};
    bring(stream, 1, position(to), arrival_, &from);
    std::int64_t base = 0;
    InstructionRun write{to, arrival_, {}, placed_levels(spec_.mem_words_per_slice, true, base), {}};
    MemAccess access{std::nullopt, MemWrite{base, stream}};
    if (draw_.chance(30)) { // The same instruction also reads on.
        std::int64_t read_base = 0;
        const auto moves = placed_levels(spec_.mem_words_per_slice, false, read_base);
        for (std::size_t k = 0; k < moves.size(); ++k)
            write.repeat[k].address_stride = moves[k].address_stride;
        access.read = MemRead{read_base, {direction, random_stream(1)}};
    }
    write.instruction = access;
    runs_.push_back(write);
}

void RandomWork::swap_banks() {
    const QueueId here = random_slice();
    const Direction direction = random_direction();
    const StreamRef in{direction, random_stream(1)};
    const std::int64_t bank = spec_.mem_words_per_slice / spec_.mem_banks_per_slice;
    const std::int64_t inner = draw_.between(1, 6);
    levels_ = {{draw_.between(1, 3), 40}, {2, draw_.between(8, 12)}, {inner, 1}};
    bring(in, 1, position(here), arrival_);
    const std::int64_t low = draw_.below(bank - inner), lower = draw_.between(0, low);
    InstructionRun run{here, arrival_, {}, {}, {}};
    run.instruction =
        MemAccess{MemRead{low, {random_direction(), random_stream(1)}}, MemWrite{bank + lower, in}};
    run.repeat = {{levels_[0].count, 40, 0, 0}, {2, levels_[1].cycles, bank, -bank}, {inner, 1, 1, 1}};
    runs_.push_back(run);
    const auto& read = *std::get<MemAccess>(run.instruction).read;
    store(read.to, 1, position(here), arrival_ + spec_.mem_read_latency_cycles);
}

void RandomWork::fetch() {
    const QueueId queue = random_slice();
    const StreamRef from{random_direction(), random_stream(1)};
    levels_ = {{2, 1}};
    bring(from, 1, position(queue), arrival_);
    runs_.push_back({queue, arrival_, Ifetch{from}, {}, {}});
    runs_.push_back(
        {queue, arrival_ + draw_.between(1, 3), Config{draw_.between(1, spec_.superlanes)}, {}, {}});
}

void RandomWork::parked_repeat() {
    const QueueId parked = random_slice();
    const std::int64_t every = spec_.sync_latency_cycles + draw_.between(1, 5);
    const std::int64_t count = draw_.between(2, 5), first = draw_.below(60);
    runs_.push_back({parked,
                     first,
                     MemAccess{MemRead{0, {random_direction(), random_stream(1)}}, std::nullopt},
                     {{count, every, 1, 0}},
                     {}});
    for (std::int64_t syncs = draw_.between(1, 2); syncs > 0; --syncs) {
        const std::int64_t at = first + draw_.below(count) * every + draw_.between(1, 3);
        runs_.push_back({parked, at, Sync{}, {}, {}});
        runs_.push_back({random_slice(), at + draw_.below(3), Notify{}, {}, {}});
    }
}

void RandomWork::slice_range() {
    const std::int64_t count =
        draw_.between(1, std::min(spec_.mem_slices_per_hemisphere, spec_.streams_per_direction));
    const Hemisphere from = draw_.chance(50) ? Hemisphere::West : Hemisphere::East;
    const Hemisphere to = from == Hemisphere::West ? Hemisphere::East : Hemisphere::West;
    const Direction direction = from == Hemisphere::West ? Direction::East : Direction::West;
    const QueueId source{Unit::Mem, from, 0}, target{Unit::Mem, to, 0};
    const StreamRef stream{direction, draw_.below(spec_.streams_per_direction - count + 1)};
    std::int64_t base = 0;
    InstructionRun read{source, 0, {}, placed_levels(spec_.mem_words_per_slice, false, base), {}};
    read.instruction = MemAccess{MemRead{base, stream}, std::nullopt};
    read.slices = {count, 0, 0, 0, 1, 0, direction};
    read.issue = arrival_ + spec_.positions;
    InstructionRun write{target, 0, {}, placed_levels(spec_.mem_words_per_slice, true, base), {}};
    write.instruction = MemAccess{std::nullopt, MemWrite{base, stream}};
    write.slices = {count, 0, 0, 0, 0, 1, direction};
    write.issue = read.issue + spec_.mem_read_latency_cycles + std::abs(position(target) - position(source));
    runs_.push_back(read);
    runs_.push_back(write);
}

void RandomWork::barrier() {
    const QueueId parked = random_slice();
    const std::int64_t at = draw_.below(60), first = at + draw_.below(5);
    runs_.push_back({parked, at, Sync{}, {}, {}});
    runs_.push_back({random_slice(), first, Notify{}, {}, {}});
    if (draw_.chance(50)) // A second one does not matter, in whatever order the program lists them.
        runs_.insert(runs_.end() - draw_.below(2),
                     {random_slice(), first + draw_.between(1, 9), Notify{}, {}, {}});
    if (draw_.chance(50)) {
        runs_.push_back({parked,
                         first + spec_.sync_latency_cycles + draw_.below(3),
                         MemAccess{MemRead{0, {random_direction(), random_stream(1)}}, std::nullopt},
                         {},
                         {}});
    }
}

} // namespace lpusim::chip
