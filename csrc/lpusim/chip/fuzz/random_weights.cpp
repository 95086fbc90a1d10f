#include "lpusim/chip/fuzz/random_program.h"

#include <algorithm>

#include "lpusim/chip/fuzz/random_changes.h"

namespace lpusim::chip {

Program random_weights(const ChipSpec& spec, std::uint64_t seed) {
    Draw draw(seed);
    const QueueId queue{Unit::MxmWeights, Hemisphere::West, 0};
    const auto random_load = [&] {
        const std::int64_t width =
            draw.between(1, std::min<std::int64_t>({spec.mxm_load_streams, spec.lanes(), 2}));
        return MxmLoad{draw.below(spec.lanes() - width + 1), {Direction::West, 0}, width};
    };
    std::vector<InstructionRun> runs;
    std::int64_t at = draw.below(9) + spec.positions + spec.mem_read_latency_cycles;
    const auto install = [&] {
        at += spec.mxm_load_latency_cycles;
        runs.push_back({queue, at, MxmInstall{}, {}, {}});
        at += std::max<std::int64_t>(1, spec.mxm_install_latency_cycles) + draw.below(2);
    };
    const bool installs_first = draw.chance(40);
    std::vector<InstructionRun> before;
    if (installs_first) {
        before.push_back({queue, at++, random_load(), {}, {}});
    }
    // One period: sections of one or two loads, each with an install.
    const std::int64_t start = at;
    for (std::int64_t sections = draw.between(1, 2); sections > 0; --sections) {
        if (installs_first)
            install();
        for (std::int64_t loads = draw.between(1, 2); loads > 0; --loads) {
            const MxmLoad load = random_load();
            const std::int64_t room = (spec.lanes() - load.column) / load.streams;
            const std::int64_t count = draw.between(1, std::min<std::int64_t>(room, 3));
            runs.push_back({queue, at, load, {{count, 1, load.streams, 0}}, {}});
            at += draw.chance(20) && count > 1 ? 1 : count;
        }
        if (!installs_first)
            install();
    }
    std::int64_t period = at - start;
    for (std::int64_t depth = draw.between(1, 3); depth > 0; --depth) {
        const std::int64_t count = draw.between(1, depth == 1 ? 20 : 5);
        for (InstructionRun& run : runs)
            run.repeat.insert(run.repeat.begin(), {count, period, 0, 0});
        if (draw.chance(25)) {
            const std::int64_t stride = draw.between(-1, 1), most = draw.chance(70) ? 100 : 70;
            for (InstructionRun& run : runs) {
                if (draw.chance(most))
                    run.repeat.front().address_stride = stride;
            }
        }
        period = count * period + draw.below(3) * draw.below(7);
    }
    if (draw.chance(40)) // Meets what the last period left.
        before.push_back({queue, start + period + draw.below(3), random_load(), {}, {}});
    runs.insert(runs.end(), before.begin(), before.end());
    for (std::int64_t changes = draw.below(5); changes > 0; --changes) {
        const auto index = draw.below(static_cast<std::int64_t>(runs.size()));
        InstructionRun& run = runs[static_cast<std::size_t>(index)];
        const std::int64_t way = draw.below(10);
        if (way < 6) {
            const auto parts = split_run(run, draw);
            runs.insert(runs.erase(runs.begin() + index), parts.begin(), parts.end());
        } else if (way < 8 && !run.repeat.empty()) {
            Level& level = run.repeat[static_cast<std::size_t>(
                draw.below(static_cast<std::int64_t>(run.repeat.size())))];
            (draw.chance(70) ? level.count : level.cycles) += draw.between(-1, 1);
        } else if (way == 8) {
            run.issue += draw.between(-1, 1);
        } else {
            const std::int64_t when = start + draw.below(period);
            if (draw.chance(50)) {
                runs.push_back({queue, when, random_load(), {}, {}});
            } else {
                runs.push_back({queue, when, MxmInstall{}, {}, {}});
            }
        }
    }
    Program program;
    program.runs = runs;
    for (std::int64_t stream = 0; stream < 2; ++stream) { // From the middle to the west end, in every cycle.
        program.runs.push_back({{Unit::Mem, Hemisphere::East, stream},
                                0,
                                MemAccess{MemRead{0, {Direction::West, stream}}, std::nullopt},
                                {{2 * period + 60, 1, 0, 0}},
                                {}});
    }
    return is_valid(program, spec) ? program : Program{};
}

} // namespace lpusim::chip
