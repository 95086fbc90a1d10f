#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/kernel_needs.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/kernel_schedule.h"
#include "lpusim/chip/kernels/kernels_model.h"

namespace lpusim::chip {

namespace {

constexpr std::int64_t kPassesMax = 256; // more than a write and a read across the chip

// Logits are compared as whole numbers of the same order, so that there is one below all of them.
constexpr VxmImmediate kChosen{std::numeric_limits<std::int32_t>::min()};
constexpr VxmImmediate kNoId{std::numeric_limits<std::int32_t>::max()};
constexpr VxmImmediate kAllButSign{0x7fffffff};
/// Moves plus infinity (0x7f800000) to the end of int32, and NaN past it: around to below minus infinity.
constexpr VxmImmediate kNanToBottom{0x7fffffff - 0x7f800000};

/// One schedule with a given period from one group of `lanes` tokens to the next.
class GateBuilder {
  public:
    GateBuilder(const ChipSpec& spec, std::int64_t tokens, std::int64_t experts, std::int64_t chosen,
                std::int64_t period_cycles)
        : schedule_(spec), vxm_(vxm_position(spec)), step_(spec.vxm_alu_latency_cycles), experts_(experts),
          chosen_(chosen), groups_(div_ceil(tokens, spec.lanes())), period_(period_cycles) {
        const auto block = [&](const char* name, Tensor::Role role, DType dtype, std::int64_t columns) {
            const std::size_t tensor =
                schedule_.tensor({name, role, dtype, tokens, columns, true, spec.lanes(), {}});
            return schedule_.block(tensor, 0, 0, {{groups_, spec.lanes(), 0}, {columns, 0, 1}});
        };
        logits_ = block("logits", Tensor::Role::Input, DType::Fp32, experts);
        ids_ = block("ids", Tensor::Role::Output, DType::Int32, chosen);
        weights_ = block("weights", Tensor::Role::Output, DType::Fp32, chosen);
        for (std::size_t& copy : copies_) {
            copy = schedule_.scratch(DType::Int32, {{groups_}, {experts}});
        }
        greatest_ = schedule_.scratch(DType::Fp32, {{groups_}, {chosen}});
    }

    Program build(GateScore score) {
        std::optional<Flow> taken;
        for (std::int64_t round = 0; round < chosen_; ++round) {
            const Flow left = taken ? without(copy_of(round - 1), *taken) : keys(read(logits_, 0));
            schedule_.write(copy_of(round), left);
            const Flow greatest =
                wait_for(copy_of(round), schedule_.fold_innermost(VxmOp::Max, left), experts_);
            schedule_.write(greatest_, logit_of(greatest), {chosen_}, round);
            taken = lowest_id(copy_of(round), greatest);
            schedule_.write(ids_, *taken, {chosen_}, round);
        }
        write_weights(score, schedule_.readable(greatest_, vxm_));
        return schedule_.finish();
    }

  private:
    [[nodiscard]] std::vector<Level> groups(std::int64_t vectors) const {
        return {{groups_, period_, vectors}};
    }
    [[nodiscard]] Flow read(std::size_t block, std::int64_t cycle) {
        return schedule_.read(block, vxm_, cycle, {{groups_, period_, experts_}, {experts_, step_, 1}});
    }
    /// `value`, passed on until the block can be read beside it when it is held.
    [[nodiscard]] Flow wait_for(std::size_t block, Flow value, std::int64_t vectors) {
        const std::vector<Level> levels{{groups_, period_, vectors}, {vectors, step_, 1}};
        for (std::int64_t passes = 0; passes < kPassesMax; ++passes) {
            const std::int64_t cycle = value.cycle + step_;
            if (cycle >= schedule_.readable(block, vxm_) && schedule_.can_read(block, vxm_, cycle, levels)) {
                return value;
            }
            value = schedule_.vxm(VxmOp::Pass, {value});
        }
        throw NoRoom("SRAM is too busy to read what was just written");
    }

    /// The keys of the experts left after a round.
    [[nodiscard]] std::size_t copy_of(std::int64_t round) const {
        return copies_[static_cast<std::size_t>(round % 2)];
    }

    /// Keys in the order of logits: both zeros are one, and every NaN is the same one, below minus infinity.
    [[nodiscard]] Flow keys(const Flow& logits) {
        Flow bits = schedule_.vxm(VxmOp::Add, {logits, number(0)});
        bits.dtype = DType::Int32;
        return schedule_.vxm(VxmOp::Add, {flipped_if_negative(bits), kNanToBottom});
    }
    [[nodiscard]] Flow logit_of(const Flow& key) {
        Flow logit = flipped_if_negative(schedule_.vxm(VxmOp::Sub, {key, kNanToBottom}));
        logit.dtype = DType::Fp32;
        return logit;
    }
    /// The bits of fp32 as whole numbers of the same order, and back.
    [[nodiscard]] Flow flipped_if_negative(const Flow& bits) {
        const Flow is_negative = schedule_.vxm(VxmOp::Less, {bits, VxmImmediate{0}});
        const Flow flipped = schedule_.vxm(VxmOp::Xor, {bits, kAllButSign});
        const Flow kept = schedule_.vxm(VxmOp::Pass, {bits});
        return schedule_.vxm(VxmOp::Select, {flipped, kept, is_negative});
    }

    /// The keys left, but the least of all for expert `taken`.
    [[nodiscard]] Flow without(std::size_t left, const Flow& taken) {
        const Flow held = schedule_.hold(taken, experts_);
        const Flow ids = schedule_.counting(held.cycle, groups(0), experts_);
        const Flow is_taken = schedule_.vxm(VxmOp::Equal, {held, ids});
        return schedule_.vxm(VxmOp::Select, {kChosen, read(left, is_taken.cycle), is_taken});
    }

    /// The least id whose key is the greatest.
    [[nodiscard]] Flow lowest_id(std::size_t left, const Flow& greatest) {
        const Flow held = schedule_.hold(greatest, experts_);
        const Flow is_greatest = schedule_.vxm(VxmOp::Equal, {held, read(left, held.cycle)});
        const Flow ids = schedule_.counting(is_greatest.cycle, groups(0), experts_);
        const Flow candidates = schedule_.vxm(VxmOp::Select, {ids, kNoId, is_greatest});
        return schedule_.fold_innermost(VxmOp::Min, candidates);
    }

    void write_weights(GateScore score, std::int64_t cycle) {
        const std::vector<Level> each{{groups_, period_, chosen_}, {chosen_, step_, 1}};
        Flow part;
        if (score == GateScore::Softmax) {
            const Flow first =
                schedule_.hold(schedule_.read(greatest_, vxm_, cycle, groups(chosen_)), chosen_);
            const Flow logits = schedule_.read(greatest_, vxm_, first.cycle, each);
            part = schedule_.vxm(VxmOp::Exp, {schedule_.vxm(VxmOp::Sub, {logits, first})});
        } else {
            const Flow negated = schedule_.vxm(VxmOp::Neg, {schedule_.read(greatest_, vxm_, cycle, each)});
            const Flow sum = schedule_.vxm(VxmOp::Add, {schedule_.vxm(VxmOp::Exp, {negated}), number(1)});
            const Flow root = schedule_.vxm(VxmOp::Rsqrt, {sum});
            part = schedule_.vxm(VxmOp::Mul, {root, root});
        }
        const std::size_t parts = schedule_.scratch(DType::Fp32, {{groups_}, {chosen_}});
        schedule_.write(parts, part);
        const Flow root = schedule_.vxm(VxmOp::Rsqrt, {schedule_.fold_innermost(VxmOp::Add, part)});
        const Flow share = wait_for(parts, schedule_.vxm(VxmOp::Mul, {root, root}), chosen_);
        const Flow held = schedule_.hold(share, chosen_);
        schedule_.write(weights_,
                        schedule_.vxm(VxmOp::Mul, {held, schedule_.read(parts, vxm_, held.cycle, each)}));
    }

    KernelSchedule schedule_;
    std::int64_t vxm_;
    std::int64_t step_;
    std::int64_t experts_;
    std::int64_t chosen_;
    std::int64_t groups_;
    std::int64_t period_;
    std::size_t logits_ = 0;
    std::size_t ids_ = 0;
    std::size_t weights_ = 0;
    std::array<std::size_t, 2> copies_{}; ///< of the keys not chosen yet, in turns
    std::size_t greatest_ = 0;            ///< the logit of each round
};

Program build_top_k_gate(const ChipSpec& spec, std::int64_t tokens, std::int64_t experts, std::int64_t chosen,
                         GateScore score) {
    check_sizes(spec, {{"tokens", tokens}, {"experts", experts}, {"chosen", chosen}});
    if (chosen > experts) {
        throw ValueError("chosen must be at most experts, got " + std::to_string(chosen) + " of " +
                         std::to_string(experts));
    }
    const std::int64_t lanes = spec.lanes();
    Program one = GateBuilder(spec, std::min(tokens, lanes), experts, chosen, 1).build(score);
    if (tokens <= lanes) {
        return one;
    }
    // Groups that do not overlap always fit; two or three at a time leave fewer units idle. A group's looks
    // at the experts are over before those of the next one begin.
    const std::int64_t alone = program_cycles(one, spec);
    const std::int64_t look = experts * spec.vxm_alu_latency_cycles;
    return first_fitting(3, 1, -1, [&](std::int64_t at_once) {
        const std::int64_t period = std::max(div_ceil(alone, at_once), look);
        return GateBuilder(spec, tokens, experts, chosen, period).build(score);
    });
}

} // namespace

Program top_k_gate(const ChipSpec& spec, std::int64_t tokens, std::int64_t experts, std::int64_t chosen,
                   GateScore score) {
    return build_or_say_needs(
        spec, [&](const ChipSpec& chip) { return build_top_k_gate(chip, tokens, experts, chosen, score); });
}

} // namespace lpusim::chip
