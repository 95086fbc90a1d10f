#include "lpusim/timeline/perfetto.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/timeline/protobuf.h"

// Field numbers: google/perfetto, protos/perfetto/trace/{trace_packet,track_event/*,interned_data/*}.proto.
namespace lpusim::timeline {
namespace {

constexpr std::uint32_t kTracePacket = 1;

namespace packet {
constexpr std::uint32_t kTimestamp = 8;
constexpr std::uint32_t kSequenceId = 10;
constexpr std::uint32_t kTrackEvent = 11;
constexpr std::uint32_t kInternedData = 12;
constexpr std::uint32_t kSequenceFlags = 13;
constexpr std::uint32_t kTrackDescriptor = 60;
constexpr std::uint64_t kStateCleared = 1;
constexpr std::uint64_t kNeedsState = 2;
} // namespace packet

namespace descriptor {
constexpr std::uint32_t kUuid = 1;
constexpr std::uint32_t kName = 2;
constexpr std::uint32_t kParentUuid = 5;
constexpr std::uint32_t kCounter = 8;
constexpr std::uint32_t kCounterUnitName = 6;
constexpr std::uint32_t kChildOrdering = 11;
constexpr std::uint32_t kSiblingOrderRank = 12;
constexpr std::uint64_t kExplicitOrder = 3;
} // namespace descriptor

namespace event {
constexpr std::uint32_t kDebugAnnotation = 4;
constexpr std::uint32_t kType = 9;
constexpr std::uint32_t kNameId = 10;
constexpr std::uint32_t kTrackUuid = 11;
constexpr std::uint32_t kDoubleCounterValue = 44;
constexpr std::uint32_t kFlowId = 47;
constexpr std::uint32_t kTerminatingFlowId = 48;
constexpr std::uint64_t kBegin = 1;
constexpr std::uint64_t kEnd = 2;
constexpr std::uint64_t kCounter = 4;
} // namespace event

namespace interned {
constexpr std::uint32_t kEventName = 2;
constexpr std::uint32_t kAnnotationName = 3;
constexpr std::uint32_t kId = 1;
constexpr std::uint32_t kText = 2;
} // namespace interned

namespace annotation {
constexpr std::uint32_t kNameId = 1;
constexpr std::uint32_t kInt = 4;
constexpr std::uint64_t kStartPs = 1;
constexpr std::uint64_t kDurationPs = 2;
} // namespace annotation

constexpr std::int64_t kPicosecondsPerNanosecond = 1000;
constexpr std::uint64_t kSequence = 1;
constexpr std::uint64_t kRootUuid = 1;

/// Identifiers are never 0: to Perfetto that means "absent".
std::uint64_t id_of(std::int64_t index) {
    return static_cast<std::uint64_t>(index) + 1;
}
std::uint64_t uuid_of(std::int64_t track) {
    return kRootUuid + id_of(track);
}

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// A slice's first or last moment. Sorted by time, a vector of these is the order of the file.
struct Edge {
    std::int64_t time_ps;
    std::int64_t slice;
    bool begins;
};

/// The edges of all slices of one track in the order in which they must appear: outer before inner at a
/// common start, inner before outer at a common end, an end before a begin of the same moment.
void append_track_edges(const SliceColumns& slices, std::span<const std::int64_t> order,
                        std::vector<Edge>& edges) {
    const auto end_ps = [&](std::int64_t slice) {
        return slices.start_ps[at(slice)] + slices.duration_ps[at(slice)];
    };
    std::vector<std::int64_t> open;
    const auto close_until = [&](std::int64_t time_ps) {
        while (!open.empty() && end_ps(open.back()) <= time_ps) {
            edges.push_back({end_ps(open.back()), open.back(), false});
            open.pop_back();
        }
    };
    for (const std::int64_t slice : order) {
        close_until(slices.start_ps[at(slice)]);
        if (!open.empty() && end_ps(slice) > end_ps(open.back())) {
            throw ValueError("slices on one track must nest, but slice " + std::to_string(slice) +
                             " runs from " + std::to_string(slices.start_ps[at(slice)]) + " to " +
                             std::to_string(end_ps(slice)) + " ps and slice " + std::to_string(open.back()) +
                             " of the same track ends at " + std::to_string(end_ps(open.back())) + " ps");
        }
        edges.push_back({slices.start_ps[at(slice)], slice, true});
        open.push_back(slice);
    }
    while (!open.empty()) {
        edges.push_back({end_ps(open.back()), open.back(), false});
        open.pop_back();
    }
}

std::vector<Edge> sorted_edges(const SliceColumns& slices) {
    std::vector<std::int64_t> order(slices.track.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        if (slices.track[at(a)] != slices.track[at(b)]) {
            return slices.track[at(a)] < slices.track[at(b)];
        }
        if (slices.start_ps[at(a)] != slices.start_ps[at(b)]) {
            return slices.start_ps[at(a)] < slices.start_ps[at(b)];
        }
        return slices.duration_ps[at(a)] > slices.duration_ps[at(b)];
    });

    std::vector<Edge> edges;
    edges.reserve(2 * order.size());
    for (auto first = order.begin(); first != order.end();) {
        const auto last = std::find_if(first, order.end(), [&](std::int64_t slice) {
            return slices.track[at(slice)] != slices.track[at(*first)];
        });
        append_track_edges(slices, {first, last}, edges);
        first = last;
    }
    std::stable_sort(edges.begin(), edges.end(),
                     [](const Edge& a, const Edge& b) { return a.time_ps < b.time_ps; });
    return edges;
}

/// Flow identifiers by slice, as one sorted column of (slice, flow).
using FlowEnds = std::vector<std::pair<std::int64_t, std::int64_t>>;

FlowEnds flow_ends(std::span<const std::int64_t> slice_of_flow) {
    FlowEnds ends;
    ends.reserve(slice_of_flow.size());
    for (std::size_t flow = 0; flow < slice_of_flow.size(); ++flow) {
        ends.emplace_back(slice_of_flow[flow], static_cast<std::int64_t>(flow));
    }
    std::sort(ends.begin(), ends.end());
    return ends;
}

void write_flows(const FlowEnds& ends, std::int64_t slice, std::uint32_t field, MessageWriter& out) {
    for (auto end =
             std::lower_bound(ends.begin(), ends.end(), std::pair<std::int64_t, std::int64_t>{slice, 0});
         end != ends.end() && end->first == slice; ++end) {
        out.fixed64(field, id_of(end->second));
    }
}

class TraceWriter {
  public:
    void head(std::span<const std::string> names) {
        MessageWriter data;
        for (std::size_t i = 0; i < names.size(); ++i) {
            data.message(interned::kEventName, entry(id_of(static_cast<std::int64_t>(i)), names[i]));
        }
        data.message(interned::kAnnotationName, entry(annotation::kStartPs, "start_ps"));
        data.message(interned::kAnnotationName, entry(annotation::kDurationPs, "duration_ps"));
        MessageWriter body;
        body.varint(packet::kSequenceId, kSequence);
        body.varint(packet::kSequenceFlags, packet::kStateCleared);
        body.message(packet::kInternedData, data);
        trace_.message(kTracePacket, body);
    }

    void tracks(std::span<const Track> tracks) {
        MessageWriter root;
        root.varint(descriptor::kUuid, kRootUuid);
        root.text(descriptor::kName, "lpusim");
        root.varint(descriptor::kChildOrdering, descriptor::kExplicitOrder);
        describe(root);
        for (std::size_t i = 0; i < tracks.size(); ++i) {
            const Track& track = tracks[i];
            MessageWriter body;
            body.varint(descriptor::kUuid, uuid_of(static_cast<std::int64_t>(i)));
            body.varint(descriptor::kParentUuid, track.parent < 0 ? kRootUuid : uuid_of(track.parent));
            body.text(descriptor::kName, track.name);
            body.varint(descriptor::kChildOrdering, descriptor::kExplicitOrder);
            body.varint(descriptor::kSiblingOrderRank, i);
            if (!track.unit.empty()) {
                MessageWriter counter;
                counter.text(descriptor::kCounterUnitName, track.unit);
                body.message(descriptor::kCounter, counter);
            }
            describe(body);
        }
    }

    void track_event(std::int64_t time_ps, const MessageWriter& body) {
        MessageWriter out;
        out.varint(packet::kTimestamp, static_cast<std::uint64_t>(time_ps / kPicosecondsPerNanosecond));
        out.varint(packet::kSequenceId, kSequence);
        out.varint(packet::kSequenceFlags, packet::kNeedsState);
        out.message(packet::kTrackEvent, body);
        trace_.message(kTracePacket, out);
    }

    std::string take() { return trace_.take(); }

  private:
    static MessageWriter entry(std::uint64_t id, std::string_view text) {
        MessageWriter out;
        out.varint(interned::kId, id);
        out.text(interned::kText, text);
        return out;
    }

    void describe(const MessageWriter& body) {
        MessageWriter out;
        out.varint(packet::kSequenceId, kSequence);
        out.message(packet::kTrackDescriptor, body);
        trace_.message(kTracePacket, out);
    }

    MessageWriter trace_;
};

MessageWriter annotate(std::uint64_t name_id, std::int64_t value) {
    MessageWriter out;
    out.varint(annotation::kNameId, name_id);
    out.varint(annotation::kInt, static_cast<std::uint64_t>(value));
    return out;
}

} // namespace

std::string to_perfetto(const Timeline& timeline) {
    validate(timeline);
    const SliceColumns& slices = timeline.slices;
    const CounterColumns& counters = timeline.counters;
    const std::vector<Edge> edges = sorted_edges(slices);
    assert(edges.size() == 2 * slices.track.size());
    const FlowEnds sources = flow_ends(timeline.flows.source_slice);
    const FlowEnds targets = flow_ends(timeline.flows.target_slice);

    TraceWriter trace;
    trace.head(timeline.names);
    trace.tracks(timeline.tracks);
    for (const Edge& edge : edges) {
        const std::size_t slice = at(edge.slice);
        MessageWriter body;
        body.varint(event::kType, edge.begins ? event::kBegin : event::kEnd);
        body.varint(event::kTrackUuid, uuid_of(slices.track[slice]));
        if (edge.begins) {
            body.varint(event::kNameId, id_of(slices.name[slice]));
            body.message(event::kDebugAnnotation, annotate(annotation::kStartPs, slices.start_ps[slice]));
            body.message(event::kDebugAnnotation,
                         annotate(annotation::kDurationPs, slices.duration_ps[slice]));
            write_flows(sources, edge.slice, event::kFlowId, body);
            write_flows(targets, edge.slice, event::kTerminatingFlowId, body);
        }
        trace.track_event(edge.time_ps, body);
    }
    for (std::size_t i = 0; i < counters.track.size(); ++i) {
        MessageWriter body;
        body.varint(event::kType, event::kCounter);
        body.varint(event::kTrackUuid, uuid_of(counters.track[i]));
        body.real64(event::kDoubleCounterValue, counters.value[i]);
        trace.track_event(counters.time_ps[i], body);
    }
    return trace.take();
}

} // namespace lpusim::timeline
