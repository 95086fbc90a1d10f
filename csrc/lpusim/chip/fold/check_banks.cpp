#include "lpusim/chip/fold/checks.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "lpusim/base/index_box.h"
#include "lpusim/chip/fold/meetings.h"
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

    [[nodiscard]] std::optional<std::int64_t> first() const {
        std::optional<std::int64_t> least;
        for (const Progression& piece : intersect(read_times_, write_times_)) {
            if (least && piece.first() >= *least)
                continue;
            const auto found = first_in(piece);
            if (found && (!least || *found < *least))
                least = found;
        }
        return least;
    }

  private:
    /// Both addresses are affine in the levels of a piece. Where one is outside SRAM an earlier or equal
    /// AddressRange is known, so nothing from there on matters.
    [[nodiscard]] std::optional<std::int64_t> first_in(const Progression& piece) const {
        const std::int64_t start = piece.first();
        const std::int64_t read = read_at(start), write = write_at(start);
        if (!in_range(read) || !in_range(write))
            return std::nullopt;
        std::vector<BoxAxis> axes;
        for (int k = 0; k < piece.rank(); ++k) {
            const auto [stride, count] = piece.level(k);
            const std::int64_t read_step = read_at(start + stride) - read;
            const std::int64_t write_step = write_at(start + stride) - write;
            const std::int64_t steps =
                std::min(steps_inside(read, read_step), steps_inside(write, write_step));
            axes.push_back({std::min(count, steps), read_step, write_step});
        }
        const auto point = first_reaching(axes, banks_from(read, write));
        if (!point)
            return std::nullopt;
        std::int64_t tau = start;
        for (int k = 0; k < piece.rank(); ++k)
            tau += (*point)[static_cast<std::size_t>(k)] * piece.level(k).stride;
        return tau;
    }

    /// How far both addresses may move to be in a bank, for each bank.
    [[nodiscard]] std::vector<WindowPair> banks_from(std::int64_t read, std::int64_t write) const {
        const std::int64_t words = spec_.mem_words_per_slice / spec_.mem_banks_per_slice;
        std::vector<WindowPair> banks;
        for (std::int64_t first = 0; first < spec_.mem_words_per_slice; first += words) {
            const std::int64_t last = first + words - 1;
            banks.push_back({{first - read, last - read}, {first - write, last - write}});
        }
        return banks;
    }

    /// How many addresses from `address` on, a step from each to the next, lie in the slice.
    [[nodiscard]] std::int64_t steps_inside(std::int64_t address, std::int64_t step) const {
        if (step == 0)
            return std::numeric_limits<std::int64_t>::max();
        return 1 + (step > 0 ? (spec_.mem_words_per_slice - 1 - address) / step : address / -step);
    }

    [[nodiscard]] std::int64_t read_at(std::int64_t tau) const { return read_.at(*read_times_.find(tau)); }
    [[nodiscard]] std::int64_t write_at(std::int64_t tau) const { return write_.at(*write_times_.find(tau)); }
    [[nodiscard]] bool in_range(std::int64_t address) const {
        return address >= 0 && address < spec_.mem_words_per_slice;
    }

    const AffineAddress& read_;
    const AffineAddress& write_;
    const ChipSpec& spec_;
    Progression read_times_;
    Progression write_times_;
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
    MeetingIndex times;

    void add(const QueueRun& run, bool writes) {
        const Accesses& added = runs.emplace_back(Accesses{&run, writes});
        times.add(added.times(), runs.size() - 1);
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
    static void for_each_meeting(const Accesses& one, Port& others, const Visit& visit) {
        const Progression times = one.times();
        others.times.for_each_candidate(
            times.first(), times.last(), times, [&](std::size_t at) { return others.runs[at].times(); },
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
    void check_port(Port& port) {
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
