#include <algorithm>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/matmul_runs.h"

namespace lpusim::chip {

namespace {

/// What one taker holds. Takers are numbered west first; a team are `steps` of them in a row.
struct Resident {
    Hemisphere hemisphere = Hemisphere::West;
    std::int64_t place = 0; ///< in its hemisphere
    std::int64_t team = 0;
    std::int64_t tile = 0;
    std::int64_t step = 0;
    std::int64_t copy = 0;
    std::int64_t source = 0; ///< of activations: takers of a hemisphere share those of one step and copy
};

std::vector<Resident> residents_of(const ResidentPlan& plan) {
    std::vector<Resident> residents;
    for (std::int64_t number = 0; number < plan.teams() * plan.steps; ++number) {
        Resident next;
        next.hemisphere = number < plan.takers ? Hemisphere::West : Hemisphere::East;
        next.place = number % plan.takers;
        next.team = number / plan.steps;
        next.tile = next.team % plan.tiles;
        next.step = number % plan.steps;
        next.copy = next.team / plan.tiles;
        for (const Resident& other : residents) {
            if (other.hemisphere != next.hemisphere)
                continue;
            if (other.step == next.step && other.copy == next.copy) {
                next.source = other.source;
                break;
            }
            next.source = std::max(next.source, other.source + 1);
        }
        residents.push_back(next);
    }
    return residents;
}

/// Results of one step leave for slices next to the MXM; sums of several come back from the VXM.
bool added_by_vxm(const ResidentPlan& plan) {
    return plan.steps > 1;
}

/// Slices of a hemisphere, from the VXM outward: sums of the VXM; activations by source, sets inside, bytes
/// inside; weights by taker, bytes inside; results of the MXM.
class ResidentClock {
  public:
    ResidentClock(const ChipSpec& spec, const ResidentPlan& plan)
        : spec_(spec), plan_(plan), type_(matmul_type(plan.dtype, spec)), residents_(residents_of(plan)) {
        std::int64_t sources = 0, takers = 0;
        for (const Resident& resident : residents_) { // The west has at least as many as the east.
            if (resident.hemisphere == Hemisphere::West) {
                sources = std::max(sources, resident.source + 1);
                takers = std::max(takers, resident.place + 1);
            }
        }
        const std::int64_t results = checked_multiply(
            kSumBytes * plan.output_sets, added_by_vxm(plan) ? div_ceil(plan.teams(), 2) : takers);
        const std::int64_t activations = checked_multiply(sources * type_.bytes, plan.activation_sets);
        const std::int64_t weights = takers * type_.bytes * plan.load_streams;
        slices_ = checked_add(checked_add(results, activations), weights);
        activations_ = added_by_vxm(plan) ? results : spec.mem_slices_per_hemisphere - slices_;
        weights_ = activations_ + activations;
        results_ = added_by_vxm(plan) ? 0 : weights_ + weights;
    }

    [[nodiscard]] const MatmulType& type() const { return type_; }
    [[nodiscard]] const std::vector<Resident>& residents() const { return residents_; }
    [[nodiscard]] std::int64_t slices() const { return slices_; }
    [[nodiscard]] std::int64_t loads() const { return div_ceil(plan_.tile_columns, plan_.load_streams); }

    [[nodiscard]] std::int64_t activation_slice(std::int64_t source, std::int64_t set) const {
        return activations_ + (source * plan_.activation_sets + set) * type_.bytes;
    }
    [[nodiscard]] std::int64_t weight_slice(std::int64_t place) const {
        return weights_ + place * type_.bytes * plan_.load_streams;
    }
    [[nodiscard]] std::int64_t result_slice(const Resident& resident, std::int64_t set) const {
        const std::int64_t group = added_by_vxm(plan_) ? resident.team / 2 : resident.place;
        return results_ + kSumBytes * (group * plan_.output_sets + set);
    }

    // Cycles relative to the one in which all weights become active.
    [[nodiscard]] std::int64_t first_install() const { return -spec_.mxm_install_latency_cycles; }
    [[nodiscard]] std::int64_t first_load() const {
        return first_install() - std::max<std::int64_t>(spec_.mxm_load_latency_cycles, 1) - (loads() - 1);
    }
    /// The sums of the third step on meet those before an addition later.
    [[nodiscard]] std::int64_t first_activation(std::int64_t step) const {
        return std::max<std::int64_t>(0, step - 1) * spec_.vxm_alu_latency_cycles;
    }
    [[nodiscard]] std::int64_t sums_cycles() const {
        return spec_.mxm_activate_latency_cycles + type_.row_cycles - 1;
    }
    [[nodiscard]] std::int64_t first_result(std::int64_t step) const {
        return first_activation(step) + sums_cycles() + spec_.mxm_accumulate_latency_cycles;
    }
    /// The operands of addition 1, 2, ...
    [[nodiscard]] std::int64_t first_addition(std::int64_t step) const {
        return first_result(step) + vxm_hops(spec_);
    }
    /// The write instruction of row 0.
    [[nodiscard]] std::int64_t first_write(std::int64_t slice) const {
        if (!added_by_vxm(plan_))
            return first_result(0) + mxm_hops(spec_, slice);
        return first_addition(plan_.steps - 1) + spec_.vxm_alu_latency_cycles + mem_distance(spec_, slice);
    }
    [[nodiscard]] std::int64_t start() const {
        const std::int64_t weights = first_load() - mxm_hops(spec_, weights_);
        const std::int64_t activations = first_activation(0) - mxm_hops(spec_, activations_);
        return std::min(weights, activations) - spec_.mem_read_latency_cycles;
    }
    [[nodiscard]] std::int64_t end() const {
        std::int64_t last = 0;
        const std::int64_t rows_a_set = spec_.mem_words_per_slice;
        for (const Resident& resident : residents_) {
            for (std::int64_t set = 0; set < plan_.output_sets; ++set) {
                const std::int64_t rows = std::min(plan_.rows, (set + 1) * rows_a_set);
                const std::int64_t slice = result_slice(resident, set);
                for (const std::int64_t byte : {std::int64_t{0}, kSumBytes - 1})
                    last = std::max(last, first_write(slice + byte) + (rows - 1) * type_.row_cycles);
            }
        }
        return last + spec_.mem_write_latency_cycles + spec_.superlanes;
    }

  private:
    const ChipSpec& spec_;
    const ResidentPlan& plan_;
    MatmulType type_;
    std::vector<Resident> residents_;
    std::int64_t slices_ = 0;
    std::int64_t activations_ = 0;
    std::int64_t weights_ = 0;
    std::int64_t results_ = 0;
};

class ResidentBuilder {
  public:
    ResidentBuilder(const ChipSpec& spec, const ResidentPlan& plan)
        : spec_(spec), plan_(plan), clock_(spec, plan), type_(clock_.type()), runs_(spec, clock_.start()) {}

    Program build(std::int64_t m, std::int64_t n, std::int64_t k) {
        const std::int64_t lanes = spec_.lanes();
        auto& tensors = runs_.program.tensors;
        tensors.push_back({"a", Tensor::Role::Input, type_.operand, m, k, false, lanes, {}});
        tensors.push_back({"w", Tensor::Role::Input, type_.operand, k, n, true, lanes, {}});
        tensors.push_back({"c", Tensor::Role::Output, type_.sums, m, n, false, plan_.tile_columns, {}});
        const auto& residents = clock_.residents();
        for (std::size_t i = 0; i < residents.size(); ++i) {
            const Resident& resident = residents[i];
            hold_weights(resident);
            const bool shared = std::any_of(
                residents.begin(), residents.begin() + static_cast<std::ptrdiff_t>(i),
                [&](const Resident& other) {
                    return other.hemisphere == resident.hemisphere && other.source == resident.source;
                });
            if (!shared)
                stream_activations(resident);
            multiply(resident);
            if (resident.step > 0)
                add(resident, residents[i - 1]);
            if (resident.step == plan_.steps - 1)
                write_results(resident);
        }
        return std::move(runs_.program);
    }

  private:
    [[nodiscard]] Level rows() const { return {plan_.rows, type_.row_cycles, 0, 0}; }

    void hold_weights(const Resident& resident) {
        const std::int64_t width = plan_.load_streams, loads = clock_.loads();
        const std::int64_t whole = plan_.tile_columns / width, rest = plan_.tile_columns % width;
        const std::int64_t slice = clock_.weight_slice(resident.place);
        const auto stream_of = [&](std::int64_t byte) {
            return (resident.place * type_.bytes + byte) * width;
        };
        const auto load = [&](std::int64_t first, std::int64_t count, std::int64_t columns) {
            for (std::int64_t byte = 0; byte < type_.bytes; ++byte) {
                runs_.read(resident.hemisphere, slice + byte * width, first, stream_of(byte),
                           clock_.first_load() + first, {{count, 1, 1, 0}}, columns);
            }
            runs_.program.tensors[1].pieces.push_back({resident.hemisphere,
                                                       slice,
                                                       first,
                                                       resident.step * spec_.lanes(),
                                                       resident.tile * plan_.tile_columns + first * width,
                                                       {{count, 0, width, 0, 1}, {columns, 0, 1, 1, 0}},
                                                       0,
                                                       width});
        };
        if (whole > 0)
            load(0, whole, width);
        if (rest > 0)
            load(loads - 1, 1, rest);
        for (std::int64_t byte = 0; byte < type_.bytes; ++byte) {
            runs_.load_and_install(resident.hemisphere, plane_of(resident) + byte, plan_.tile_columns, width,
                                   stream_of(byte), clock_.first_load(), clock_.first_install(), {});
        }
    }

    [[nodiscard]] std::int64_t plane_of(const Resident& resident) const {
        return resident.place * type_.bytes;
    }

    void stream_activations(const Resident& resident) {
        for (std::int64_t set = 0; set < plan_.activation_sets; ++set) {
            const std::int64_t first = set * spec_.mem_words_per_slice;
            const std::int64_t count = std::min(spec_.mem_words_per_slice, plan_.rows - first);
            const std::int64_t slice = clock_.activation_slice(resident.source, set);
            runs_.read(resident.hemisphere, slice, 0, resident.source * type_.bytes,
                       clock_.first_activation(resident.step) + first * type_.row_cycles,
                       {{count, type_.row_cycles, 1, 0}}, type_.bytes);
            runs_.program.tensors[0].pieces.push_back({resident.hemisphere,
                                                       slice,
                                                       0,
                                                       resident.copy * plan_.rows + first,
                                                       resident.step * spec_.lanes(),
                                                       {{count, 1, 0, 0, 1}}});
        }
    }

    void multiply(const Resident& resident) {
        const std::int64_t plane = plane_of(resident);
        MxmActivate activate;
        activate.dtype = type_.operand;
        activate.from = {outward(resident.hemisphere), resident.source * type_.bytes};
        runs_.emit({Unit::MxmActivations, resident.hemisphere, plane}, clock_.first_activation(resident.step),
                   activate, {rows()});
        MxmAccumulate accumulate;
        accumulate.dtype = type_.sums;
        accumulate.to = sums_of(resident);
        runs_.emit({Unit::MxmAccumulators, resident.hemisphere, plane},
                   clock_.first_activation(resident.step) + clock_.sums_cycles(), accumulate, {rows()});
    }

    [[nodiscard]] static StreamRef sums_of(const Resident& resident) {
        return {inward(resident.hemisphere), kSumBytes * resident.place};
    }

    [[nodiscard]] static Hemisphere side_of(std::int64_t team) {
        return team % 2 == 0 ? Hemisphere::West : Hemisphere::East;
    }

    /// One ALU for each step after the first: the sum so far (or, first, the sums of `before`) + its own.
    void add(const Resident& resident, const Resident& before) {
        const std::int64_t alu = resident.team * (plan_.steps - 1) + resident.step - 1;
        VxmCompute sum;
        sum.op = VxmOp::Add;
        sum.dtype = sum.result = type_.sums;
        sum.a = resident.step == 1 ? VxmOperand{VxmStream{sums_of(before)}} : VxmOperand{VxmChain{alu - 1}};
        sum.b = VxmStream{sums_of(resident)};
        if (resident.step == plan_.steps - 1)
            sum.to = StreamRef{outward(side_of(resident.team)), kSumBytes * (resident.team / 2)};
        runs_.emit({Unit::Vxm, Hemisphere::West, alu}, clock_.first_addition(resident.step), sum, {rows()});
    }

    void write_results(const Resident& resident) {
        const Hemisphere hemisphere = added_by_vxm(plan_) ? side_of(resident.team) : resident.hemisphere;
        const StreamRef from = added_by_vxm(plan_)
                                   ? StreamRef{outward(hemisphere), kSumBytes * (resident.team / 2)}
                                   : sums_of(resident);
        SliceRange range;
        range.count = kSumBytes;
        range.write_stream_stride = 1;
        range.follow = from.direction;
        for (std::int64_t set = 0; set < plan_.output_sets; ++set) {
            const std::int64_t first = set * spec_.mem_words_per_slice;
            const std::int64_t count = std::min(spec_.mem_words_per_slice, plan_.rows - first);
            const std::int64_t slice = clock_.result_slice(resident, set);
            MemAccess access;
            access.write = MemWrite{0, from, {}};
            runs_.emit({Unit::Mem, hemisphere, slice}, clock_.first_write(slice) + first * type_.row_cycles,
                       access, {{count, type_.row_cycles, 0, 1}}, range);
            runs_.program.tensors[2].pieces.push_back({hemisphere,
                                                       slice,
                                                       0,
                                                       resident.copy * plan_.rows + first,
                                                       resident.tile * plan_.tile_columns,
                                                       {{count, 1, 0, 0, 1}}});
        }
    }

    const ChipSpec& spec_;
    const ResidentPlan& plan_;
    ResidentClock clock_;
    MatmulType type_;
    MatmulRuns runs_;
};

} // namespace

ResidentPlan plan_gemm_resident(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k,
                                DType dtype) {
    check_sizes(spec, {{"m", m}, {"n", n}, {"k", k}});
    const MatmulType type = matmul_type(dtype, spec);
    check_fits(spec,
               "a product of " + std::to_string(m) + " x " + std::to_string(k) + " by " + std::to_string(k) +
                   " x " + std::to_string(n) + " with resident weights",
               {{m, k, type.bytes}, {k, n, type.bytes}, {m, n, kSumBytes}});
    ResidentPlan plan;
    plan.dtype = dtype;
    plan.tiles = div_ceil(n, spec.lanes());
    plan.tile_columns = div_ceil(n, plan.tiles);
    plan.steps = div_ceil(k, spec.lanes());
    plan.takers =
        std::min(spec.mxm_planes_per_hemisphere / type.bytes, spec.streams_per_direction / kSumBytes);
    const std::int64_t needed = checked_multiply(plan.tiles, plan.steps);
    if (needed > 2 * plan.takers) {
        throw ValueError("resident weights of " + std::to_string(k) + " x " + std::to_string(n) + " are " +
                         std::to_string(needed) + " tiles; the planes hold " +
                         std::to_string(2 * plan.takers) + " of " + to_string(dtype));
    }
    plan.copies = std::min(2 * plan.takers / needed, m);
    if (plan.steps > 1)
        plan.copies = std::min(plan.copies, spec.vxm_alus / ((plan.steps - 1) * plan.tiles));
    if (plan.copies == 0) {
        throw ValueError("sums of " + std::to_string(plan.steps) + " steps need " +
                         std::to_string((plan.steps - 1) * plan.tiles) + " ALUs, got " +
                         std::to_string(spec.vxm_alus));
    }
    plan.rows = div_ceil(m, plan.copies);
    plan.activation_sets = plan.output_sets = div_ceil(plan.rows, spec.mem_words_per_slice);
    const std::int64_t width_max =
        std::min(spec.mxm_load_streams, spec.streams_per_direction / (plan.takers * type.bytes));
    const std::int64_t width_min = div_ceil(plan.tile_columns, spec.mem_words_per_slice);
    for (plan.load_streams = width_max; plan.load_streams >= width_min; --plan.load_streams) {
        const ResidentClock clock(spec, plan);
        if (clock.slices() <= spec.mem_slices_per_hemisphere) {
            plan.cycles = clock.end() - clock.start();
            plan.bound = product_bound(spec, type, m, n, k);
            return plan;
        }
    }
    plan.load_streams = width_min;
    const std::int64_t slices =
        std::max(ResidentClock(spec, plan).slices(), spec.mem_slices_per_hemisphere + 1);
    throw CapacityError(
        "a product of " + std::to_string(m) + " rows with resident weights needs " + std::to_string(slices) +
            " SRAM slices in each hemisphere; there are " + std::to_string(spec.mem_slices_per_hemisphere),
        checked_multiply(2 * slices, spec.mem_words_per_slice * spec.lanes()), spec.mem_bytes());
}

Program gemm_resident(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k, DType dtype) {
    const ResidentPlan plan = plan_gemm_resident(spec, m, n, k, dtype);
    return ResidentBuilder(spec, plan).build(m, n, k);
}

} // namespace lpusim::chip
