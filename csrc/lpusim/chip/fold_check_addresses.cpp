#include "lpusim/chip/fold_checks.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "lpusim/chip/fold_intervals.h"
#include "lpusim/chip/layout.h"

namespace lpusim::chip {
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
        : program_(program), runs_(runs), spec_(spec),
          reads_(static_cast<std::size_t>(program.chips * spec.mem_slices())), writes_(reads_.size()) {}

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

} // namespace

std::optional<ScheduleViolation> check_addresses(const Program& program, const std::vector<QueueRun>& runs,
                                                 const ChipSpec& spec) {
    return AddressChecker(program, runs, spec).check();
}

} // namespace lpusim::chip
