#include "lpusim/chip/fold/work.h"

#include <algorithm>
#include <cstring>

#include "lpusim/chip/address_map.h"
#include "lpusim/chip/lane_moves.h"

namespace lpusim::chip {
namespace {

/// Splits a walk over a driver's instances where it leaves one of the driver's blocks.
template <class Visit>
void for_blocks(const SourceSegment& segment, std::int64_t skip, std::int64_t count, const Visit& visit) {
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

} // namespace

FoldWork::FoldWork(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
                   const SourceTable& sources, Memory memory, SimdLevel level)
    : program_(program), spec_(spec), runs_(runs), sources_(sources), memory_(std::move(memory)),
      lanes_(spec.lanes()), level_(level), input_position_(sources.inputs().size(), 0),
      planes_(static_cast<std::size_t>(program.chips * spec.mxm_planes())) {
    results_.reserve(runs.size());
    for (std::size_t run = 0; run < runs.size(); ++run)
        results_.push_back(results_for(run));
    for (std::size_t run = 0; run < runs.size(); ++run) {
        if (std::holds_alternative<Ifetch>(what(run).instruction))
            continue; // Nobody looks at the bytes.
        for (std::size_t input = sources_.first_input(run); input < sources_.first_input(run + 1); ++input) {
            for (const SourceSegment& segment : sources_.inputs()[input]) {
                for_blocks(segment, 0, segment.count, [&](std::int64_t at, std::int64_t count) {
                    results_[segment.driver].expect(at, count);
                });
            }
        }
    }
}

Results FoldWork::results_for(std::size_t run) const {
    const RunUse& use = runs_[run].use;
    const std::int64_t count = runs_[run].issue.size();
    if (const auto* activate = std::get_if<MxmActivate>(&what(run).instruction)) {
        const std::size_t sum_bytes =
            keeps_wide_sums(*activate, spec_) ? sizeof(WideSum) : sizeof(std::int32_t);
        return {count, 1, lanes_ * static_cast<std::int64_t>(sum_bytes)};
    }
    if (const auto* compute = std::get_if<VxmCompute>(&what(run).instruction)) {
        return {count, dtype_bytes(compute->result), lanes_};
    }
    const bool onto_link = use.moment_drive && use.moment_drive->kind == MomentUse::Kind::Link;
    return {count, use.stream_drive ? use.stream_drive->width : onto_link ? 1 : 0, lanes_};
}

/// The plane of an MXM instruction, or the `next`th after it.
FoldWork::Plane& FoldWork::plane_of(const Actor& actor, std::int64_t next) {
    Plane& plane = planes_[static_cast<std::size_t>(runs_[actor.run].use.plane->plane + next)];
    if (plane.accumulators.empty()) {
        plane.active = WeightPlane(lanes_);
        plane.shadow = WeightPlane(lanes_);
        plane.accumulators.resize(static_cast<std::size_t>(spec_.mxm_accumulator_vectors));
    }
    return plane;
}

std::pair<std::size_t, std::size_t> FoldWork::inputs(const Actor& actor) const {
    const std::size_t begin = sources_.first_input(actor.run), end = sources_.first_input(actor.run + 1);
    // The map of a Gather comes first; its read takes only that, and a plain read nothing.
    const auto* access = std::get_if<MemAccess>(&what(actor.run).instruction);
    const std::size_t map = begin + (access != nullptr && access->read && access->read->gather ? 2 : 0);
    switch (actor.work) {
    case Work::Read:
        return {begin, map};
    case Work::Write:
        return {map, end};
    default:
        return {begin, end};
    }
}

std::span<const SourceSegment> FoldWork::sources_from(std::size_t input, std::int64_t instance) {
    const std::span<const SourceSegment> segments = sources_.inputs()[input];
    std::size_t& position = input_position_[input];
    while (segments[position].first + segments[position].count <= instance)
        ++position;
    return segments.subspan(position);
}

/// Calls visit(instance, results, driver instance, member) for instances from the cursor on, then gives
/// the driver's rows back.
template <class Visit>
void FoldWork::for_sources(const Actor& actor, std::size_t input, std::int64_t count, const Visit& visit) {
    std::int64_t instance = actor.cursor;
    const std::int64_t end = actor.cursor + count;
    for (const SourceSegment& segment : sources_from(input, instance)) {
        if (instance == end)
            break;
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

/// The rows of `planes` inputs from `input` on, plane by plane.
void FoldWork::gather(const Actor& actor, std::size_t input, std::int64_t count,
                      std::vector<std::uint8_t>& out, std::int64_t planes) {
    out.resize(static_cast<std::size_t>(planes * count * lanes_));
    for (std::int64_t plane = 0; plane < planes; ++plane)
        gather(actor, input + static_cast<std::size_t>(plane), count, out.data() + plane * count * lanes_);
}

/// The rows of one input, one after another.
void FoldWork::gather(const Actor& actor, std::size_t input, std::int64_t count, std::uint8_t* out) {
    for_sources(actor, input, count, [&](std::int64_t, Results& from, std::int64_t row, std::int64_t member) {
        std::memcpy(out, from.read(row, member), static_cast<std::size_t>(from.row_bytes()));
        out += from.row_bytes();
    });
}

void FoldWork::execute(const Actor& actor, std::int64_t count) {
    switch (actor.work) {
    case Work::Install:
        install(actor);
        break;
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
        if (!feeds_itself(actor, count)) {
            compute(actor, count);
            break;
        }
        for (Actor step = actor; step.cursor < actor.cursor + count; ++step.cursor)
            compute(step, 1);
        break;
    case Work::Move:
        move(actor, count);
        break;
    case Work::Pass:
        pass(actor, count);
        break;
    case Work::Read:
        read(actor, count);
        break;
    case Work::Write:
        write(actor, count);
        break;
    }
}

void FoldWork::install(const Actor& actor) {
    Plane& plane = plane_of(actor);
    std::swap(plane.active, plane.shadow);
    plane.shadow.clear();
}

/// Onto a link, or off it.
void FoldWork::pass(const Actor& actor, std::int64_t count) {
    gather(actor, inputs(actor).first, count, result_, 1);
    if (results_[actor.run].wanted(actor.cursor))
        keep(actor, count);
}

void FoldWork::read(const Actor& actor, std::int64_t count) {
    if (std::get<MemAccess>(what(actor.run).instruction).read->gather) {
        read_mapped(actor, count);
        return;
    }
    Results& results = results_[actor.run];
    if (!results.wanted(actor.cursor))
        return;
    const std::int64_t slice = runs_[actor.run].use.sram_read->slice;
    for (std::int64_t i = actor.cursor; i < actor.cursor + count; ++i) {
        std::memcpy(results.fill(i, 0), memory_.read(slice, actor.address.at(i)),
                    static_cast<std::size_t>(lanes_));
    }
}

/// Every address is looked at, also where nobody wants what is there.
void FoldWork::read_mapped(const Actor& actor, std::int64_t count) {
    const std::size_t map = inputs(actor).first;
    const SramUse& use = *runs_[actor.run].use.sram_read;
    gather(actor, map, count, operands_[0], 2);
    result_.resize(static_cast<std::size_t>(count * lanes_));
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint8_t* low = operands_[0].data() + i * lanes_;
        const Window window{use.slice, actor.address.at(actor.cursor + i), use.words};
        const auto outside =
            gather_vector(memory_, window, {low, low + count * lanes_}, spec_, result_.data() + i * lanes_);
        if (outside)
            report(actor, actor.cursor + i, *outside);
    }
    if (results_[actor.run].wanted(actor.cursor))
        keep(actor, count);
}

void FoldWork::write(const Actor& actor, std::int64_t count) {
    if (std::get<MemAccess>(what(actor.run).instruction).write->scatter) {
        write_mapped(actor, count);
        return;
    }
    const std::int64_t slice = runs_[actor.run].use.sram_write->slice;
    for_sources(actor, inputs(actor).first, count,
                [&](std::int64_t instance, Results& from, std::int64_t row, std::int64_t member) {
                    std::memcpy(memory_.write(slice, actor.address.at(instance)), from.read(row, member),
                                static_cast<std::size_t>(lanes_));
                });
}

void FoldWork::write_mapped(const Actor& actor, std::int64_t count) {
    const std::size_t written = inputs(actor).first;
    const SramUse& use = *runs_[actor.run].use.sram_write;
    gather(actor, written, count, operands_[0], 1);
    gather(actor, written + 1, count, operands_[1], 2);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint8_t* low = operands_[1].data() + i * lanes_;
        const Window window{use.slice, actor.address.at(actor.cursor + i), use.words};
        const auto outside = scatter_vector(memory_, window, {low, low + count * lanes_}, spec_,
                                            operands_[0].data() + i * lanes_);
        if (outside)
            report(actor, actor.cursor + i, *outside);
    }
}

/// Work is not done in order of time. Of one instance a read counts before a write.
void FoldWork::report(const Actor& actor, std::int64_t instance, std::int64_t address) {
    const QueueRun& run = runs_[actor.run];
    ScheduleViolation found =
        run.violation(ViolationClass::Data, run.issue.at(instance) + actor.offset, instance);
    const auto& access = std::get<MemAccess>(what(actor.run).instruction);
    found.stream = (actor.work == Work::Read ? access.read->gather : access.write->scatter)->map;
    found.address = address;
    if (!error_ || found.order() < error_->order() ||
        (found.order() == error_->order() && actor.work == Work::Read)) {
        error_ = found;
    }
}

void FoldWork::load(const Actor& actor, std::int64_t count) {
    Plane& plane = plane_of(actor);
    const std::size_t begin = inputs(actor).first;
    for (std::size_t input = begin; input < inputs(actor).second; ++input) {
        const auto column = static_cast<std::int64_t>(input - begin);
        for_sources(actor, input, count,
                    [&](std::int64_t instance, Results& from, std::int64_t row, std::int64_t member) {
                        plane.shadow.set_column(actor.address.at(instance) + column, from.read(row, member));
                    });
    }
}

void FoldWork::activate(const Actor& actor, std::int64_t count) {
    const auto& order = std::get<MxmActivate>(what(actor.run).instruction);
    const auto [first, last] = inputs(actor);
    const std::int64_t elements = count * lanes_;
    operands_[0].resize(static_cast<std::size_t>(dtype_bytes(order.dtype) * elements));
    for (std::size_t input = first; input < last; ++input) {
        gather(actor, input, count,
               operands_[0].data() + static_cast<std::int64_t>(input - first) * elements);
    }
    Results& results = results_[actor.run];
    if (!results.wanted(actor.cursor))
        return;
    Plane& plane = plane_of(actor);
    WeightPlane* high = order.dtype == DType::Fp16 ? &plane_of(actor, 1).active : nullptr;
    multiply(order, spec_, plane.active, high, operands_[0].data(), count, sums_, level_);
    std::uint8_t* to = results.fill(actor.cursor, 0);
    if (sums_.wide.empty()) {
        std::memcpy(to, sums_.words.data(), sums_.words.size() * sizeof(std::int32_t));
    } else {
        std::memcpy(to, sums_.wide.data(), sums_.wide.size() * sizeof(WideSum));
    }
}

void FoldWork::accumulate(const Actor& actor, std::int64_t count) {
    auto& slots = plane_of(actor).accumulators;
    const auto& order = std::get<MxmAccumulate>(what(actor.run).instruction);
    const auto lanes = static_cast<std::size_t>(lanes_);
    std::vector<std::int32_t>& words = sums_.words;
    words.resize(static_cast<std::size_t>(count) * lanes);
    wide_row_.resize(lanes);
    const bool driven = results_[actor.run].planes() > 0 && results_[actor.run].wanted(actor.cursor);
    std::size_t done = 0;
    for_sources(actor, inputs(actor).first, count,
                [&](std::int64_t instance, Results& from, std::int64_t row, std::int64_t) {
                    Accumulator& slot = slots[static_cast<std::size_t>(actor.address.at(instance))];
                    const std::span<std::int32_t> row_words(words.data() + done, lanes);
                    if (from.row_bytes() == static_cast<std::int64_t>(row_words.size_bytes())) {
                        std::memcpy(row_words.data(), from.read(row, 0), row_words.size_bytes());
                        slot.take(order, row_words);
                    } else {
                        std::memcpy(wide_row_.data(), from.read(row, 0), lanes * sizeof(WideSum));
                        slot.take(order, wide_row_);
                    }
                    if (driven)
                        slot.read(row_words);
                    done += lanes;
                });
    if (!driven)
        return;
    result_.resize(words.size() * sizeof(std::int32_t));
    split_int32(words, result_.data());
    keep(actor, count);
}

/// Does one of the next `count` instances take a result of this very run, as a running sum does?
bool FoldWork::feeds_itself(const Actor& actor, std::int64_t count) {
    const std::size_t end = inputs(actor).second;
    for (std::size_t input = end - runs_[actor.run].use.moment_reads.size; input < end; ++input) {
        for (const SourceSegment& segment : sources_from(input, actor.cursor)) {
            if (segment.first >= actor.cursor + count)
                break;
            if (segment.driver == actor.run)
                return true;
        }
    }
    return false;
}

void FoldWork::compute(const Actor& actor, std::int64_t count) {
    const auto& order = std::get<VxmCompute>(what(actor.run).instruction);
    const RunUse& use = runs_[actor.run].use;
    const std::int64_t elements = count * lanes_;
    std::size_t stream_input = inputs(actor).first; // Inputs of stream operands come first, then the chained.
    std::size_t moment_input = inputs(actor).second - use.moment_reads.size;
    const std::uint8_t* bytes[3] = {nullptr, nullptr, nullptr};
    const VxmOperand* wanted[3] = {&order.a, &order.b, &order.c};
    const std::int64_t widths[3] = {dtype_bytes(order.dtype), dtype_bytes(operand_b_dtype(order)),
                                    dtype_bytes(order.dtype)};
    for (std::size_t k = 0; k < 3; ++k) {
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
    vxm_apply(order, {bytes[0], bytes[1], bytes[2]}, result_.data(), elements, level_);
    keep(actor, count);
}

void FoldWork::move(const Actor& actor, std::int64_t count) {
    const auto& order = std::get<SxmMove>(what(actor.run).instruction);
    const auto& reads = runs_[actor.run].use.stream_reads;
    const std::int64_t elements = count * lanes_;
    std::size_t input = inputs(actor).first;
    for (std::size_t k = 0; k < reads.size; ++k) {
        const std::int64_t width = reads.items[k].width;
        operands_[k].resize(static_cast<std::size_t>(width * elements));
        for (std::int64_t plane = 0; plane < width; ++plane) {
            gather(actor, input++, count, operands_[k].data() + plane * elements);
        }
    }
    if (!results_[actor.run].wanted(actor.cursor))
        return;
    result_.resize(static_cast<std::size_t>(results_[actor.run].planes() * elements));
    move_lanes(order, program_, spec_, operands_[0].data(), operands_[1].data(), count, result_.data());
    keep(actor, count);
}

/// A chained result of another width gives its low bytes, or zeros above them.
void FoldWork::gather_chained(const Actor& actor, std::size_t input, std::int64_t count, std::int64_t width,
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
void FoldWork::keep(const Actor& actor, std::int64_t count) {
    Results& results = results_[actor.run];
    for (std::int64_t plane = 0; plane < results.planes(); ++plane) {
        std::memcpy(results.fill(actor.cursor, plane), result_.data() + plane * count * lanes_,
                    static_cast<std::size_t>(count * lanes_));
    }
}

} // namespace lpusim::chip
