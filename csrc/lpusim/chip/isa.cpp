#include "lpusim/chip/isa.h"

#include "lpusim/base/integers.h"

namespace lpusim::chip {

std::int64_t instance_count(const InstructionRun& run) {
    std::int64_t count = 1;
    for (const Level& level : run.repeat) {
        count = checked_multiply(count, level.count);
    }
    return count;
}

std::int64_t repeat_span_cycles(const InstructionRun& run) {
    std::int64_t span = 0;
    for (const Level& level : run.repeat) {
        span = checked_add(span, checked_multiply(level.count - 1, level.cycles));
    }
    return span;
}

std::vector<std::int64_t> repeat_indices(const InstructionRun& run, std::int64_t flat) {
    std::vector<std::int64_t> indices(run.repeat.size());
    for (std::size_t level = run.repeat.size(); level-- > 0;) {
        indices[level] = flat % run.repeat[level].count;
        flat /= run.repeat[level].count;
    }
    return indices;
}

Movable movable(const Instruction& instruction) {
    if (const auto* access = std::get_if<MemAccess>(&instruction)) {
        const bool reads = access->read.has_value(), writes = access->write.has_value();
        return {reads, writes, reads, writes};
    }
    return {std::holds_alternative<MxmLoad>(instruction) ||
            std::holds_alternative<MxmAccumulate>(instruction)};
}

std::string to_string(const QueueId& queue) {
    const std::string chip = queue.chip == 0 ? "" : "chip" + std::to_string(queue.chip) + ".";
    const std::string place =
        std::string(queue.hemisphere == Hemisphere::West ? "w." : "e.") + std::to_string(queue.index);
    switch (queue.unit) {
    case Unit::Mem:
        return chip + "mem." + place;
    case Unit::MxmWeights:
        return chip + "mxm." + place + ".weights";
    case Unit::MxmActivations:
        return chip + "mxm." + place + ".activations";
    case Unit::MxmAccumulators:
        return chip + "mxm." + place + ".accumulators";
    case Unit::Sxm:
        return chip + "sxm." + place;
    case Unit::C2c:
        return chip + "c2c." + place;
    case Unit::Vxm:
        break;
    }
    return chip + "vxm." + std::to_string(queue.index);
}

std::string to_string(const StreamRef& stream) {
    return (stream.direction == Direction::East ? "e." : "w.") + std::to_string(stream.stream);
}

std::string streams_text(const StreamRef& first, std::int64_t width) {
    const std::string text = to_string(first);
    return width == 1 ? text
                      : text + " to " + to_string(StreamRef{first.direction, first.stream + width - 1});
}

std::string to_string(DType dtype) {
    switch (dtype) {
    case DType::Int8:
        return "int8";
    case DType::Int32:
        return "int32";
    case DType::Fp32:
        return "fp32";
    case DType::Fp16:
        return "fp16";
    case DType::Fp8:
        return "fp8";
    case DType::Int16:
        break;
    }
    return "int16";
}

} // namespace lpusim::chip
