#include "lpusim/chip/fold/checks.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>

#include "lpusim/chip/fold/intervals.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {
namespace {

/// A read run and a write run of one slice: the first common cycle in which both are in one bank. A window
/// lies in the bank of its first word.
class BankClash {
  public:
    BankClash(const QueueRun& reader, const AffineAddress& read, const QueueRun& writer,
              const AffineAddress& write, const ChipSpec& spec)
        : read_(read), write_(write), spec_(spec),
          read_times_(reader.issue.shifted(reader.use.sram_read->offset)),
          write_times_(writer.issue.shifted(writer.use.sram_write->offset)) {}

    [[nodiscard]] std::optional<std::int64_t> first() {
        std::optional<std::int64_t> least;
        for (const Progression& piece : intersect(read_times_, write_times_)) {
            rank_ = piece.rank();
            const std::int64_t start = piece.first();
            Range read_inside, write_inside;
            for (int k = rank_; k-- > 0;) {
                const auto [stride, count] = piece.level(k);
                Step& step = steps_[static_cast<std::size_t>(k)];
                step = {stride,
                        count,
                        read_at(start + stride) - read_at(start),
                        write_at(start + stride) - write_at(start),
                        {},
                        {}};
                read_inside = step.read_reach = widened(read_inside, step.read, count);
                write_inside = step.write_reach = widened(write_inside, step.write, count);
            }
            const auto found = search(0, start, read_at(start), write_at(start));
            if (found && (!least || *found < *least))
                least = found;
        }
        return least;
    }

  private:
    using Range = AffineAddress::Range;

    /// One level of a piece: how far a step moves each address, and how far all steps from here inwards can.
    struct Step {
        std::int64_t stride = 0;
        std::int64_t count = 1;
        std::int64_t read = 0;
        std::int64_t write = 0;
        Range read_reach;
        Range write_reach;
    };

    /// Ends beyond +-2^60 are as good as there: both are far outside any slice.
    [[nodiscard]] static Range widened(const Range& inside, std::int64_t step, std::int64_t count) {
        constexpr std::int64_t kEnd = std::int64_t{1} << 60U;
        const std::int64_t steps = count - 1;
        const std::int64_t reach =
            step == 0 ? 0 : (std::abs(step) > kEnd / steps ? kEnd : std::abs(step) * steps);
        return step < 0 ? Range{std::max(inside.least - reach, -kEnd), inside.greatest}
                        : Range{inside.least, std::min(inside.greatest + reach, kEnd)};
    }

    /// Can no read of the steps from `step` inwards hit the bank of a write? All addresses are in range.
    [[nodiscard]] bool apart(const Step& step, std::int64_t read, std::int64_t write) const {
        const std::int64_t read_least = read + step.read_reach.least;
        const std::int64_t read_greatest = read + step.read_reach.greatest;
        const std::int64_t write_least = write + step.write_reach.least;
        const std::int64_t write_greatest = write + step.write_reach.greatest;
        return in_range(read_least) && in_range(read_greatest) && in_range(write_least) &&
               in_range(write_greatest) &&
               (bank_of(spec_, read_greatest) < bank_of(spec_, write_least) ||
                bank_of(spec_, write_greatest) < bank_of(spec_, read_least));
    }

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
        if (apart(step, read, write))
            return std::nullopt;
        for (std::int64_t i = 0; i < step.count; ++i) {
            const std::int64_t read_now = read + i * step.read, write_now = write + i * step.write;
            if (!in_range(read_now) || !in_range(write_now))
                return std::nullopt;
            if (const auto found = search(level + 1, tau + i * step.stride, read_now, write_now))
                return found;
        }
        return std::nullopt;
    }

    const AffineAddress& read_;
    const AffineAddress& write_;
    const ChipSpec& spec_;
    Progression read_times_;
    Progression write_times_;
    int rank_ = 0;
    std::array<Step, Progression::kRankMax> steps_{};
};

/// All reads or all writes of one run on one slice.
struct Accesses {
    const QueueRun* run = nullptr;
    bool writes = false;

    [[nodiscard]] const SramUse& use() const { return writes ? *run->use.sram_write : *run->use.sram_read; }
    [[nodiscard]] Progression times() const { return run->issue.shifted(use().offset); }
    /// The repeat of the access in cycle `tau`, which is one of `times`.
    [[nodiscard]] std::int64_t repeat_at(std::int64_t tau) const {
        return *run->issue.find(tau - use().offset);
    }
};

/// The runs that read or that write one slice, by time.
struct Port {
    std::vector<Accesses> runs;
    IntervalIndex times;

    void add(const QueueRun& run, bool writes) {
        const Accesses& added = runs.emplace_back(Accesses{&run, writes});
        const std::int64_t first = run.issue.first() + added.use().offset;
        times.add(first, first + run.issue.span(), runs.size() - 1);
    }
};

class BankChecker {
  public:
    BankChecker(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec)
        : program_(program), spec_(spec), reads_(static_cast<std::size_t>(program.chips * spec.mem_slices())),
          writes_(reads_.size()) {
        for (const QueueRun& run : runs) {
            if (run.use.sram_read)
                reads_[static_cast<std::size_t>(run.use.sram_read->slice)].add(run, false);
            if (run.use.sram_write)
                writes_[static_cast<std::size_t>(run.use.sram_write->slice)].add(run, true);
        }
    }

    std::optional<ScheduleViolation> check() {
        for (std::size_t slice = 0; slice < reads_.size(); ++slice) {
            Port& reads = reads_[slice];
            Port& writes = writes_[slice];
            reads.times.build();
            writes.times.build();
            for (const Accesses& write : writes.runs)
                for_each_meeting(write, reads, [&](const Accesses& read) { check_bank(read, write); });
            check_port(reads);
            check_port(writes);
        }
        if (first_)
            return first_->violation;
        return std::nullopt;
    }

  private:
    /// A clash with what decides between two that name the same instance: whether it is named for its read,
    /// then the other one.
    struct Clash {
        ScheduleViolation violation;
        bool read_named = false;

        [[nodiscard]] auto order() const {
            return std::tuple(violation.order(), read_named, violation.other_run, violation.other_repeat);
        }
    };

    [[nodiscard]] AffineAddress address_of(const Accesses& of) const {
        return {program_.runs[static_cast<std::size_t>(of.run->run)], of.use().address,
                of.writes ? AffineAddress::Side::Write : AffineAddress::Side::Read};
    }

    template <class Visit>
    static void for_each_meeting(const Accesses& one, const Port& others, const Visit& visit) {
        const std::int64_t first = one.run->issue.first() + one.use().offset;
        others.times.for_each_touching(first, first + one.run->issue.span(),
                                       [&](std::size_t at) { visit(others.runs[at]); });
    }

    void check_bank(const Accesses& read, const Accesses& write) {
        const AffineAddress from = address_of(read), to = address_of(write);
        const auto read_range = from.range(), write_range = to.range();
        if (bank_of(spec_, read_range.greatest) < bank_of(spec_, write_range.least) ||
            bank_of(spec_, write_range.greatest) < bank_of(spec_, read_range.least)) {
            return;
        }
        if (const auto tau = BankClash(*read.run, from, *write.run, to, spec_).first())
            keep(*tau, read, write);
    }

    /// Two reads, or two writes, in one cycle: one is plain, the other one through a map and issued earlier.
    void check_port(const Port& port) {
        for (const Accesses& mapped : port.runs) {
            if (!through_map(mapped))
                continue;
            for_each_meeting(mapped, port, [&](const Accesses& plain) {
                if (through_map(plain))
                    return; // They issue together, if ever they meet.
                if (const auto tau = first_common(mapped.times(), plain.times()))
                    keep(*tau, mapped, plain);
            });
        }
    }

    [[nodiscard]] bool through_map(const Accesses& of) const {
        const auto& access =
            std::get<MemAccess>(program_.runs[static_cast<std::size_t>(of.run->run)].instruction);
        return of.writes ? access.write->scatter.has_value() : access.read->gather.has_value();
    }

    /// Named is the greater in (run, repeat), of one instance its read.
    void keep(std::int64_t tau, const Accesses& a, const Accesses& b) {
        const auto order = [&](const Accesses& of) {
            return std::tuple(of.run->run, of.repeat_at(tau), !of.writes);
        };
        const Accesses& named = order(a) < order(b) ? b : a;
        const Accesses& other = order(a) < order(b) ? a : b;
        const std::int64_t repeat = named.repeat_at(tau);
        Clash found{named.run->violation(ViolationClass::BankConflict, tau, repeat), !named.writes};
        found.violation.address = address_of(named).at(repeat);
        name_other(found.violation, *other.run, other.repeat_at(tau));
        if (!first_ || found.order() < first_->order())
            first_ = found;
    }

    const Program& program_;
    const ChipSpec& spec_;
    std::vector<Port> reads_, writes_; ///< by slice
    std::optional<Clash> first_;
};

} // namespace

std::optional<ScheduleViolation> check_banks(const Program& program, const std::vector<QueueRun>& runs,
                                             const ChipSpec& spec) {
    return BankChecker(program, runs, spec).check();
}

} // namespace lpusim::chip
