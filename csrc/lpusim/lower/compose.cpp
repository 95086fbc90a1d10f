#include "lpusim/lower/compose.h"

#include <algorithm>
#include <cassert>

namespace lpusim::lower {

Composer::Composer(std::int32_t resource_count, std::int32_t tensor_count, std::int64_t slip_cycles)
    : resource_last_cycle_(static_cast<std::size_t>(resource_count), kNever),
      tensors_(static_cast<std::size_t>(tensor_count)), slip_cycles_(slip_cycles) {
    assert(slip_cycles >= 0);
}

std::int64_t Composer::earliest_read(const TensorUse& use) const {
    return tensors_[static_cast<std::size_t>(use.tensor)].written_cycle + 1 - use.first_cycle;
}

std::int64_t Composer::earliest_write(const TensorUse& use) const {
    const TensorState& state = tensors_[static_cast<std::size_t>(use.tensor)];
    return std::max(state.read_cycle, state.written_cycle) + 1 - use.first_cycle;
}

void Composer::mark_read(const TensorUse& use, std::int64_t start) {
    auto& last = tensors_[static_cast<std::size_t>(use.tensor)].read_cycle;
    last = std::max(last, start + use.last_cycle);
}

void Composer::mark_written(const TensorUse& use, std::int64_t start) {
    auto& last = tensors_[static_cast<std::size_t>(use.tensor)].written_cycle;
    last = std::max(last, start + use.last_cycle);
}

std::int64_t Composer::place(const Segment& segment) {
    static const Occupancy kNothing;
    const bool is_exclusive = segment.occupancy == nullptr;
    const Occupancy& uses = is_exclusive ? kNothing : *segment.occupancy;
    std::int64_t start = is_exclusive ? end_cycle_ : std::max(floor_cycle_, end_cycle_ - slip_cycles_);
    for (const ResourceUse& use : uses.resources) {
        start = std::max(start,
                         resource_last_cycle_[static_cast<std::size_t>(use.resource)] + 1 - use.first_cycle);
    }
    for (const auto* reads : {&uses.bank_reads, &segment.reads}) {
        for (const TensorUse& use : *reads) {
            start = std::max(start, earliest_read(use));
        }
    }
    for (const auto* writes : {&uses.bank_writes, &segment.writes}) {
        for (const TensorUse& use : *writes) {
            start = std::max(start, earliest_write(use));
        }
    }

    for (const ResourceUse& use : uses.resources) {
        auto& last = resource_last_cycle_[static_cast<std::size_t>(use.resource)];
        last = std::max(last, start + use.last_cycle);
    }
    for (const auto* reads : {&uses.bank_reads, &segment.reads}) {
        for (const TensorUse& use : *reads) {
            mark_read(use, start);
        }
    }
    for (const auto* writes : {&uses.bank_writes, &segment.writes}) {
        for (const TensorUse& use : *writes) {
            mark_written(use, start);
        }
    }
    end_cycle_ = std::max(end_cycle_, start + segment.cycles);
    if (is_exclusive) {
        floor_cycle_ = end_cycle_;
    }
    return start;
}

std::vector<std::int64_t> Composer::frontier() const {
    std::vector<std::int64_t> relative;
    relative.reserve(resource_last_cycle_.size() + 2 * tensors_.size() + 1);
    const auto cut = [&](std::int64_t cycle) { return std::max(cycle - end_cycle_, -slip_cycles_ - 1); };
    for (const std::int64_t last : resource_last_cycle_) {
        relative.push_back(cut(last));
    }
    for (const TensorState& state : tensors_) {
        relative.push_back(cut(state.written_cycle));
        relative.push_back(cut(state.read_cycle));
    }
    relative.push_back(cut(floor_cycle_));
    return relative;
}

void Composer::advance(std::int64_t cycles) {
    const auto move = [cycles](std::int64_t& cycle) {
        if (cycle != kNever) {
            cycle += cycles;
        }
    };
    for (std::int64_t& last : resource_last_cycle_) {
        move(last);
    }
    for (TensorState& state : tensors_) {
        move(state.written_cycle);
        move(state.read_cycle);
    }
    end_cycle_ += cycles;
    floor_cycle_ += cycles;
}

RepeatedCost place_repeated(Composer& composer, std::span<const Segment* const> segments,
                            std::int64_t repeat_count) {
    const std::int64_t start_cycle = composer.end_cycle();
    std::vector<std::int64_t> previous_frontier = composer.frontier();
    for (std::int64_t repeat = 0; repeat < repeat_count; ++repeat) {
        const std::int64_t before_cycle = composer.end_cycle();
        for (const Segment* segment : segments) {
            composer.place(*segment);
        }
        std::vector<std::int64_t> frontier = composer.frontier();
        if (frontier == previous_frontier) {
            composer.advance((composer.end_cycle() - before_cycle) * (repeat_count - repeat - 1));
            return {composer.end_cycle() - start_cycle, repeat + 1};
        }
        previous_frontier = std::move(frontier);
    }
    return {composer.end_cycle() - start_cycle, repeat_count};
}

} // namespace lpusim::lower
