#include "lpusim/chip/proof/verify.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/checks.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {
namespace {

/// Uses of the resources of one kind, by ordinal.
class ResourceBook {
  public:
    /// `ordinal` is in use, now and then, from `first` to `last`.
    void add(std::size_t ordinal, std::int64_t first, std::int64_t last, std::int64_t times) {
        spans_.push_back({ordinal, first, last + 1});
        times_ = checked_add(times_, times);
    }

    [[nodiscard]] ResourceUse close(std::string kind, std::int64_t count, std::int64_t cycles) {
        ResourceUse use{std::move(kind), count, occupied_peak(), 0.0};
        if (cycles > 0)
            use.busy_mean = static_cast<double>(times_) / static_cast<double>(cycles);
        return use;
    }

  private:
    struct Span {
        std::size_t ordinal = 0;
        std::int64_t first = 0;
        std::int64_t end = 0;
    };

    /// Overlapping spans of one resource count once.
    [[nodiscard]] std::int64_t occupied_peak() {
        std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) {
            return std::tie(a.ordinal, a.first) < std::tie(b.ordinal, b.first);
        });
        std::vector<std::pair<std::int64_t, std::int64_t>> changes; // (cycle, +1 or -1); ends sort first.
        for (std::size_t begin = 0; begin < spans_.size();) {
            std::int64_t end = spans_[begin].end;
            std::size_t next = begin + 1;
            for (; next < spans_.size() && spans_[next].ordinal == spans_[begin].ordinal &&
                   spans_[next].first <= end;
                 ++next) {
                end = std::max(end, spans_[next].end);
            }
            changes.emplace_back(spans_[begin].first, 1);
            changes.emplace_back(end, -1);
            begin = next;
        }
        std::sort(changes.begin(), changes.end());
        std::int64_t now = 0, peak = 0;
        for (const auto& [cycle, change] : changes)
            peak = std::max(peak, now += change);
        return peak;
    }

    std::vector<Span> spans_;
    std::int64_t times_ = 0;
};

[[nodiscard]] std::vector<ResourceUse> resource_uses(const Program& program, const ChipSpec& spec,
                                                     std::int64_t cycles) {
    constexpr std::array<std::pair<Unit, const char*>, 7> kUnits{{{Unit::Mem, "mem"},
                                                                  {Unit::MxmWeights, "mxm.weights"},
                                                                  {Unit::MxmActivations, "mxm.activations"},
                                                                  {Unit::MxmAccumulators, "mxm.accumulators"},
                                                                  {Unit::Vxm, "vxm"},
                                                                  {Unit::Sxm, "sxm"},
                                                                  {Unit::C2c, "c2c"}}};
    const QueueNumbers numbers(spec, program.chips);
    std::array<ResourceBook, kUnits.size()> queues;
    std::array<ResourceBook, 2> streams;
    ResourceBook bank_reads, bank_writes;
    const auto add_use = [&](const InstructionRun& run, const RunUse& use) {
        const std::int64_t first = use.issue, last = first + repeat_span_cycles(run);
        const std::int64_t times = instance_count(run);
        queues[static_cast<std::size_t>(use.queue.unit)].add(numbers.of(use.queue), first, last, times);
        if (const auto& drive = use.stream_drive) {
            for (std::int64_t member = 0; member < drive->width; ++member) {
                const std::int64_t lane = use.queue.chip * spec.streams_per_direction + drive->first + member;
                streams[static_cast<std::size_t>(drive->direction)].add(
                    static_cast<std::size_t>(lane), first + drive->offset, last + drive->offset, times);
            }
        }
        const auto add_banks = [&](ResourceBook& book, const SramUse& sram, AffineAddress::Side side) {
            const auto range = AffineAddress(run, sram.address, side).range();
            const std::int64_t bank_first = bank_of(spec, range.least);
            const std::int64_t bank_last = bank_of(spec, range.greatest);
            for (std::int64_t bank = bank_first; bank <= bank_last; ++bank) {
                book.add(static_cast<std::size_t>(sram.slice * spec.mem_banks_per_slice + bank),
                         first + sram.offset, last + sram.offset, bank == bank_first ? times : 0);
            }
        };
        if (use.sram_read)
            add_banks(bank_reads, *use.sram_read, AffineAddress::Side::Read);
        if (use.sram_write)
            add_banks(bank_writes, *use.sram_write, AffineAddress::Side::Write);
    };
    for (const InstructionRun& run : program.runs) {
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice)
            add_use(run, use_of(run, slice, spec));
    }
    std::vector<ResourceUse> rows;
    const std::array<std::int64_t, kUnits.size()> counts{spec.mem_slices(),
                                                         spec.mxm_planes(),
                                                         spec.mxm_planes(),
                                                         spec.mxm_planes(),
                                                         spec.vxm_alus,
                                                         2 * spec.sxm_queues_per_hemisphere,
                                                         2 * spec.c2c_links_per_hemisphere};
    for (const auto& [unit, name] : kUnits) {
        const auto at = static_cast<std::size_t>(unit);
        rows.push_back(queues[at].close(name, program.chips * counts[at], cycles));
    }
    const std::int64_t stream_count = program.chips * spec.streams_per_direction;
    rows.push_back(streams[0].close("streams.east", stream_count, cycles));
    rows.push_back(streams[1].close("streams.west", stream_count, cycles));
    const std::int64_t bank_count = program.chips * spec.mem_slices() * spec.mem_banks_per_slice;
    rows.push_back(bank_reads.close("bank.reads", bank_count, cycles));
    rows.push_back(bank_writes.close("bank.writes", bank_count, cycles));
    return rows;
}

} // namespace

Verdict verify(const Program& program, const ChipSpec& spec, const Progress& progress) {
    const Run run = fold(program, spec, {}, false, progress);
    Verdict verdict;
    verdict.cycles = run.cycles;
    verdict.violation = run.error;
    verdict.pieces = run.pieces;
    if (run.error)
        verdict.message = describe(*run.error, program, spec);

    if (verdict.legal()) {
        verdict.resources = resource_uses(program, spec, run.cycles);
        verdict.accounting = run.accounting;
    }
    return verdict;
}

void require_legal(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec,
                   const MatchVisitor& visit, const Progress& progress) {
    std::optional<ScheduleViolation> error = first_broken_rule(program, runs, spec);
    if (const auto unmatched = match_streams(program, runs, spec, visit, progress).error)
        keep_first(error, *unmatched);
    if (error)
        throw ScheduleError(describe(*error, program, spec));
}

void require_legal(const Program& program, const ChipSpec& spec) {
    validate(program, spec);
    require_legal(program, queue_runs(program, spec), spec, {});
}

} // namespace lpusim::chip
