#include "lpusim/chip/fold_values.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <queue>
#include <span>
#include <tuple>

#include "lpusim/chip/fold_results.h"
#include "lpusim/chip/values.h"

namespace lpusim::chip {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
/// The kinds of work, in the order in which they happen within one cycle.
enum class Work : std::uint8_t { Install, Load, Activate, Accumulate, Compute, Read, Write };

/// One kind of work of one run. A MEM instruction with a read and a write is two actors.
struct Actor {
    std::size_t run = 0;
    Work work = Work::Read;
    std::int64_t offset = 0; ///< from issue to the cycle that orders this work
    std::int64_t cursor = 0; ///< instances done
    std::int64_t count = 0;
    std::int64_t next_tau = 0;
    AffineAddress address;
    AffineAddress::Range range;
};

struct Plane {
    WeightPlane active;
    WeightPlane shadow;
    std::vector<std::vector<std::int32_t>> accumulators;
};

/// Actors that touch one slice or one plane, in order of time, and the first that is not finished.
struct Pending {
    std::vector<std::size_t> actors;
    std::size_t head = 0;
};

class Executor {
  public:
    Executor(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
             const SourceTable& sources, Memory memory)
        : program_(program), spec_(spec), runs_(runs), sources_(sources), memory_(std::move(memory)),
          lanes_(spec.lanes()), results_(runs.size()), producer_(runs.size(), 0),
          input_position_(sources.inputs().size(), 0),
          slice_reads_(static_cast<std::size_t>(spec.mem_slices())),
          slice_writes_(static_cast<std::size_t>(spec.mem_slices())),
          plane_installs_(static_cast<std::size_t>(spec.mxm_planes())),
          planes_(static_cast<std::size_t>(spec.mxm_planes())) {
        for (std::size_t index = 0; index < runs.size(); ++index)
            add_actors(index);
        count_readers();
    }

    Memory run(const Progress& progress) {
        using Entry = std::tuple<std::int64_t, Work, std::size_t>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<>> next;
        std::int64_t total = 0, done = 0, reported = 0;
        for (std::size_t index = 0; index < actors_.size(); ++index) {
            next.emplace(actors_[index].next_tau, actors_[index].work, index);
            total += actors_[index].count;
        }
        while (!next.empty()) {
            const std::size_t index = std::get<2>(next.top());
            next.pop();
            Actor& actor = actors_[index];
            const std::int64_t count = batch_size(actor);
            assert(count > 0);
            execute(actor, count);
            done += count;
            actor.cursor += count;
            if (actor.cursor < actor.count) {
                actor.next_tau = tau_at(actor, actor.cursor);
                next.emplace(actor.next_tau, actor.work, index);
            } else {
                actor.next_tau = kNever;
            }
            if (progress && done - reported > 1 << 14) {
                progress(done, total);
                reported = done;
            }
        }
        return std::move(memory_);
    }

  private:
    [[nodiscard]] const InstructionRun& what(std::size_t run) const {
        return program_.runs[static_cast<std::size_t>(runs_[run].run)];
    }
    [[nodiscard]] std::int64_t tau_at(const Actor& actor, std::int64_t instance) const {
        return runs_[actor.run].issue.at(instance) + actor.offset;
    }
    [[nodiscard]] Plane& plane_of(const Actor& actor) {
        Plane& plane = planes_[static_cast<std::size_t>(runs_[actor.run].use.plane->plane)];
        if (plane.accumulators.empty()) {
            plane.active = WeightPlane(lanes_);
            plane.shadow = WeightPlane(lanes_);
            plane.accumulators.resize(static_cast<std::size_t>(spec_.mxm_accumulator_vectors));
        }
        return plane;
    }

    // ---- set-up

    void add(std::size_t run, Work work, std::int64_t offset, const AffineAddress& address, bool produces) {
        const std::int64_t count = runs_[run].issue.size();
        if (produces)
            producer_[run] = actors_.size();
        actors_.push_back(
            {run, work, offset, 0, count, runs_[run].issue.first() + offset, address, address.range()});
    }

    void add_actors(std::size_t index) {
        const RunUse& use = runs_[index].use;
        const auto address = [&](std::int64_t base, AffineAddress::Side side) {
            return AffineAddress(what(index), base, side);
        };
        if (use.sram_read) {
            slice_reads_[static_cast<std::size_t>(use.sram_read->slice)].actors.push_back(actors_.size());
            add(index, Work::Read, use.sram_read->offset,
                address(use.sram_read->address, AffineAddress::Side::Read), true);
        }
        if (use.sram_write) {
            slice_writes_[static_cast<std::size_t>(use.sram_write->slice)].actors.push_back(actors_.size());
            add(index, Work::Write, use.sram_write->offset,
                address(use.sram_write->address, AffineAddress::Side::Write), false);
        }
        if (use.plane) {
            const auto inside = address(use.plane->index, AffineAddress::Side::Read);
            switch (use.plane->kind) {
            case PlaneUse::Kind::Load:
                add(index, Work::Load, use.plane->offset, inside, false);
                break;
            case PlaneUse::Kind::Install:
                plane_installs_[static_cast<std::size_t>(use.plane->plane)].actors.push_back(actors_.size());
                add(index, Work::Install, use.plane->done_offset, inside, false);
                break;
            case PlaneUse::Kind::Activate:
                add(index, Work::Activate, use.plane->offset, inside, true);
                break;
            case PlaneUse::Kind::Accumulate:
                add(index, Work::Accumulate, use.plane->offset, inside, true);
                break;
            }
        }
        if (std::holds_alternative<VxmCompute>(what(index).instruction)) {
            add(index, Work::Compute, 0, address(0, AffineAddress::Side::Read), true);
        }
        results_[index] = results_for(index);
    }

    [[nodiscard]] Results results_for(std::size_t index) const {
        const RunUse& use = runs_[index].use;
        const std::int64_t count = runs_[index].issue.size();
        if (use.plane && use.plane->kind == PlaneUse::Kind::Activate) {
            return {count, 1, lanes_ * dtype_bytes(DType::Int32)};
        }
        if (const auto* compute = std::get_if<VxmCompute>(&what(index).instruction)) {
            return {count, dtype_bytes(compute->result), lanes_};
        }
        return {count, use.stream_drive ? use.stream_drive->width : 0, lanes_};
    }

    /// Splits a walk over a driver's instances where it leaves one of the driver's blocks.
    template <class Visit>
    static void for_blocks(const SourceSegment& segment, std::int64_t skip, std::int64_t count,
                           const Visit& visit) {
        while (count > 0) {
            const std::int64_t at = segment.driver_first + skip * segment.driver_step;
            const std::int64_t inside =
                (Results::kBlock - at % Results::kBlock + segment.driver_step - 1) / segment.driver_step;
            const std::int64_t taken = std::min(count, inside);
            visit(at, taken);
            skip += taken;
            count -= taken;
        }
    }

    void count_readers() {
        for (const auto& segments : sources_.inputs()) {
            for (const SourceSegment& segment : segments) {
                for_blocks(segment, 0, segment.count, [&](std::int64_t at, std::int64_t count) {
                    results_[segment.driver].expect(at, count);
                });
            }
        }
    }

    // ---- how far an actor may go

    [[nodiscard]] std::size_t input_begin(const Actor& actor) const {
        return sources_.first_input(actor.run);
    }
    [[nodiscard]] std::size_t input_end(const Actor& actor) const {
        // The read half of a MEM instruction takes nothing from a stream, nor does an install.
        return actor.work == Work::Read ? input_begin(actor) : sources_.first_input(actor.run + 1);
    }

    /// Instances from the cursor on that can be done now; at least 1 for the earliest pending instance.
    [[nodiscard]] std::int64_t batch_size(const Actor& actor) {
        std::int64_t end = std::min(actor.count, (actor.cursor / Results::kBlock + 1) * Results::kBlock);
        for (std::size_t input = input_begin(actor); input < input_end(actor); ++input) {
            end = std::min(end, inputs_ready_until(actor, input, end));
        }
        if (end <= actor.cursor)
            return 0;
        const std::int64_t last_tau = tau_at(actor, end - 1);
        std::int64_t limit = kNever; // The last cycle that may be done.
        if (actor.work == Work::Read) {
            limit = first_overlap(slice_writes_[slice_of(actor)], actor, last_tau);
        } else if (actor.work == Work::Write) {
            limit = first_overlap(slice_reads_[slice_of(actor)], actor, last_tau);
            if (limit != kNever)
                --limit;
        } else if (actor.work == Work::Activate) {
            limit = next_install(actor);
            if (limit != kNever)
                --limit;
        }
        if (last_tau > limit) {
            std::int64_t low = actor.cursor, high = end; // Instances below `low` may, from `high` on may not.
            while (low < high) {
                const std::int64_t middle = low + (high - low) / 2;
                if (tau_at(actor, middle) <= limit) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            end = low;
        }
        return end - actor.cursor;
    }

    [[nodiscard]] std::int64_t inputs_ready_until(const Actor& actor, std::size_t input, std::int64_t end) {
        const auto& segments = sources_.inputs()[input];
        std::size_t& position = input_position_[input];
        while (segments[position].first + segments[position].count <= actor.cursor)
            ++position;
        for (std::size_t at = position; at < segments.size() && segments[at].first < end; ++at) {
            const SourceSegment& segment = segments[at];
            const std::int64_t done = actors_[producer_[segment.driver]].cursor;
            const std::int64_t ready =
                done <= segment.driver_first
                    ? 0
                    : (done - segment.driver_first + segment.driver_step - 1) / segment.driver_step;
            if (ready < segment.count)
                return segment.first + ready;
        }
        return end;
    }

    [[nodiscard]] std::size_t slice_of(const Actor& actor) const {
        const RunUse& use = runs_[actor.run].use;
        return static_cast<std::size_t>(actor.work == Work::Read ? use.sram_read->slice
                                                                 : use.sram_write->slice);
    }

    void skip_finished(Pending& pending) const {
        while (pending.head < pending.actors.size() &&
               actors_[pending.actors[pending.head]].next_tau == kNever) {
            ++pending.head;
        }
    }

    /// The first pending cycle of an actor in `pending` whose addresses may overlap, if it is not after
    /// `last_tau`.
    [[nodiscard]] std::int64_t first_overlap(Pending& pending, const Actor& actor,
                                             std::int64_t last_tau) const {
        constexpr std::size_t kLookAhead = 64; // Beyond that, any pending work counts as overlapping.
        skip_finished(pending);
        for (std::size_t at = pending.head; at < pending.actors.size(); ++at) {
            const Actor& other = actors_[pending.actors[at]];
            if (other.next_tau > last_tau)
                return kNever;
            const bool apart =
                other.range.greatest < actor.range.least || actor.range.greatest < other.range.least;
            if (!apart || at - pending.head == kLookAhead)
                return other.next_tau;
        }
        return kNever;
    }

    [[nodiscard]] std::int64_t next_install(const Actor& actor) {
        Pending& pending = plane_installs_[static_cast<std::size_t>(runs_[actor.run].use.plane->plane)];
        skip_finished(pending);
        return pending.head == pending.actors.size() ? kNever
                                                     : actors_[pending.actors[pending.head]].next_tau;
    }

    // ---- work

    /// Calls visit(instance, results, driver instance, member) for instances from the cursor on, then gives
    /// the driver's rows back.
    template <class Visit>
    void for_sources(const Actor& actor, std::size_t input, std::int64_t count, const Visit& visit) {
        const auto& segments = sources_.inputs()[input];
        std::int64_t instance = actor.cursor;
        const std::int64_t end = actor.cursor + count;
        for (std::size_t at = input_position_[input]; instance < end; ++at) {
            const SourceSegment& segment = segments[at];
            const std::int64_t skip = instance - segment.first;
            const std::int64_t taken = std::min(end - instance, segment.count - skip);
            Results& from = results_[segment.driver];
            for_blocks(segment, skip, taken, [&](std::int64_t first, std::int64_t rows) {
                for (std::int64_t i = 0; i < rows; ++i) {
                    visit(instance++, from, first + i * segment.driver_step, segment.driver_member);
                }
                from.done(first, rows);
            });
        }
    }

    /// The rows of one input, one after another.
    void gather(const Actor& actor, std::size_t input, std::int64_t count, std::uint8_t* out) {
        for_sources(actor, input, count,
                    [&](std::int64_t, Results& from, std::int64_t row, std::int64_t member) {
                        std::memcpy(out, from.read(row, member), static_cast<std::size_t>(from.row_bytes()));
                        out += from.row_bytes();
                    });
    }

    void execute(const Actor& actor, std::int64_t count) {
        switch (actor.work) {
        case Work::Install: {
            Plane& plane = plane_of(actor);
            std::swap(plane.active, plane.shadow);
            plane.shadow.clear();
            break;
        }
        case Work::Load:
            load(actor, count);
            break;
        case Work::Activate:
            activate(actor, count);
            break;
        case Work::Accumulate:
            accumulate(actor, count);
            break;
        case Work::Compute:
            compute(actor, count);
            break;
        case Work::Read:
            read(actor, count);
            break;
        case Work::Write:
            write(actor, count);
            break;
        }
    }

    void read(const Actor& actor, std::int64_t count) {
        Results& results = results_[actor.run];
        if (!results.wanted(actor.cursor))
            return;
        const std::int64_t slice = runs_[actor.run].use.sram_read->slice;
        for (std::int64_t i = actor.cursor; i < actor.cursor + count; ++i) {
            std::memcpy(results.fill(i, 0), memory_.read(slice, actor.address.at(i)),
                        static_cast<std::size_t>(lanes_));
        }
    }

    void write(const Actor& actor, std::int64_t count) {
        const std::int64_t slice = runs_[actor.run].use.sram_write->slice;
        for_sources(actor, input_begin(actor), count,
                    [&](std::int64_t instance, Results& from, std::int64_t row, std::int64_t member) {
                        std::memcpy(memory_.write(slice, actor.address.at(instance)), from.read(row, member),
                                    static_cast<std::size_t>(lanes_));
                    });
    }

    void load(const Actor& actor, std::int64_t count) {
        Plane& plane = plane_of(actor);
        const std::size_t begin = input_begin(actor);
        for (std::size_t input = begin; input < input_end(actor); ++input) {
            const auto column = static_cast<std::int64_t>(input - begin);
            for_sources(actor, input, count,
                        [&](std::int64_t instance, Results& from, std::int64_t row, std::int64_t member) {
                            plane.shadow.set_column(actor.address.at(instance) + column,
                                                    from.read(row, member));
                        });
        }
    }

    void activate(const Actor& actor, std::int64_t count) {
        operands_[0].resize(static_cast<std::size_t>(count * lanes_));
        gather(actor, input_begin(actor), count, operands_[0].data());
        Results& results = results_[actor.run];
        if (!results.wanted(actor.cursor))
            return;
        sums_.resize(static_cast<std::size_t>(count * lanes_));
        column_sums_int8(plane_of(actor).active, operands_[0].data(), count, sums_.data());
        std::memcpy(results.fill(actor.cursor, 0), sums_.data(), sums_.size() * sizeof(std::int32_t));
    }

    void accumulate(const Actor& actor, std::int64_t count) {
        auto& slots = plane_of(actor).accumulators;
        const auto& order = std::get<MxmAccumulate>(what(actor.run).instruction);
        const auto lanes = static_cast<std::size_t>(lanes_);
        sums_.resize(static_cast<std::size_t>(count) * lanes);
        std::size_t done = 0;
        for_sources(actor, input_begin(actor), count,
                    [&](std::int64_t instance, Results& from, std::int64_t row, std::int64_t) {
                        auto& total = slots[static_cast<std::size_t>(actor.address.at(instance))];
                        const std::span<std::int32_t> added(sums_.data() + done, lanes);
                        std::memcpy(added.data(), from.read(row, 0), added.size_bytes());
                        if (order.start || total.empty()) {
                            total.assign(added.begin(), added.end());
                        } else {
                            add_wrapping(total, added);
                            std::copy(total.begin(), total.end(), added.begin());
                        }
                        done += lanes;
                    });
        if (results_[actor.run].planes() == 0 || !results_[actor.run].wanted(actor.cursor))
            return;
        result_.resize(sums_.size() * sizeof(std::int32_t));
        split_int32(sums_, result_.data());
        keep(actor, count);
    }

    void compute(const Actor& actor, std::int64_t count) {
        const auto& order = std::get<VxmCompute>(what(actor.run).instruction);
        const RunUse& use = runs_[actor.run].use;
        const std::int64_t elements = count * lanes_;
        std::size_t stream_input =
            input_begin(actor); // Inputs of stream operands come first, then the chained.
        std::size_t moment_input = input_end(actor) - use.moment_reads.size;
        const std::uint8_t* bytes[2] = {nullptr, nullptr};
        const VxmOperand* wanted[2] = {&order.a, &order.b};
        const std::int64_t widths[2] = {dtype_bytes(order.dtype), dtype_bytes(operand_b_dtype(order))};
        for (std::size_t k = 0; k < 2; ++k) {
            const bool from_stream = std::holds_alternative<VxmStream>(*wanted[k]);
            if (!from_stream && !std::holds_alternative<VxmChain>(*wanted[k]))
                continue;
            operands_[k].resize(static_cast<std::size_t>(widths[k] * elements));
            bytes[k] = operands_[k].data();
            if (from_stream) {
                for (std::int64_t plane = 0; plane < widths[k]; ++plane) {
                    gather(actor, stream_input++, count, operands_[k].data() + plane * elements);
                }
            } else {
                gather_chained(actor, moment_input++, count, widths[k], operands_[k]);
            }
        }
        if (!results_[actor.run].wanted(actor.cursor))
            return;
        result_.resize(static_cast<std::size_t>(dtype_bytes(order.result) * elements));
        vxm_apply(order, bytes[0], bytes[1], result_.data(), elements);
        keep(actor, count);
    }

    /// A chained result of another width gives its low bytes, or zeros above them.
    void gather_chained(const Actor& actor, std::size_t input, std::int64_t count, std::int64_t width,
                        std::vector<std::uint8_t>& out) {
        std::fill(out.begin(), out.end(), std::uint8_t{0});
        for_sources(actor, input, count,
                    [&](std::int64_t instance, Results& from, std::int64_t row, std::int64_t) {
                        for (std::int64_t plane = 0; plane < std::min(width, from.planes()); ++plane) {
                            std::memcpy(out.data() + (plane * count + instance - actor.cursor) * lanes_,
                                        from.read(row, plane), static_cast<std::size_t>(lanes_));
                        }
                    });
    }

    /// Stores the byte planes in `result_`, count * lanes bytes each, as the results of the batch.
    void keep(const Actor& actor, std::int64_t count) {
        Results& results = results_[actor.run];
        for (std::int64_t plane = 0; plane < results.planes(); ++plane) {
            std::memcpy(results.fill(actor.cursor, plane), result_.data() + plane * count * lanes_,
                        static_cast<std::size_t>(count * lanes_));
        }
    }

    const Program& program_;
    const ChipSpec& spec_;
    const std::vector<QueueRun>& runs_;
    const SourceTable& sources_;
    Memory memory_;
    std::int64_t lanes_;
    std::vector<Actor> actors_;
    std::vector<Results> results_;            ///< by run
    std::vector<std::size_t> producer_;       ///< by run: the actor whose cursor says what is there
    std::vector<std::size_t> input_position_; ///< by input: the first segment not done
    std::vector<Pending> slice_reads_, slice_writes_, plane_installs_;
    std::vector<Plane> planes_;
    std::vector<std::uint8_t> operands_[2], result_;
    std::vector<std::int32_t> sums_;
};

} // namespace

Memory fold_values(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
                   const SourceTable& sources, Memory memory, const Progress& progress) {
    return Executor(program, spec, runs, sources, std::move(memory)).run(progress);
}

} // namespace lpusim::chip
