#include "lpusim/chip/fuzz/random_work.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lpusim/chip/access.h"

// Work of the MXM.
namespace lpusim::chip {

void RandomWork::share_pair() {
    const Hemisphere side = random_side();
    const std::int64_t end = mxm_position(spec_, side);
    std::int64_t at = load_weights(side, 0, arrival_);
    at = load_weights(side, 1, at + draw_.below(4)) + spec_.mxm_install_latency_cycles;
    const std::int64_t every = spec_.mxm_fp16_cycles + draw_.below(2), count = draw_.between(1, 5);
    const StreamRef from{outward(side), random_stream(2)};
    levels_ = {{every * count + 4, 1}};
    bring(from, 2, end, at);
    const auto activate = [&](std::int64_t plane, DType dtype, std::int64_t late) {
        runs_.push_back({{Unit::MxmActivations, side, plane},
                         at + late,
                         MxmActivate{dtype, from},
                         {{count, every, 0, 0}},
                         {}});
    };
    activate(0, DType::Fp16, 0);
    activate(draw_.below(2), DType::Int8, draw_.below(every + 2));
}

std::int64_t RandomWork::load_weights(Hemisphere side, std::int64_t plane, std::int64_t arrival) {
    const QueueId queue{Unit::MxmWeights, side, plane};
    const Direction in = side == Hemisphere::West ? Direction::West : Direction::East;
    const std::int64_t group = draw_.between(1, std::min(spec_.mxm_load_streams, spec_.lanes()));
    const std::int64_t columns = draw_.between(1, spec_.lanes() / group);
    const std::int64_t first_column = draw_.below(spec_.lanes() - columns * group + 1);
    const bool backwards = draw_.chance(25);
    const StreamRef weights{in, draw_.below(spec_.streams_per_direction - group + 1)};
    const std::int64_t cycles = draw_.between(1, 2);
    levels_ = {{columns, cycles}};
    bring(weights, group, mxm_position(spec_, side), arrival);
    const std::int64_t start = first_column + (backwards ? (columns - 1) * group : 0);
    runs_.push_back({queue,
                     arrival,
                     MxmLoad{start, weights, group},
                     {{columns, cycles, backwards ? -group : group, 0}},
                     {}});
    const std::int64_t install =
        arrival + (columns - 1) * cycles + std::max<std::int64_t>(1, spec_.mxm_load_latency_cycles);
    runs_.push_back({queue, install, MxmInstall{}, {}, {}});
    return install;
}

void RandomWork::product() {
    const Hemisphere side = random_side();
    static constexpr DType kTypes[] = {DType::Int8, DType::Fp8, DType::Fp16};
    const DType dtype = kTypes[draw_.below(spec_.mxm_planes_per_hemisphere == 2 ? 3 : 2)];
    const bool pair = dtype == DType::Fp16;
    const std::int64_t plane = pair ? 0 : draw_.below(spec_.mxm_planes_per_hemisphere);
    const std::int64_t end = mxm_position(spec_, side);
    const std::int64_t busy_cycles = pair ? spec_.mxm_fp16_cycles : 1;
    std::vector<Steps> activations = levels_;
    for (Steps& steps : activations)
        steps.cycles *= busy_cycles;
    for (std::int64_t pass = 0; pass < draw_.between(1, 2); ++pass) {
        std::int64_t at = load_weights(side, plane, arrival_);
        if (pair)
            at = load_weights(side, plane + 1, at + draw_.below(4));
        at += spec_.mxm_install_latency_cycles + draw_.below(3);

        levels_ = activations;
        const StreamRef from{outward(side), random_stream(dtype_bytes(dtype))};
        bring(from, dtype_bytes(dtype), end, at);
        const std::int64_t roundings = pair && spec_.lanes() % 2 == 0 ? draw_.between(1, 2) : 1;
        runs_.push_back({{Unit::MxmActivations, side, plane},
                         at,
                         MxmActivate{dtype, from, roundings},
                         plain_levels(),
                         {}});
        const std::int64_t sums = at + spec_.mxm_activate_latency_cycles + busy_cycles - 1;
        const StreamRef to{inward(side), random_stream(4)};
        std::int64_t slot = 0;
        InstructionRun add{{Unit::MxmAccumulators, side, plane}, sums, {}, {}, {}};
        add.repeat = placed_levels(spec_.mxm_accumulator_vectors, false, slot);
        const bool drives = draw_.chance(80);
        const bool floating = (dtype == DType::Int8) == draw_.chance(10);
        add.instruction = MxmAccumulate{slot, draw_.chance(60), drives ? std::optional(to) : std::nullopt,
                                        floating ? DType::Fp32 : DType::Int32};
        runs_.push_back(add);
        if (drives)
            store(to, 4, end, sums + spec_.mxm_accumulate_latency_cycles);
        arrival_ = sums + draw_.below(30);
        for (const Steps& steps : activations)
            arrival_ += (steps.count - 1) * steps.cycles;
    }
}

void RandomWork::stream_through_installs() {
    const Hemisphere side = draw_.chance(50) ? Hemisphere::West : Hemisphere::East;
    const std::int64_t plane = draw_.below(spec_.mxm_planes_per_hemisphere);
    const std::int64_t end = mxm_position(spec_, side);
    const Direction in = side == Hemisphere::West ? Direction::West : Direction::East;
    const std::int64_t first =
        load_weights(side, plane, arrival_) + spec_.mxm_install_latency_cycles + draw_.below(2);
    std::int64_t last = first;
    for (std::int64_t more = draw_.between(1, 3); more > 0; --more)
        last = load_weights(side, plane, last + spec_.mxm_install_latency_cycles + draw_.below(4));

    levels_ = {{last - first + draw_.between(1, 9), 1}};
    const StreamRef from{in, random_stream(1)};
    bring(from, 1, end, first);
    runs_.push_back(
        {{Unit::MxmActivations, side, plane}, first, MxmActivate{DType::Int8, from}, plain_levels(), {}});
    const std::int64_t sums = first + spec_.mxm_activate_latency_cycles;
    // Only the last few are kept: one slot for all of them, so that each replaces or adds.
    const StreamRef to{side == Hemisphere::West ? Direction::East : Direction::West, random_stream(4)};
    runs_.push_back({{Unit::MxmAccumulators, side, plane},
                     sums,
                     MxmAccumulate{0, draw_.chance(50), to},
                     plain_levels(),
                     {}});
    store(to, 4, end, sums + spec_.mxm_accumulate_latency_cycles);
}

void RandomWork::weights_in_turn() {
    const Hemisphere side = draw_.chance(50) ? Hemisphere::West : Hemisphere::East;
    const std::int64_t plane = draw_.below(spec_.mxm_planes_per_hemisphere);
    const std::int64_t end = mxm_position(spec_, side);
    const Direction in = side == Hemisphere::West ? Direction::West : Direction::East;
    const std::int64_t group = draw_.between(1, std::min(spec_.mxm_load_streams, spec_.lanes()));
    const std::int64_t columns = draw_.between(1, spec_.lanes() / group);
    const std::int64_t cycles = draw_.between(1, 3), turns = draw_.between(2, 7);
    const std::int64_t install =
        (columns - 1) * cycles + std::max<std::int64_t>(1, spec_.mxm_load_latency_cycles);
    const std::int64_t period =
        install + std::max<std::int64_t>(1, spec_.mxm_install_latency_cycles) + draw_.below(4);
    const std::int64_t spare = spec_.lanes() - columns * group;
    const std::int64_t drift = draw_.chance(70) ? 0 : draw_.between(-1, 1);
    const bool fits = (turns - 1) * std::abs(drift) <= spare;
    const std::int64_t first_column =
        fits ? draw_.between(std::max<std::int64_t>(0, -drift) * (turns - 1),
                             spare - std::max<std::int64_t>(0, drift) * (turns - 1))
             : draw_.below(spare + 1);
    std::vector<Level> outer;
    if (draw_.chance(30))
        outer.push_back({draw_.between(2, 3), turns * period + draw_.below(5), 0, 0});
    const auto nested = [&](std::vector<Level> inner) {
        inner.insert(inner.begin(), outer.begin(), outer.end());
        return inner;
    };
    const auto stream_levels = [&](std::int64_t count, std::int64_t every) {
        levels_.clear();
        for (const Level& level : outer)
            levels_.push_back({level.count, level.cycles});
        levels_.push_back({turns, period});
        levels_.push_back({count, every});
    };
    const QueueId queue{Unit::MxmWeights, side, plane};
    const StreamRef weights{in, draw_.below(spec_.streams_per_direction - group + 1)};
    stream_levels(columns, cycles);
    bring(weights, group, end, arrival_);
    runs_.push_back({queue,
                     arrival_,
                     MxmLoad{first_column, weights, group},
                     nested({{turns, period, drift, 0}, {columns, cycles, group, 0}}),
                     {}});
    runs_.push_back({queue,
                     arrival_ + install,
                     MxmInstall{},
                     nested({{turns - draw_.below(2) * draw_.below(2), period, 0, 0}}),
                     {}});
    if (draw_.chance(40))
        return;
    const std::int64_t entered = arrival_ + install + spec_.mxm_install_latency_cycles + draw_.below(3);
    const StreamRef from{in, random_stream(1)};
    stream_levels(draw_.between(1, std::min<std::int64_t>(period, 5)), 1);
    bring(from, 1, end, entered);
    runs_.push_back(
        {{Unit::MxmActivations, side, plane}, entered, MxmActivate{DType::Int8, from}, plain_levels(), {}});
    const std::int64_t sums = entered + spec_.mxm_activate_latency_cycles;
    const StreamRef to{side == Hemisphere::West ? Direction::East : Direction::West, random_stream(4)};
    std::int64_t slot = 0;
    InstructionRun add{{Unit::MxmAccumulators, side, plane}, sums, {}, {}, {}};
    add.repeat = placed_levels(spec_.mxm_accumulator_vectors, false, slot);
    add.instruction = MxmAccumulate{slot, draw_.chance(40), to};
    runs_.push_back(add);
    store(to, 4, end, sums + spec_.mxm_accumulate_latency_cycles);
}

} // namespace lpusim::chip
