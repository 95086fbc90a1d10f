#include "lpusim/chip/proof/accounting.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <span>

#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {
namespace {

/// A loop of addresses that moves.
struct Walk {
    std::int64_t step = 0;
    std::int64_t count = 1;
};

/// Calls visit(bank, vectors) for the addresses base + sum of step_k * i_k over the walks, each taken `times`
/// times. Cost: a step for each time that a walk's addresses leave a bank, whatever its count.
template <class Visit>
void count_by_bank(std::span<const Walk> walks, std::int64_t base, std::int64_t times, const ChipSpec& spec,
                   const Visit& visit) {
    if (walks.empty()) {
        visit(bank_of(spec, base), times);
        return;
    }
    std::int64_t below = 0, above = 0, instances = times; // Of the walks inside, around base.
    for (const Walk& walk : walks.subspan(1)) {
        const std::int64_t reach = walk.step * (walk.count - 1); // Every address is in a slice.
        (reach < 0 ? below : above) += reach;
        instances *= walk.count;
    }
    const auto [step, count] = walks.front();
    const std::int64_t bank_words = spec.mem_words_per_slice / spec.mem_banks_per_slice;
    for (std::int64_t i = 0; i < count;) {
        const std::int64_t address = base + i * step;
        const std::int64_t bank = bank_of(spec, address + below);
        if (bank != bank_of(spec, address + above)) {
            count_by_bank(walks.subspan(1), address, times, spec, visit);
            ++i;
            continue;
        }
        const std::int64_t room =
            step > 0 ? (bank + 1) * bank_words - 1 - (address + above) : address + below - bank * bank_words;
        const std::int64_t taken = std::min(count - i, room / std::abs(step) + 1);
        visit(bank, taken * instances);
        i += taken;
    }
}

/// The same for one side of a run; levels that move no address only multiply.
template <class Visit>
void count_run_by_bank(const InstructionRun& run, std::int64_t base, AffineAddress::Side side,
                       const ChipSpec& spec, const Visit& visit) {
    const AffineAddress address(run, base, side);
    std::vector<Walk> walks;
    std::int64_t times = 1;
    for (const Level& level : run.repeat) {
        if (address.stride(level) == 0) {
            times *= level.count;
        } else if (level.count > 1) {
            walks.push_back({address.stride(level), level.count});
        }
    }
    count_by_bank(walks, base, times, spec, visit);
}

/// Cycles in which each queue of a legal program is parked and how much of it is powered while it issues.
class QueueTimes {
  public:
    QueueTimes(const Program& program, const ChipSpec& spec) : spec_(spec) {
        const Releases releases(program, spec);
        const std::int64_t end = program_cycles(program, spec);
        for (const QueueRun& run : queue_runs(program, spec)) {
            const InstructionRun& what = program.runs[static_cast<std::size_t>(run.run)];
            issues_[run.use.queue].push_back(run.issue);
            if (const auto* config = std::get_if<Config>(&what.instruction))
                configs_[run.use.queue].emplace(run.use.issue, config->superlanes);
            if (parks(run.use.barrier))
                parked_cycles_[run.use.queue] += std::min(*releases.after(run.use), end) - run.use.issue - 1;
        }
    }

    [[nodiscard]] std::int64_t parked_cycles(const QueueId& queue) const {
        const auto found = parked_cycles_.find(queue);
        return found == parked_cycles_.end() ? 0 : found->second;
    }

    [[nodiscard]] std::int64_t powered_superlane_cycles(const QueueId& queue) const {
        const auto configs = configs_.find(queue);
        std::int64_t cycles = 0;
        for (const Progression& issues : issues_.at(queue)) {
            if (configs == configs_.end()) {
                cycles += issues.size() * spec_.superlanes;
                continue;
            }
            std::int64_t superlanes = spec_.superlanes, done = 0;
            for (const auto& [cycle, powered] : configs->second) {
                const std::int64_t before = issues.index_from(cycle + 1);
                cycles += (before - done) * superlanes;
                done = before;
                superlanes = powered;
            }
            cycles += (issues.size() - done) * superlanes;
        }
        return cycles;
    }

  private:
    const ChipSpec& spec_;
    std::map<QueueId, std::vector<Progression>> issues_;
    std::map<QueueId, std::map<std::int64_t, std::int64_t>> configs_;
    std::map<QueueId, std::int64_t> parked_cycles_;
};

} // namespace

AccountingBook::AccountingBook(const Program& program, const ChipSpec& spec)
    : program_(program), spec_(spec), numbers_(spec, program.chips), issued_(numbers_.count()),
      streams_(static_cast<std::size_t>(program.chips * 2 * spec.streams_per_direction)),
      banks_(static_cast<std::size_t>(program.chips * spec.mem_slices() * spec.mem_banks_per_slice)) {}

AccountingBook::InAndOut& AccountingBook::counts_of(std::int64_t chip, const StreamRef& stream) {
    const std::int64_t line = 2 * chip + (stream.direction == Direction::East ? 0 : 1);
    return streams_[static_cast<std::size_t>(line * spec_.streams_per_direction + stream.stream)];
}

void AccountingBook::issued(const QueueId& queue, std::int64_t instances) {
    issued_[numbers_.of(queue)] += instances;
}

void AccountingBook::drove(std::int64_t chip, const StreamRef& stream, std::int64_t vectors) {
    InAndOut& counts = counts_of(chip, stream);
    counts.in = checked_add(counts.in, vectors);
}

void AccountingBook::read(std::int64_t chip, const StreamRef& stream, std::int64_t vectors) {
    InAndOut& counts = counts_of(chip, stream);
    counts.out = checked_add(counts.out, vectors);
}

void AccountingBook::read_bank(std::int64_t slice, std::int64_t bank, std::int64_t vectors) {
    banks_[static_cast<std::size_t>(slice * spec_.mem_banks_per_slice + bank)].out += vectors;
}

void AccountingBook::wrote_bank(std::int64_t slice, std::int64_t bank, std::int64_t vectors) {
    banks_[static_cast<std::size_t>(slice * spec_.mem_banks_per_slice + bank)].in += vectors;
}

void AccountingBook::worked(const Instruction& instruction, std::int64_t instances) {
    if (const auto* activate = std::get_if<MxmActivate>(&instruction)) {
        std::int64_t& activations = activate->dtype == DType::Int8  ? counts_.int8_activations
                                    : activate->dtype == DType::Fp8 ? counts_.fp8_activations
                                                                    : counts_.fp16_activations;
        activations = checked_add(activations, instances);
    } else if (std::holds_alternative<VxmCompute>(instruction)) {
        counts_.alu_vectors = checked_add(counts_.alu_vectors, instances);
    } else if (const auto* move = std::get_if<SxmMove>(&instruction)) {
        counts_.sxm_vectors = checked_add(
            counts_.sxm_vectors, checked_multiply(instances, sxm_shape(*move, spec_).output_streams));
    } else if (std::holds_alternative<C2cSend>(instruction)) {
        counts_.link_vectors = checked_add(counts_.link_vectors, instances);
    } else if (std::holds_alternative<Ifetch>(instruction)) {
        counts_.fetched_vectors += 2 * instances;
    }
}

std::vector<QueueUse> AccountingBook::queue_rows() const {
    std::set<QueueId> queues;
    bool waits_or_powers_down = false;
    for (const InstructionRun& run : program_.runs) {
        const Instruction& what = run.instruction;
        waits_or_powers_down = waits_or_powers_down || std::holds_alternative<Sync>(what) ||
                               std::holds_alternative<Deskew>(what) || std::holds_alternative<Config>(what);
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
            QueueId queue = run.queue;
            queue.index += slice;
            queues.insert(queue);
        }
    }
    std::vector<QueueUse> rows;
    rows.reserve(queues.size());
    for (const QueueId& queue : queues) {
        const std::int64_t busy_cycles = issued_[numbers_.of(queue)];
        rows.push_back({queue, busy_cycles, 0, checked_multiply(busy_cycles, spec_.superlanes)});
    }
    if (waits_or_powers_down) {
        const QueueTimes times(program_, spec_);
        for (QueueUse& row : rows) {
            row.parked_cycles = times.parked_cycles(row.queue);
            row.powered_superlane_cycles = times.powered_superlane_cycles(row.queue);
        }
    }
    return rows;
}

Accounting AccountingBook::close() const {
    Accounting result = counts_;
    result.queues = queue_rows();
    const std::int64_t streams = spec_.streams_per_direction;
    for (std::size_t at = 0; at < streams_.size(); ++at) {
        const auto ordinal = static_cast<std::int64_t>(at);
        if (streams_[at].in + streams_[at].out > 0) {
            result.streams.push_back(
                {ordinal / (2 * streams),
                 {ordinal / streams % 2 == 0 ? Direction::East : Direction::West, ordinal % streams},
                 streams_[at].in,
                 streams_[at].out});
        }
    }
    for (std::size_t at = 0; at < banks_.size(); ++at) {
        const std::int64_t slice = static_cast<std::int64_t>(at) / spec_.mem_banks_per_slice;
        if (banks_[at].in + banks_[at].out > 0) {
            result.banks.push_back(
                {slice / spec_.mem_slices(),
                 slice / spec_.mem_slices_per_hemisphere % 2 == 0 ? Hemisphere::West : Hemisphere::East,
                 slice % spec_.mem_slices_per_hemisphere,
                 static_cast<std::int64_t>(at) % spec_.mem_banks_per_slice, banks_[at].out, banks_[at].in});
        }
    }
    return result;
}

Accounting account(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec) {
    AccountingBook book(program, spec);
    for (const QueueRun& run : runs) {
        const InstructionRun& what = program.runs[static_cast<std::size_t>(run.run)];
        const std::int64_t instances = run.issue.size();
        book.issued(run.use.queue, instances);
        for (const StreamUse& read : run.use.stream_reads) {
            for (std::int64_t member = 0; member < read.width; ++member)
                book.read(run.use.queue.chip, {read.direction, read.first + member}, instances);
        }
        book.worked(what.instruction, instances);
        if (const auto& drive = run.use.stream_drive) {
            for (std::int64_t member = 0; member < drive->width; ++member)
                book.drove(run.use.queue.chip, {drive->direction, drive->first + member}, instances);
        }
        if (const auto& read = run.use.sram_read) {
            count_run_by_bank(
                what, read->address, AffineAddress::Side::Read, spec,
                [&](std::int64_t bank, std::int64_t vectors) { book.read_bank(read->slice, bank, vectors); });
        }
        if (const auto& write = run.use.sram_write) {
            count_run_by_bank(what, write->address, AffineAddress::Side::Write, spec,
                              [&](std::int64_t bank, std::int64_t vectors) {
                                  book.wrote_bank(write->slice, bank, vectors);
                              });
        }
    }
    return book.close();
}

} // namespace lpusim::chip
