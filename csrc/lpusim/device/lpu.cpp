#include "lpusim/device/lpu.h"

#include "lpusim/base/integers.h"

namespace lpusim::device {

PipelineTiming pipeline_timing(lower::Plan& plan, std::int64_t context_tokens) {
    const std::int64_t clock_hz = plan.machine().chip.clock_hz;
    PipelineTiming timing;
    timing.stage_count = plan.partition().stage_count;
    timing.page_tokens = plan.spec().page_tokens;
    timing.kv_page_count = plan.page_count();
    timing.chunk_tokens = plan.chunk_tokens();
    for (std::int64_t pages = 1; pages <= plan.pages(context_tokens); ++pages) {
        const lower::StepCost& decode = plan.step(1, pages);
        timing.decode_occupancy_ps.push_back(cycles_to_ps(decode.occupancy_cycles, clock_hz));
        timing.decode_latency_ps.push_back(cycles_to_ps(decode.latency.total(), clock_hz));
        const lower::StepCost& prefill = plan.step(timing.chunk_tokens, pages);
        timing.prefill_occupancy_ps.push_back(cycles_to_ps(prefill.occupancy_cycles, clock_hz));
        timing.prefill_latency_ps.push_back(cycles_to_ps(prefill.latency.total(), clock_hz));
    }
    return timing;
}

} // namespace lpusim::device
