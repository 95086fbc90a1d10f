#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/base/progression.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/error.h"

namespace lpusim::chip {

/// A run on one of its queues: what one instance does, and when all of them issue.
/// Index i of `issue` is instance i in program order: repeat levels do not overlap. Its levels are those of
/// the repeat that repeat, so an address is affine in them.
struct QueueRun {
    std::int64_t run = 0;
    std::int64_t slice = 0;
    RunUse use;
    Progression issue;

    [[nodiscard]] ScheduleViolation violation(ViolationClass kind, std::int64_t tau,
                                              std::int64_t repeat) const {
        ScheduleViolation broken;
        broken.tau = tau;
        broken.kind = kind;
        broken.queue = use.queue;
        broken.run = run;
        broken.repeat = repeat;
        return broken;
    }
};

/// Every run of the program on every queue of its slice range, in program order.
/// Precondition: the program is valid.
[[nodiscard]] std::vector<QueueRun> queue_runs(const Program& program, const ChipSpec& spec);

/// Names instance `repeat` of `other` as the one that `broken` clashes with.
inline void name_other(ScheduleViolation& broken, const QueueRun& other, std::int64_t repeat) {
    broken.other_queue = other.use.queue;
    broken.other_run = other.run;
    broken.other_repeat = repeat;
}

/// The queues of a program's chips as small numbers, 0 .. count - 1, chip by chip, in the order of their ids.
class QueueNumbers {
  public:
    explicit QueueNumbers(const ChipSpec& spec, std::int64_t chips = 1) : chips_(chips) {
        const auto sides = [this](Unit unit, std::int64_t queues_per_hemisphere) {
            Block& block = blocks_[static_cast<std::size_t>(unit)];
            block = {per_chip_, queues_per_hemisphere};
            per_chip_ += 2 * queues_per_hemisphere;
        };
        sides(Unit::Mem, spec.mem_slices_per_hemisphere);
        sides(Unit::MxmWeights, spec.mxm_planes_per_hemisphere);
        sides(Unit::MxmActivations, spec.mxm_planes_per_hemisphere);
        sides(Unit::MxmAccumulators, spec.mxm_planes_per_hemisphere);
        blocks_[static_cast<std::size_t>(Unit::Vxm)] = {per_chip_, 0};
        per_chip_ += spec.vxm_alus;
        sides(Unit::Sxm, spec.sxm_queues_per_hemisphere);
        sides(Unit::C2c, spec.c2c_links_per_hemisphere);
    }

    [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(chips_ * per_chip_); }
    [[nodiscard]] std::size_t of(const QueueId& queue) const {
        const Block& block = blocks_[static_cast<std::size_t>(queue.unit)];
        const std::int64_t side = queue.hemisphere == Hemisphere::West ? 0 : block.per_hemisphere;
        return static_cast<std::size_t>(queue.chip * per_chip_ + block.first + side + queue.index);
    }

  private:
    struct Block {
        std::int64_t first = 0;
        std::int64_t per_hemisphere = 0;
    };

    std::int64_t chips_;
    std::int64_t per_chip_ = 0;
    std::array<Block, 7> blocks_{};
};

/// base + sum of stride_k * i_k over the repeat indices of one instance. Strides may have any sign.
class AffineAddress {
  public:
    enum class Side : std::uint8_t { Read, Write };
    AffineAddress(const InstructionRun& run, std::int64_t base, Side side)
        : run_(&run), base_(base), side_(side) {}

    struct Range {
        std::int64_t least = 0;
        std::int64_t greatest = 0;
    };

    [[nodiscard]] std::int64_t at(std::int64_t flat) const;
    /// Over all instances; ends beyond +-2^60 are reported as that.
    [[nodiscard]] Range range() const { return range_inside(base_, 0); }
    /// The first instance whose address is below `low` or above `high`. Cost: constant in the counts.
    [[nodiscard]] std::optional<std::int64_t> first_outside(std::int64_t low, std::int64_t high) const;

    [[nodiscard]] std::int64_t stride(const Level& level) const {
        return side_ == Side::Read ? level.address_stride : level.write_address_stride;
    }

    /// Over the repeat levels from `outermost` inwards, starting at `base`.
    [[nodiscard]] Range range_inside(std::int64_t base, std::size_t outermost) const;

  private:
    const InstructionRun* run_;
    std::int64_t base_;
    Side side_;
};

} // namespace lpusim::chip
