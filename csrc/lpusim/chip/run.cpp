#include "lpusim/chip/run.h"

#include <map>

namespace lpusim::chip {

std::vector<QueueUse> queue_uses(const Program& program) {
    std::map<QueueId, std::int64_t> busy;
    for (const InstructionRun& run : program.runs) {
        const std::int64_t instances = instance_count(run);
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
            QueueId queue = run.queue;
            queue.index += slice;
            busy[queue] += instances;
        }
    }
    std::vector<QueueUse> uses;
    uses.reserve(busy.size());
    for (const auto& [queue, cycles] : busy) {
        uses.push_back({queue, cycles});
    }
    return uses;
}

} // namespace lpusim::chip
