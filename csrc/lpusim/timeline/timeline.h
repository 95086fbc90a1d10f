#pragma once

#include <cstdint>
#include <span>
#include <string>

/// A timeline as plain columns: rows of slices on tracks, arrows between slices, counters over time.
namespace lpusim::timeline {

/// One horizontal lane. A track with a `unit` holds a counter, any other holds slices.
struct Track {
    std::string name;
    /// Index of the track this one is shown under; smaller than its own. -1 at the top.
    std::int64_t parent = -1;
    std::string unit;
};

/// Columns of equal length, one row per slice. `name` indexes `Timeline::names`, `track` indexes
/// `Timeline::tracks`.
struct SliceColumns {
    std::span<const std::int64_t> track;
    std::span<const std::int64_t> start_ps;
    std::span<const std::int64_t> duration_ps;
    std::span<const std::int64_t> name;
};

/// One arrow per row, from the start of one slice to the start of a later one. Both columns index slices.
struct FlowColumns {
    std::span<const std::int64_t> source_slice;
    std::span<const std::int64_t> target_slice;
};

/// One sample per row: the counter holds `value` from `time_ps` on.
struct CounterColumns {
    std::span<const std::int64_t> track;
    std::span<const std::int64_t> time_ps;
    std::span<const double> value;
};

/// The spans point into memory of the caller, which must outlive the call that reads them.
struct Timeline {
    std::span<const Track> tracks;
    std::span<const std::string> names;
    SliceColumns slices;
    FlowColumns flows;
    CounterColumns counters;
};

/// Throws ValueError naming the first row at fault when: column lengths differ; an index points at nothing; a
/// time is negative or its end overflows; a slice sits on a counter track or a sample on a slice track; a
/// parent does not come before its child; a flow does not go forward in time; a value is not finite.
/// Nesting is checked by the writer, which sorts anyway. Cost: one pass over each column.
void validate(const Timeline& timeline);

} // namespace lpusim::timeline
