#include <algorithm>
#include <utility>

#include "lpusim/chip/tick/machine.h"
#include "lpusim/chip/values/values.h"

namespace lpusim::chip {

void TickMachine::take_hold(const Instance& issued) {
    for (const HoldUse& hold : source_of(issued).use.holds) {
        auto& holders = hold.kind == HoldUse::Kind::Array ? array_holders_ : link_holders_;
        Holder& holder = holders[static_cast<std::size_t>(hold.index)];
        const Holder taken{tau_, tau_ + hold.cycles, issued.source, issued.flat};
        if (holder.until <= tau_) {
            holder = taken;
            continue;
        }
        Instance other;
        other.source = holder.source;
        other.flat = holder.flat;
        const bool named = holder.since < tau_ || precedes(other, issued);
        ScheduleViolation found = violation(ViolationClass::ResourceBusy, named ? issued : other);
        name_other(found, named ? other : issued);
        keep_first(error_, found);
        if (!named) {
            holder = taken;
        }
    }
}

void TickMachine::install(const Instance& issued) {
    Plane& mxm = plane(*source_of(issued).use.plane);
    if (!mxm.any_loaded || mxm.loads_done_at > tau_) {
        keep_first(error_, violation(ViolationClass::LoadsUnfinished, issued));
    }
    mxm.swap_at = tau_ + source_of(issued).use.plane->done_offset;
    mxm.any_loaded = false;
    std::fill(mxm.loaded_at.begin(), mxm.loaded_at.end(), kNever);
    std::swap(mxm.installing, mxm.shadow);
    mxm.shadow.clear();
}

void TickMachine::swap_weights(const Instance& issued) {
    Plane& mxm = plane(*source_of(issued).use.plane);
    mxm.any_active = true;
    std::swap(mxm.active, mxm.installing);
}

void TickMachine::work_plane(Instance& issued) {
    const PlaneUse& use = *source_of(issued).use.plane;
    if (use.kind == PlaneUse::Kind::Load) {
        load_columns(issued, use);
    } else if (use.kind == PlaneUse::Kind::Activate) {
        activate(issued, use);
    } else {
        accumulate(issued, use);
    }
}

void TickMachine::load_columns(const Instance& issued, const PlaneUse& use) {
    Plane& mxm = plane(use);
    const std::int64_t column = use.index + issued.address;
    if (column < 0 || column + use.width > lanes_) {
        report_address(issued, column);
        return;
    }
    bool busy = mxm.swap_at > tau_;
    for (std::int64_t i = 0; i < use.width; ++i) {
        auto& loaded_at = mxm.loaded_at[static_cast<std::size_t>(column + i)];
        busy = busy || loaded_at != kNever;
        loaded_at = tau_;
        if (values_ && !error_) {
            if (mxm.shadow.lanes() == 0) {
                mxm.shadow = WeightPlane(lanes_);
            }
            mxm.shadow.set_column(column + i, issued.operands[0].data() + i * lanes_);
        }
    }
    if (busy) {
        ScheduleViolation found = violation(ViolationClass::ShadowBusy, issued);
        found.address = column;
        keep_first(error_, found);
    }
    mxm.any_loaded = true;
    mxm.loads_done_at = tau_ - use.offset + use.done_offset;
}

void TickMachine::activate(Instance& issued, const PlaneUse& use) {
    Plane& mxm = plane(use);
    Plane* high = use.width == 2 ? &planes_[static_cast<std::size_t>(use.plane + 1)] : nullptr;
    if (!mxm.any_active || (high != nullptr && !high->any_active)) {
        keep_first(error_, violation(ViolationClass::WeightsMissing, issued));
    } else if (values_ && !error_) {
        multiply(std::get<MxmActivate>(source_of(issued).what->instruction), spec_, mxm.active,
                 high != nullptr ? &high->active : nullptr, issued.operands[0].data(), 1, issued.sums);
    }
}

void TickMachine::accumulate(Instance& issued, const PlaneUse& use) {
    const std::int64_t slot = use.index + issued.address;
    if (slot < 0 || slot >= spec_.mxm_accumulator_vectors) {
        report_address(issued, slot);
        return;
    }
    if (!values_ || error_) {
        return;
    }
    auto& total = plane(use).accumulators[static_cast<std::size_t>(slot)];
    const auto& order = std::get<MxmAccumulate>(source_of(issued).what->instruction);
    const Moment& sums = column_sums_[static_cast<std::size_t>(use.plane)];
    const ColumnSums& made = instance(sums.instance).sums;
    if (made.wide.empty()) {
        total.take(order, made.words);
    } else {
        total.take(order, made.wide);
    }
    std::vector<std::int32_t> words(static_cast<std::size_t>(lanes_));
    total.read(words);
    issued.result.resize(static_cast<std::size_t>(4 * lanes_));
    split_int32(words, issued.result.data());
}

} // namespace lpusim::chip
