#include "lpusim/timeline/timeline.h"

#include <cmath>
#include <limits>
#include <string_view>

#include "lpusim/base/errors.h"
#include "lpusim/timeline/columns.h"

namespace lpusim::timeline {
namespace {

void require_track_kind(std::string_view column, const Timeline& timeline,
                        std::span<const std::int64_t> tracks, bool counter) {
    for (std::size_t i = 0; i < tracks.size(); ++i) {
        const Track& track = timeline.tracks[static_cast<std::size_t>(tracks[i])];
        if (track.unit.empty() == counter) {
            throw ValueError(row_text(column, i, tracks[i]) + " is the " + (counter ? "slice" : "counter") +
                             " track '" + track.name +
                             "'; a track with a unit holds a counter, any other slices");
        }
    }
}

} // namespace

void validate(const Timeline& timeline) {
    const auto& [tracks, names, slices, flows, counters] = timeline;
    for (std::size_t i = 0; i < tracks.size(); ++i) {
        if (tracks[i].parent < -1 || tracks[i].parent >= static_cast<std::int64_t>(i)) {
            throw ValueError(row_text("parent", i, tracks[i].parent) +
                             " must be -1 or the index of an earlier track");
        }
    }

    require_same_length("slice", {slices.track.size(), slices.start_ps.size(), slices.duration_ps.size(),
                                  slices.name.size()});
    require_index("track", slices.track, tracks.size());
    require_index("name", slices.name, names.size());
    require_not_negative("start_ps", slices.start_ps);
    require_not_negative("duration_ps", slices.duration_ps);
    require_track_kind("track", timeline, slices.track, false);
    for (std::size_t i = 0; i < slices.start_ps.size(); ++i) {
        if (slices.start_ps[i] > std::numeric_limits<std::int64_t>::max() - slices.duration_ps[i]) {
            throw ValueError(row_text("start_ps", i, slices.start_ps[i]) +
                             " plus its duration overflows 64 bits");
        }
    }

    require_same_length("flow", {flows.source_slice.size(), flows.target_slice.size()});
    require_index("source_slice", flows.source_slice, slices.track.size());
    require_index("target_slice", flows.target_slice, slices.track.size());
    for (std::size_t i = 0; i < flows.source_slice.size(); ++i) {
        const std::int64_t source_ps = slices.start_ps[static_cast<std::size_t>(flows.source_slice[i])];
        const std::int64_t target_ps = slices.start_ps[static_cast<std::size_t>(flows.target_slice[i])];
        if (target_ps <= source_ps) {
            throw ValueError(
                "flow " + std::to_string(i) + " must go forward in time, but its source starts at " +
                std::to_string(source_ps) + " ps and its target at " + std::to_string(target_ps) + " ps");
        }
    }

    require_same_length("counter", {counters.track.size(), counters.time_ps.size(), counters.value.size()});
    require_index("counter_track", counters.track, tracks.size());
    require_not_negative("counter_time_ps", counters.time_ps);
    require_track_kind("counter_track", timeline, counters.track, true);
    for (std::size_t i = 0; i < counters.value.size(); ++i) {
        if (!std::isfinite(counters.value[i])) {
            throw ValueError("counter_value[" + std::to_string(i) + "] must be finite");
        }
    }
}

} // namespace lpusim::timeline
