#include "lpusim/chip/fold/checks.h"

#include <array>
#include <vector>

#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {
namespace {

/// The first instance, in program order, whose window does not lie in one bank of its slice.
///
/// Level by level from outside, each only while something inside can fail; what was found to be in order is
/// not looked at again. Cost: at most the words of a slice a level, times the steps of the level inside it
/// that stay in the slice.
class WindowSearch {
  public:
    WindowSearch(const InstructionRun& run, const AffineAddress& address, std::int64_t words,
                 const ChipSpec& spec)
        : address_(address), words_(words), spec_(spec) {
        for (const Level& level : run.repeat)
            steps_.push_back({address.stride(level), level.count});
        in_order_.resize(steps_.size());
    }

    [[nodiscard]] std::optional<std::int64_t> first() { return search(0, address_.at(0)); }

  private:
    struct Step {
        std::int64_t words = 0;
        std::int64_t count = 1;
    };

    /// The first failing instance of the levels from `level` inwards, counted from their first.
    std::optional<std::int64_t> search(std::size_t level, std::int64_t address) {
        if (!window_fits(spec_, address, words_))
            return 0;
        if (level == steps_.size())
            return std::nullopt;
        const AffineAddress::Range range = address_.range_inside(address, level);
        if (window_fits(spec_, range.least, words_ + range.greatest - range.least))
            return std::nullopt;
        std::vector<bool>& in_order = in_order_[level];
        in_order.resize(static_cast<std::size_t>(spec_.mem_words_per_slice), false);
        if (in_order[static_cast<std::size_t>(address)])
            return std::nullopt;
        const Step& step = steps_[level];
        for (std::int64_t i = 0; i < (step.words == 0 ? 1 : step.count); ++i) {
            if (const auto found = search(level + 1, address + i * step.words))
                return i * instances_inside(level) + *found;
        }
        in_order[static_cast<std::size_t>(address)] = true;
        return std::nullopt;
    }

    [[nodiscard]] std::int64_t instances_inside(std::size_t level) const {
        std::int64_t count = 1;
        for (std::size_t k = level + 1; k < steps_.size(); ++k)
            count *= steps_[k].count;
        return count;
    }

    const AffineAddress& address_;
    std::int64_t words_;
    const ChipSpec& spec_;
    std::vector<Step> steps_;
    std::vector<std::vector<bool>> in_order_; ///< by level and address
};

class AddressChecker {
  public:
    AddressChecker(const Program& program, const ChipSpec& spec) : program_(program), spec_(spec) {}

    std::optional<ScheduleViolation> check(const std::vector<QueueRun>& runs) {
        for (const QueueRun& run : runs) {
            if (run.use.sram_read)
                need_windows(run, *run.use.sram_read, AffineAddress::Side::Read);
            if (run.use.sram_write)
                need_windows(run, *run.use.sram_write, AffineAddress::Side::Write);
            if (const auto& plane = run.use.plane) {
                const AffineAddress address(what(run), plane->index, AffineAddress::Side::Read);
                if (plane->kind == PlaneUse::Kind::Load) {
                    need(run, address, address.first_outside(0, spec_.lanes() - plane->width), plane->offset);
                } else if (plane->kind == PlaneUse::Kind::Accumulate) {
                    need(run, address, address.first_outside(0, spec_.mxm_accumulator_vectors - 1),
                         plane->offset);
                }
            }
        }
        return first_;
    }

  private:
    [[nodiscard]] const InstructionRun& what(const QueueRun& run) const {
        return program_.runs[static_cast<std::size_t>(run.run)];
    }

    void need_windows(const QueueRun& run, const SramUse& use, AffineAddress::Side side) {
        const AffineAddress address(what(run), use.address, side);
        need(run, address,
             use.words == 1 ? address.first_outside(0, spec_.mem_words_per_slice - 1)
                            : WindowSearch(what(run), address, use.words, spec_).first(),
             use.offset);
    }

    void need(const QueueRun& run, const AffineAddress& address, std::optional<std::int64_t> outside,
              std::int64_t offset) {
        if (!outside)
            return;
        ScheduleViolation broken =
            run.violation(ViolationClass::AddressRange, run.issue.at(*outside) + offset, *outside);
        broken.address = address.at(*outside);
        keep_first(first_, broken);
    }

    const Program& program_;
    const ChipSpec& spec_;
    std::optional<ScheduleViolation> first_;
};

} // namespace

std::optional<ScheduleViolation> check_addresses(const Program& program, const std::vector<QueueRun>& runs,
                                                 const ChipSpec& spec) {
    return AddressChecker(program, spec).check(runs);
}

} // namespace lpusim::chip
