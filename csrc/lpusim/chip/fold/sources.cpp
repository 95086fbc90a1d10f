#include <algorithm>

#include "lpusim/chip/fold/values.h"

namespace lpusim::chip {

SourceTable::SourceTable(const std::vector<QueueRun>& runs) : runs_(runs) {
    first_input_.reserve(runs.size() + 1);
    std::size_t count = 0;
    for (const QueueRun& run : runs) {
        first_input_.push_back(count);
        for (const StreamUse& read : run.use.stream_reads)
            count += static_cast<std::size_t>(read.width);
        count += run.use.moment_reads.size;
    }
    first_input_.push_back(count);
    inputs_.resize(count);
}

std::size_t SourceTable::operand_offset(std::size_t reader, std::size_t operand) const {
    const auto& reads = runs_[reader].use.stream_reads;
    std::size_t offset = 0;
    for (std::size_t i = 0; i < std::min(operand, reads.size); ++i) {
        offset += static_cast<std::size_t>(reads.items[i].width);
    }
    return offset + (operand > reads.size ? operand - reads.size : 0);
}

void SourceTable::add(const StreamMatch& match) {
    auto& segments = inputs_[first_input_[match.reader] + operand_offset(match.reader, match.operand) +
                             static_cast<std::size_t>(match.member)];
    if (match.keys == match.reader_keys && match.keys == match.driver_keys) {
        segments.push_back({0, match.keys.size(), match.driver, 0, 1, match.driver_member});
        return;
    }
    // The innermost level is one segment if the reader takes its instances one after another there.
    const Progression& keys = match.keys;
    std::int64_t inner_count = 1, reader_step = 1, driver_step = 1;
    if (keys.rank() > 0) {
        const auto [stride, count] = keys.level(keys.rank() - 1);
        const std::int64_t next = keys.first() + stride;
        reader_step = *match.reader_keys.find(next) - *match.reader_keys.find(keys.first());
        driver_step = *match.driver_keys.find(next) - *match.driver_keys.find(keys.first());
        if (reader_step == 1)
            inner_count = count;
    }
    if (inner_count == 1)
        driver_step = 1;
    for (std::int64_t i = 0; i < keys.size(); i += inner_count) {
        const std::int64_t key = keys.at(i);
        segments.push_back({*match.reader_keys.find(key), inner_count, match.driver,
                            *match.driver_keys.find(key), driver_step, match.driver_member});
    }
}

void SourceTable::finish() {
    for (auto& segments : inputs_) {
        std::sort(segments.begin(), segments.end(),
                  [](const SourceSegment& a, const SourceSegment& b) { return a.first < b.first; });
        std::size_t kept = 0;
        for (const SourceSegment& next : segments) {
            if (kept > 0) {
                SourceSegment& last = segments[kept - 1];
                const bool same = last.driver == next.driver && last.driver_member == next.driver_member;
                const std::int64_t step =
                    next.driver_first - (last.driver_first + last.driver_step * (last.count - 1));
                const bool fits = (last.count == 1 || last.driver_step == step) &&
                                  (next.count == 1 || next.driver_step == step);
                if (same && fits && step > 0) {
                    last.driver_step = step;
                    last.count += next.count;
                    continue;
                }
            }
            segments[kept++] = next;
        }
        segments.resize(kept);
    }
}

} // namespace lpusim::chip
