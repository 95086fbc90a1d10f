#include "lpusim/chip/fold_checks.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "lpusim/chip/fold_intervals.h"
#include "lpusim/chip/layout.h"

namespace lpusim::chip {
namespace {

/// The last issue of a run.
[[nodiscard]] std::int64_t last_issue(const QueueRun& run) {
    return run.issue.last();
}

void name_other(ScheduleViolation& broken, const QueueRun& other, std::int64_t repeat) {
    broken.other_queue = other.use.queue;
    broken.other_run = other.run;
    broken.other_repeat = repeat;
}

} // namespace

std::optional<ScheduleViolation> check_queues(const std::vector<QueueRun>& runs, const ChipSpec& spec) {
    struct Tail {
        std::int64_t last_issue = -1;
        std::int64_t parked_until = 0;
        const QueueRun* parking = nullptr;
    };
    std::vector<std::int64_t> notifies;
    for (const QueueRun& run : runs) {
        if (run.use.barrier == BarrierRole::Notify)
            notifies.push_back(run.use.issue);
    }
    std::sort(notifies.begin(), notifies.end());

    const QueueNumbers numbers(spec);
    std::vector<Tail> tails(numbers.count());
    std::optional<ScheduleViolation> first;
    for (const QueueRun& run : runs) {
        Tail& tail = tails[numbers.of(run.use.queue)];
        const std::int64_t start = run.issue.first();
        if (tail.last_issue >= start) {
            ScheduleViolation broken = run.violation(ViolationClass::QueueOrder, start, 0);
            const auto other = std::find_if(runs.begin(), runs.end(), [&](const QueueRun& earlier) {
                return earlier.use.queue == run.use.queue && last_issue(earlier) >= start;
            });
            name_other(broken, *other, other->issue.size() - 1);
            keep_first(first, broken);
        } else if (tail.parked_until > start) {
            ScheduleViolation broken = run.violation(ViolationClass::QueueParked, start, 0);
            name_other(broken, *tail.parking, 0);
            keep_first(first, broken);
        }
        tail.last_issue = std::max(tail.last_issue, last_issue(run));
        tail.parked_until = 0;
        if (run.use.barrier == BarrierRole::Sync) {
            const auto notify = std::lower_bound(notifies.begin(), notifies.end(), start);
            if (notify == notifies.end()) {
                keep_first(first, run.violation(ViolationClass::SyncLost, start, 0));
            } else {
                tail.parked_until = *notify + spec.sync_latency_cycles;
                tail.parking = &run;
            }
        }
    }
    return first;
}

namespace {

/// A read run and a write run of one slice: the first common cycle in which both are in one bank.
class BankClash {
  public:
    BankClash(const QueueRun& reader, const AffineAddress& read, const QueueRun& writer,
              const AffineAddress& write, const ChipSpec& spec)
        : reader_(reader), read_(read), writer_(writer), write_(write), spec_(spec),
          read_times_(reader.issue.shifted(reader.use.sram_read->offset)),
          write_times_(writer.issue.shifted(writer.use.sram_write->offset)) {}

    [[nodiscard]] std::optional<std::int64_t> first() {
        std::optional<std::int64_t> least;
        for (const Progression& piece : intersect(read_times_, write_times_)) {
            rank_ = piece.rank();
            const std::int64_t start = piece.first();
            for (int k = 0; k < rank_; ++k) {
                const auto [stride, count] = piece.level(k);
                steps_[static_cast<std::size_t>(k)] = {stride, count,
                                                       read_at(start + stride) - read_at(start),
                                                       write_at(start + stride) - write_at(start)};
            }
            const auto found = search(0, start, read_at(start), write_at(start));
            if (found && (!least || *found < *least))
                least = found;
        }
        return least;
    }

    [[nodiscard]] ScheduleViolation violation(std::int64_t tau) const {
        const std::int64_t read_repeat = *read_times_.find(tau);
        const std::int64_t write_repeat = *write_times_.find(tau);
        const bool write_named =
            std::tie(reader_.run, read_repeat) < std::tie(writer_.run, write_repeat); // They share a queue.
        const QueueRun& named = write_named ? writer_ : reader_;
        const QueueRun& other = write_named ? reader_ : writer_;
        ScheduleViolation broken =
            named.violation(ViolationClass::BankConflict, tau, write_named ? write_repeat : read_repeat);
        broken.address = write_named ? write_at(tau) : read_at(tau);
        name_other(broken, other, write_named ? read_repeat : write_repeat);
        return broken;
    }

  private:
    struct Step {
        std::int64_t stride = 0;
        std::int64_t count = 1;
        std::int64_t read = 0;
        std::int64_t write = 0;
    };

    [[nodiscard]] std::int64_t read_at(std::int64_t tau) const { return read_.at(*read_times_.find(tau)); }
    [[nodiscard]] std::int64_t write_at(std::int64_t tau) const { return write_.at(*write_times_.find(tau)); }
    [[nodiscard]] bool in_range(std::int64_t address) const {
        return address >= 0 && address < spec_.mem_words_per_slice;
    }

    [[nodiscard]] std::optional<std::int64_t> search(int level, std::int64_t tau, std::int64_t read,
                                                     std::int64_t write) const {
        if (!in_range(read) || !in_range(write))
            return std::nullopt; // An earlier or equal AddressRange.
        if (level == rank_) {
            return bank_of(spec_, read) == bank_of(spec_, write) ? std::optional(tau) : std::nullopt;
        }
        const Step& step = steps_[static_cast<std::size_t>(level)];
        if (step.read == 0 && step.write == 0)
            return search(level + 1, tau, read, write);
        for (std::int64_t i = 0; i < step.count; ++i) {
            const std::int64_t read_now = read + i * step.read, write_now = write + i * step.write;
            if (!in_range(read_now) || !in_range(write_now))
                return std::nullopt;
            if (const auto found = search(level + 1, tau + i * step.stride, read_now, write_now))
                return found;
        }
        return std::nullopt;
    }

    const QueueRun& reader_;
    const AffineAddress& read_;
    const QueueRun& writer_;
    const AffineAddress& write_;
    const ChipSpec& spec_;
    Progression read_times_;
    Progression write_times_;
    int rank_ = 0;
    std::array<Step, Progression::kRankMax> steps_{};
};

class AddressChecker {
  public:
    AddressChecker(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec)
        : program_(program), runs_(runs), spec_(spec), reads_(static_cast<std::size_t>(spec.mem_slices())),
          writes_(static_cast<std::size_t>(spec.mem_slices())) {}

    std::optional<ScheduleViolation> check() {
        for (std::size_t index = 0; index < runs_.size(); ++index) {
            const QueueRun& run = runs_[index];
            if (const auto& read = run.use.sram_read) {
                need(run, read_address(run), spec_.mem_words_per_slice - 1, read->offset);
                const std::int64_t first = run.issue.first() + read->offset;
                reads_[static_cast<std::size_t>(read->slice)].add(first, first + run.issue.span(), index);
            }
            if (const auto& write = run.use.sram_write) {
                need(run, write_address(run), spec_.mem_words_per_slice - 1, write->offset);
                writes_[static_cast<std::size_t>(write->slice)].push_back(index);
            }
            if (const auto& plane = run.use.plane) {
                if (plane->kind == PlaneUse::Kind::Load) {
                    need(run, {what(run), plane->index, AffineAddress::Side::Read},
                         spec_.lanes() - plane->width, plane->offset);
                } else if (plane->kind == PlaneUse::Kind::Accumulate) {
                    need(run, {what(run), plane->index, AffineAddress::Side::Read},
                         spec_.mxm_accumulator_vectors - 1, plane->offset);
                }
            }
        }
        for (std::size_t slice = 0; slice < reads_.size(); ++slice)
            check_banks(slice);
        return first_;
    }

  private:
    [[nodiscard]] const InstructionRun& what(const QueueRun& run) const {
        return program_.runs[static_cast<std::size_t>(run.run)];
    }
    [[nodiscard]] AffineAddress read_address(const QueueRun& run) const {
        return {what(run), run.use.sram_read->address, AffineAddress::Side::Read};
    }
    [[nodiscard]] AffineAddress write_address(const QueueRun& run) const {
        return {what(run), run.use.sram_write->address, AffineAddress::Side::Write};
    }

    void need(const QueueRun& run, const AffineAddress& address, std::int64_t high, std::int64_t offset) {
        const auto outside = address.first_outside(0, high);
        if (!outside)
            return;
        ScheduleViolation broken =
            run.violation(ViolationClass::AddressRange, run.issue.at(*outside) + offset, *outside);
        broken.address = address.at(*outside);
        keep_first(first_, broken);
    }

    void check_banks(std::size_t slice) {
        if (writes_[slice].empty())
            return;
        IntervalIndex& reads = reads_[slice];
        reads.build();
        for (const std::size_t index : writes_[slice]) {
            const QueueRun& writer = runs_[index];
            const AffineAddress write = write_address(writer);
            const auto write_range = write.range();
            const std::int64_t start = writer.issue.first() + writer.use.sram_write->offset;
            reads.for_each_touching(start, start + writer.issue.span(), [&](std::size_t at) {
                const QueueRun& reader = runs_[at];
                const AffineAddress read = read_address(reader);
                const auto read_range = read.range();
                if (bank_of(spec_, read_range.greatest) < bank_of(spec_, write_range.least) ||
                    bank_of(spec_, write_range.greatest) < bank_of(spec_, read_range.least)) {
                    return;
                }
                BankClash clash(reader, read, writer, write, spec_);
                if (const auto tau = clash.first())
                    keep_first(first_, clash.violation(*tau));
            });
        }
    }

    const Program& program_;
    const std::vector<QueueRun>& runs_;
    const ChipSpec& spec_;
    std::vector<IntervalIndex> reads_;
    std::vector<std::vector<std::size_t>> writes_;
    std::optional<ScheduleViolation> first_;
};

/// The weight columns of a shadow buffer that wait for an install.
class ColumnSet {
  public:
    explicit ColumnSet(std::int64_t lanes) : words_(static_cast<std::size_t>((lanes + 63) / 64)) {}

    void clear() { std::fill(words_.begin(), words_.end(), 0); }

    /// Is one of the columns first .. first + count - 1 there?
    [[nodiscard]] bool any(std::int64_t first, std::int64_t count) const {
        bool found = false;
        for_words(first, count,
                  [&](std::size_t word, std::uint64_t mask) { found = found || (words_[word] & mask) != 0; });
        return found;
    }

    void add(std::int64_t first, std::int64_t count) {
        for_words(first, count, [&](std::size_t word, std::uint64_t mask) { words_[word] |= mask; });
    }

  private:
    template <class Visit>
    static void for_words(std::int64_t first, std::int64_t count, const Visit& visit) {
        const std::int64_t end = first + count;
        while (first < end) {
            const std::int64_t bit = first % 64;
            const std::int64_t taken = std::min(end - first, 64 - bit);
            visit(static_cast<std::size_t>(first / 64),
                  (~std::uint64_t{0} >> static_cast<unsigned>(64 - taken)) << static_cast<unsigned>(bit));
            first += taken;
        }
    }

    std::vector<std::uint64_t> words_;
};

/// Rule 15 for one plane; weights are loaded and installed by one queue, in order.
class PlaneChecker {
  public:
    explicit PlaneChecker(const ChipSpec& spec) : lanes_(spec.lanes()), awaiting_(lanes_) {}

    void load(const QueueRun& run, const InstructionRun& what, std::optional<ScheduleViolation>& first) {
        if (broken_)
            return;
        const PlaneUse& use = *run.use.plane;
        const AffineAddress column(what, use.index, AffineAddress::Side::Read);
        const std::int64_t count = run.issue.size();
        if (add_row(run, what, column)) {
            any_loaded_ = true;
            loads_done_at_ = run.issue.last() + use.done_offset;
            return;
        }
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t tau = run.issue.at(i) + use.offset;
            const std::int64_t at = column.at(i);
            if (at < 0 || at + use.width > lanes_) { // AddressRange is reported elsewhere.
                broken_ = true;
                return;
            }
            const bool was_there = awaiting_.any(at, use.width);
            awaiting_.add(at, use.width);
            if (was_there || swap_at_ > tau) {
                ScheduleViolation busy = run.violation(ViolationClass::ShadowBusy, tau, i);
                busy.address = at;
                keep_first(first, busy);
                broken_ = true;
                return;
            }
        }
        any_loaded_ = true;
        loads_done_at_ = run.issue.last() + use.done_offset;
    }

    void install(const QueueRun& run, std::optional<ScheduleViolation>& first) {
        if (broken_)
            return;
        const PlaneUse& use = *run.use.plane;
        const std::int64_t tau = run.issue.first() + use.offset;
        if (!any_loaded_ || loads_done_at_ > tau) {
            keep_first(first, run.violation(ViolationClass::LoadsUnfinished, tau, 0));
            broken_ = true;
        } else if (run.issue.size() > 1) { // Nothing is loaded between two repeats.
            keep_first(first,
                       run.violation(ViolationClass::LoadsUnfinished, run.issue.at(1) + use.offset, 1));
            broken_ = true;
        }
        any_loaded_ = false;
        awaiting_.clear();
        swap_at_ = run.issue.first() + use.done_offset;
        active_from_ = std::min(active_from_, swap_at_);
    }

    void activate(const QueueRun& run, std::optional<ScheduleViolation>& first) const {
        const std::int64_t tau = run.issue.first() + run.use.plane->offset;
        if (tau < active_from_)
            keep_first(first, run.violation(ViolationClass::WeightsMissing, tau, 0));
    }

  private:
    /// Adds a run that fills one contiguous row of free columns as a whole; false if it is not one.
    bool add_row(const QueueRun& run, const InstructionRun& what, const AffineAddress& column) {
        const PlaneUse& use = *run.use.plane;
        if (run.issue.rank() > 1 || swap_at_ > run.issue.first() + use.offset)
            return false;
        for (const Level& level : what.repeat) {
            if (level.count > 1 && std::abs(level.address_stride) != use.width)
                return false;
        }
        const auto [least, greatest] = column.range();
        if (least < 0 || greatest + use.width > lanes_ ||
            awaiting_.any(least, greatest + use.width - least)) {
            return false;
        }
        awaiting_.add(least, greatest + use.width - least);
        return true;
    }

    std::int64_t lanes_;
    ColumnSet awaiting_;
    bool any_loaded_ = false;
    /// An error was found; what follows it on this plane is later.
    bool broken_ = false;
    std::int64_t loads_done_at_ = 0;
    std::int64_t swap_at_ = -1;
    std::int64_t active_from_ = std::numeric_limits<std::int64_t>::max();
};

} // namespace

std::optional<ScheduleViolation> check_addresses(const Program& program, const std::vector<QueueRun>& runs,
                                                 const ChipSpec& spec) {
    return AddressChecker(program, runs, spec).check();
}

std::optional<ScheduleViolation> check_planes(const Program& program, const std::vector<QueueRun>& runs,
                                              const ChipSpec& spec) {
    std::vector<PlaneChecker> planes(static_cast<std::size_t>(spec.mxm_planes()), PlaneChecker(spec));
    std::optional<ScheduleViolation> first;
    const auto for_each = [&](auto&& visit) {
        for (const QueueRun& run : runs) {
            if (run.use.plane)
                visit(run, planes[static_cast<std::size_t>(run.use.plane->plane)]);
        }
    };
    for_each([&](const QueueRun& run, PlaneChecker& plane) {
        if (run.use.plane->kind == PlaneUse::Kind::Load) {
            plane.load(run, program.runs[static_cast<std::size_t>(run.run)], first);
        } else if (run.use.plane->kind == PlaneUse::Kind::Install) {
            plane.install(run, first);
        }
    });
    for_each([&](const QueueRun& run, PlaneChecker& plane) {
        if (run.use.plane->kind == PlaneUse::Kind::Activate)
            plane.activate(run, first);
    });
    return first;
}

} // namespace lpusim::chip
