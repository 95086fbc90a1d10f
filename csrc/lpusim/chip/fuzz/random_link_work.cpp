#include "lpusim/chip/fuzz/random_work.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lpusim/chip/access.h"

// Work through address maps and over links.
namespace lpusim::chip {

void RandomWork::place_on(std::int64_t chip) {
    for (; placed_ < runs_.size(); ++placed_)
        runs_[placed_].queue.chip = chip;
}

void RandomWork::through_maps() {
    const QueueId here = random_slice();
    const std::int64_t blocks = spec_.mem_words_per_slice / 8;
    InstructionRun run{here, arrival_, {}, plain_levels(), {}};
    MemAccess access;
    // One level may walk through the blocks, its maps with it.
    const std::int64_t block = draw_.below(blocks);
    std::size_t walking = levels_.size();
    for (std::size_t k = 0; k < levels_.size(); ++k) {
        if (levels_[k].count <= blocks - block && draw_.chance(60))
            walking = k;
    }
    const auto bring_map = [&](const StreamRef& group) {
        const std::int64_t offset = block + (draw_.chance(30) ? blocks / 2 : 0);
        for (std::int64_t byte = 0; byte < 2; ++byte) {
            bring({group.direction, group.stream + byte}, 1, position(here), arrival_);
            InstructionRun& from = runs_.back();
            std::get<MemAccess>(from.instruction).read->address = 4 * (offset % blocks) + 2 + byte;
            from.repeat = plain_levels();
            if (walking < levels_.size())
                from.repeat[walking].address_stride = 4;
        }
    };
    const auto window = [&](std::int64_t& address) {
        address = 8 * block - (draw_.chance(8) ? draw_.between(0, 3) : 0);
        return draw_.chance(10) ? draw_.between(1, 8) : std::int64_t{8};
    };
    const bool gathers = draw_.chance(60);
    if (gathers || draw_.chance(20)) {
        const StreamRef map{random_direction(), random_stream(2)};
        const StreamRef to{random_direction(), random_stream(1)};
        MemRead read{draw_.below(spec_.mem_words_per_slice), to};
        if (gathers) {
            bring_map(map);
            read.gather = AddressMap{map, window(read.address)};
            if (walking < levels_.size())
                run.repeat[walking].address_stride = 8;
        }
        access.read = read;
        store(to, 1, position(here),
              arrival_ + (gathers ? spec_.mem_map_latency_cycles : 0) + spec_.mem_read_latency_cycles);
    }
    if (!gathers || draw_.chance(25)) {
        const StreamRef from{random_direction(), random_stream(1)};
        bring(from, 1, position(here), arrival_);
        MemWrite write{draw_.below(spec_.mem_words_per_slice), from};
        if (!gathers || draw_.chance(40)) {
            const StreamRef map{random_direction(), random_stream(2)};
            bring_map(map);
            write.scatter = AddressMap{map, window(write.address)};
            if (walking < levels_.size())
                run.repeat[walking].write_address_stride = 8;
        }
        access.write = write;
    }
    run.instruction = access;
    runs_.push_back(run);
}

void RandomWork::transfer(std::int64_t from, std::int64_t to) {
    for (Steps& steps : levels_)
        steps.cycles *= spec_.c2c_vector_cycles;
    const Hemisphere side =
        to > from || (to == from && draw_.chance(50)) ? Hemisphere::West : Hemisphere::East;
    const std::int64_t index = draw_.below(spec_.c2c_links_per_hemisphere);
    const QueueId sender{Unit::C2c, side, index, from};
    const QueueId receiver{Unit::C2c, side == Hemisphere::West ? Hemisphere::East : Hemisphere::West, index,
                           to};
    const StreamRef out{side == Hemisphere::West ? Direction::West : Direction::East, random_stream(1)};
    const StreamRef in{side == Hemisphere::West ? Direction::West : Direction::East, random_stream(1)};
    if (draw_.chance(30)) {
        runs_.push_back({sender, draw_.below(arrival_), Deskew{}, {}, {}});
        place_on(from);
        arrival_ += spec_.c2c_epoch_cycles;
    }
    bring(out, 1, position(sender), arrival_);
    place_on(from);
    runs_.push_back({sender, arrival_, C2cSend{out}, plain_levels(), {}});
    placed_ = runs_.size();
    const std::int64_t held = draw_.below(spec_.c2c_hold_cycles + 1);
    const std::int64_t issue = arrival_ + spec_.c2c_link_latency_cycles + held;
    runs_.push_back({receiver, issue, C2cReceive{sender, held, in}, plain_levels(), {}});
    placed_ = runs_.size();
    store(in, 1, position(receiver), issue + spec_.c2c_receive_latency_cycles);
    place_on(to);
}

} // namespace lpusim::chip
