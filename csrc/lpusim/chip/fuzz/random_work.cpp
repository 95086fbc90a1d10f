#include "lpusim/chip/fuzz/random_work.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lpusim/chip/access.h"
#include "lpusim/chip/fuzz/random_changes.h"

namespace lpusim::chip {

std::vector<InstructionRun> RandomWork::build_linked(std::int64_t from, std::int64_t to) {
    arrival_ = spec_.mem_read_latency_cycles + spec_.positions + draw_.below(120);
    levels_ = random_levels();
    if (draw_.chance(50)) {
        through_maps();
        place_on(from);
    } else {
        transfer(from, to);
    }
    return std::move(runs_);
}

std::vector<InstructionRun> RandomWork::build_contest() {
    arrival_ = spec_.mem_read_latency_cycles + spec_.positions + draw_.below(120);
    spec_.mxm_planes_per_hemisphere == 2 && draw_.chance(60) ? share_pair() : take_turns();
    return std::move(runs_);
}

std::vector<InstructionRun> RandomWork::build() {
    arrival_ = spec_.mem_read_latency_cycles + spec_.positions + draw_.below(120);
    levels_ = random_levels();
    const std::int64_t kind = draw_.below(18);
    if (kind < 3) {
        copy();
    } else if (kind == 10) {
        swap_banks();
    } else if (kind == 13) {
        parked_repeat();
    } else if (kind == 14) {
        fetch();
    } else if (kind == 17) {
        running_sum();
    } else if (kind > 14) {
        lane_move();
    } else if (kind > 10) {
        weights_in_turn();
    } else if (kind < 7) {
        draw_.chance(70) ? pointwise() : take_turns();
    } else if (kind < 9) {
        if (draw_.chance(25) && spec_.mxm_planes_per_hemisphere == 2) {
            share_pair();
        } else {
            draw_.chance(60) ? product() : stream_through_installs();
        }
    } else {
        slice_range();
    }
    if (draw_.chance(8))
        barrier();
    std::vector<InstructionRun> pieces;
    for (const InstructionRun& run : runs_) {
        for (const InstructionRun& half : draw_.chance(25) ? split_run(run, draw_) : std::vector{run}) {
            const auto quarters = draw_.chance(25) ? split_run(half, draw_) : std::vector{half};
            pieces.insert(pieces.end(), quarters.begin(), quarters.end());
        }
    }
    return pieces;
}

std::vector<RandomWork::Steps> RandomWork::random_levels() {
    std::vector<Steps> levels;
    std::int64_t covered = 1;
    const std::int64_t depth = draw_.below(4);
    for (std::int64_t k = 0; k < depth; ++k) {
        const std::int64_t cycles = covered + draw_.below(2) * draw_.below(6);
        const std::int64_t count = draw_.between(1, k == 0 ? 7 : 4);
        levels.insert(levels.begin(), {count, cycles});
        covered += (count - 1) * cycles;
    }
    return levels;
}

std::vector<Level> RandomWork::placed_levels(std::int64_t words, bool writes, std::int64_t& base) {
    std::vector<Level> repeat;
    std::int64_t low = 0, high = 0;
    for (const Steps& steps : levels_) {
        const std::int64_t stride = draw_.chance(25) ? 0 : draw_.between(-1, 3);
        repeat.push_back({steps.count, steps.cycles, writes ? 0 : stride, writes ? stride : 0});
        (stride < 0 ? low : high) += stride * (steps.count - 1);
    }
    if (high - low >= words) { // Too far: stay in place.
        for (Level& level : repeat)
            level.address_stride = level.write_address_stride = 0;
        low = high = 0;
    }
    base = draw_.between(-low, words - 1 - high);
    return repeat;
}

QueueId RandomWork::random_slice() {
    return {Unit::Mem, draw_.chance(50) ? Hemisphere::West : Hemisphere::East,
            draw_.below(spec_.mem_slices_per_hemisphere)};
}

void RandomWork::bring(const StreamRef& group, std::int64_t width, std::int64_t target, std::int64_t arrival,
                       const QueueId* fixed) {
    for (std::int64_t i = 0; i < width; ++i) {
        QueueId from = fixed != nullptr ? *fixed : random_slice();
        for (int tries = 0; tries < 50 && fixed == nullptr; ++tries) {
            const bool upstream =
                group.direction == Direction::East ? position(from) < target : position(from) > target;
            if (upstream)
                break;
            from = random_slice();
        }
        const std::int64_t distance = std::abs(position(from) - target);
        std::int64_t base = 0;
        InstructionRun run{from, arrival - distance - spec_.mem_read_latency_cycles, {}, {}, {}};
        run.repeat = placed_levels(spec_.mem_words_per_slice, false, base);
        run.instruction = MemAccess{MemRead{base, {group.direction, group.stream + i}}, std::nullopt};
        runs_.push_back(run);
    }
}

void RandomWork::store(const StreamRef& group, std::int64_t width, std::int64_t origin, std::int64_t driven) {
    for (std::int64_t i = 0; i < width; ++i) {
        QueueId to = random_slice();
        for (int tries = 0; tries < 50; ++tries) {
            const bool downstream =
                group.direction == Direction::East ? position(to) > origin : position(to) < origin;
            if (downstream)
                break;
            to = random_slice();
        }
        std::int64_t base = 0;
        InstructionRun run{to, driven + std::abs(position(to) - origin), {}, {}, {}};
        run.repeat = placed_levels(spec_.mem_words_per_slice, true, base);
        run.instruction = MemAccess{std::nullopt, MemWrite{base, {group.direction, group.stream + i}}};
        runs_.push_back(run);
    }
}

std::vector<Level> RandomWork::plain_levels() const {
    std::vector<Level> repeat;
    repeat.reserve(levels_.size());
    for (const Steps& steps : levels_)
        repeat.push_back({steps.count, steps.cycles, 0, 0});
    return repeat;
}

} // namespace lpusim::chip
