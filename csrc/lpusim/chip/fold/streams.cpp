#include "lpusim/chip/fold/streams.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {
namespace {

/// A read or a drive of one run. Keys are diagonals for streams and cycles for what exists for one cycle
/// only.
struct Port {
    std::size_t queue_run = 0;
    std::int64_t hops = 0; ///< hops_along
    std::int64_t first_stream = 0;
    Progression keys;
};

[[nodiscard]] Port stream_port(const QueueRun& run, std::size_t index, const StreamUse& use) {
    // East: key = tau - x. West: key = tau + x. Both are tau minus the downstream coordinate.
    return {index, hops_along(use.direction, use.position), use.first,
            run.issue.merged().shifted(use.offset - hops_along(use.direction, use.position))};
}

[[nodiscard]] std::int64_t repeat_of(const Port& port, std::int64_t key) {
    return *port.keys.find(key);
}

/// All drives that can reach the readers of one stream, or of one ALU or plane.
struct Lane {
    MeetingIndex drives;
};

class Matcher {
  public:
    Matcher(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec,
            const MatchVisitor& visit, const Progress& progress)
        : runs_(runs), spec_(spec), chips_(program.chips), visit_(visit), progress_(progress) {}

    MatchSummary run() {
        collect();
        for (Lane& lane : stream_lanes_)
            lane.drives.build();
        for (Lane& lane : moment_lanes_)
            lane.drives.build();
        for (std::size_t lane = 0; lane < stream_lanes_.size(); ++lane) {
            find_collisions(lane);
            if (progress_)
                progress_(0, static_cast<std::int64_t>(runs_.size()));
        }
        for (std::size_t alu = 0; alu < static_cast<std::size_t>(chips_ * spec_.vxm_alus); ++alu)
            find_result_collisions(alu);
        for (std::size_t index = 0; index < runs_.size(); ++index) {
            read(index);
            report(index);
        }
        return summary_;
    }

  private:
    [[nodiscard]] std::size_t stream_lane(const QueueRun& run, Direction direction,
                                          std::int64_t stream) const {
        const std::int64_t line = 2 * run.use.queue.chip + (direction == Direction::West ? 1 : 0);
        return static_cast<std::size_t>(line * spec_.streams_per_direction + stream);
    }
    [[nodiscard]] std::size_t moment_lane(const MomentUse& use) const {
        switch (use.kind) {
        case MomentUse::Kind::Alu:
            return static_cast<std::size_t>(use.index);
        case MomentUse::Kind::ColumnSums:
            return static_cast<std::size_t>(chips_ * spec_.vxm_alus + use.index);
        case MomentUse::Kind::Link:
            break;
        }
        return static_cast<std::size_t>(chips_ * (spec_.vxm_alus + spec_.mxm_planes()) + use.index);
    }
    [[nodiscard]] StreamRef stream_of(std::size_t lane) const {
        const std::int64_t at = static_cast<std::int64_t>(lane) % (2 * spec_.streams_per_direction);
        const bool west = at >= spec_.streams_per_direction;
        return {west ? Direction::West : Direction::East, west ? at - spec_.streams_per_direction : at};
    }

    void collect() {
        stream_lanes_.resize(static_cast<std::size_t>(2 * chips_ * spec_.streams_per_direction));
        moment_lanes_.resize(static_cast<std::size_t>(
            chips_ * (spec_.vxm_alus + spec_.mxm_planes() + 2 * spec_.c2c_links_per_hemisphere)));
        for (std::size_t index = 0; index < runs_.size(); ++index) {
            const QueueRun& run = runs_[index];
            if (const auto& drive = run.use.stream_drive) {
                const std::size_t port = drives_.size();
                drives_.push_back(stream_port(run, index, *drive));
                for (std::int64_t s = drive->first; s < drive->first + drive->width; ++s) {
                    stream_lanes_[stream_lane(run, drive->direction, s)].drives.add(drives_[port].keys, port);
                }
            }
            if (const auto& drive = run.use.moment_drive) {
                const std::size_t port = drives_.size();
                drives_.push_back({index, 0, 0, run.issue.merged().shifted(drive->offset)});
                moment_lanes_[moment_lane(*drive)].drives.add(drives_[port].keys, port);
            }
        }
        summary_.pieces = static_cast<std::int64_t>(runs_.size());
    }

    /// At each position only the least key that two drives share matters, and only the two least drives of
    /// it: the second one is named.
    void find_collisions(std::size_t lane) {
        std::vector<std::size_t> ports;
        for (const IntervalIndex::Entry& entry : stream_lanes_[lane].drives.entries())
            ports.push_back(entry.payload);
        const auto rank = [&](std::size_t port) { return drives_[port].hops; };
        std::stable_sort(ports.begin(), ports.end(),
                         [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
        for (auto begin = ports.begin(); begin != ports.end();) {
            const auto end = std::find_if(begin, ports.end(),
                                          [&](std::size_t port) { return rank(port) != rank(*begin); });
            collide(lane, std::span(begin, end));
            begin = end;
        }
    }

    /// `ports` stand at one position, in order of their first keys.
    void collide(std::size_t lane, std::span<const std::size_t> ports) {
        const auto key = least_shared_key(lane, ports);
        if (!key)
            return;
        const Port* other = least_at(*key, ports, nullptr);
        const Port* named = least_at(*key, ports, other);
        ScheduleViolation broken = runs_[named->queue_run].violation(
            ViolationClass::StreamCollision, *key + named->hops, repeat_of(*named, *key));
        broken.stream = stream_of(lane);
        name_other(broken, runs_[other->queue_run], repeat_of(*other, *key));
        keep_first(summary_.error, broken);
    }

    /// Cost: drives of the lane that may have the first key of one of `ports`, as far as that one.
    [[nodiscard]] std::optional<std::int64_t> least_shared_key(std::size_t lane,
                                                               std::span<const std::size_t> ports) {
        std::optional<std::int64_t> least;
        if (ports.size() == 1)
            return least;
        for (const std::size_t port : ports) {
            const Port& drive = drives_[port];
            const std::int64_t first = drive.keys.first();
            if (least && first >= *least)
                break;
            for_each_candidate(stream_lanes_[lane].drives, first, first, drive.keys, [&](std::size_t at) {
                const Port& other = drives_[at];
                if (other.hops != drive.hops || std::pair(other.keys.first(), at) >= std::pair(first, port))
                    return;
                const auto key = first_common(other.keys, drive.keys);
                if (key && (!least || *key < *least))
                    least = key;
            });
        }
        return least;
    }

    template <class Visit>
    void for_each_candidate(MeetingIndex& index, std::int64_t low, std::int64_t high, const Progression& keys,
                            const Visit& visit) {
        index.for_each_candidate(
            low, high, keys, [&](std::size_t port) -> const Progression& { return drives_[port].keys; },
            visit);
    }

    /// The drive of `key` that is the least in (queue, run), other than `without`.
    [[nodiscard]] const Port* least_at(std::int64_t key, std::span<const std::size_t> ports,
                                       const Port* without) const {
        const Port* least = nullptr;
        const auto order = [&](const Port& port) {
            const QueueRun& run = runs_[port.queue_run];
            return std::tie(run.use.queue, run.run);
        };
        for (const std::size_t port : ports) {
            const Port& drive = drives_[port];
            if (&drive != without && (least == nullptr || order(drive) < order(*least)) &&
                drive.keys.contains(key))
                least = &drive;
        }
        return least;
    }

    /// Results of an ALU meet only where one operation takes longer than the other: two that issue in one
    /// cycle are an earlier error.
    void find_result_collisions(std::size_t alu) {
        const auto& results = moment_lanes_[alu].drives.entries();
        const auto latency = [&](const IntervalIndex::Entry& entry) {
            return runs_[drives_[entry.payload].queue_run].use.moment_drive->offset;
        };
        if (results.empty())
            return;
        MeetingIndex alike, others;
        for (const IntervalIndex::Entry& entry : results) {
            (latency(entry) == latency(results.front()) ? alike : others)
                .add(drives_[entry.payload].keys, entry.payload);
        }
        alike.build();
        std::optional<std::int64_t> least;
        for (const IntervalIndex::Entry& entry : others.entries()) { // In order of their first keys.
            if (least && entry.first >= *least)
                break;
            const Progression& keys = drives_[entry.payload].keys;
            for_each_candidate(alike, entry.first, entry.last, keys, [&](std::size_t port) {
                const auto tau = first_common(drives_[port].keys, keys);
                if (tau && (!least || *tau < *least))
                    least = tau;
            });
        }
        if (least)
            meet_results(*least, first_at(*least, alike), first_at(*least, others));
    }

    /// The first of them in program order that has `key`. Precondition: one has.
    [[nodiscard]] std::size_t first_at(std::int64_t key, const MeetingIndex& index) const {
        std::size_t first = drives_.size();
        for (const IntervalIndex::Entry& entry : index.entries()) {
            if (entry.payload < first && drives_[entry.payload].keys.contains(key))
                first = entry.payload;
        }
        assert(first < drives_.size());
        return first;
    }

    void meet_results(std::int64_t tau, std::size_t left, std::size_t right) {
        const Port& a = drives_[std::min(left, right)]; // Ports are in program order.
        const Port& b = drives_[std::max(left, right)];
        ScheduleViolation broken =
            runs_[b.queue_run].violation(ViolationClass::ResultCollision, tau, repeat_of(b, tau));
        name_other(broken, runs_[a.queue_run], repeat_of(a, tau));
        keep_first(summary_.error, broken);
    }

    void report(std::size_t index) {
        constexpr std::int64_t kProgressPieces = 1 << 14;
        if (progress_ && summary_.pieces - reported_pieces_ >= kProgressPieces) {
            reported_pieces_ = summary_.pieces;
            progress_(static_cast<std::int64_t>(index), static_cast<std::int64_t>(runs_.size()));
        }
    }

    void read(std::size_t index) {
        const QueueRun& run = runs_[index];
        std::size_t operand = 0;
        for (const StreamUse& use : run.use.stream_reads) {
            const Port reader = stream_port(run, index, use);
            for (std::int64_t member = 0; member < use.width; ++member) {
                const std::size_t lane = stream_lane(run, use.direction, use.first + member);
                if (const auto key = feed(reader, operand, member, stream_lanes_[lane], true)) {
                    ScheduleViolation broken = run.violation(ViolationClass::StreamEmpty, *key + reader.hops,
                                                             repeat_of(reader, *key));
                    broken.stream = stream_of(lane);
                    keep_first(summary_.error, broken);
                }
            }
            ++operand;
        }
        for (const MomentUse& use : run.use.moment_reads) {
            const Port reader{index, 0, 0, run.issue.merged().shifted(use.offset)};
            if (const auto key = feed(reader, operand, 0, moment_lanes_[moment_lane(use)], false)) {
                const bool is_link = use.kind == MomentUse::Kind::Link;
                ScheduleViolation broken =
                    run.violation(is_link ? ViolationClass::ReceiveEmpty : ViolationClass::OperandGone,
                                  *key - use.offset, repeat_of(reader, *key));
                broken.address = is_link ? -1 : use.index;
                keep_first(summary_.error, broken);
            }
            ++operand;
        }
    }

    /// Gives every key of `reader` to its nearest upstream drive; returns the least key that nobody drives.
    std::optional<std::int64_t> feed(const Port& reader, std::size_t operand, std::int64_t member, Lane& lane,
                                     bool is_stream) {
        candidates_.clear();
        for_each_candidate(lane.drives, reader.keys.first(), reader.keys.last(), reader.keys,
                           [&](std::size_t port) {
                               if (!is_stream || drives_[port].hops < reader.hops)
                                   candidates_.push_back(port);
                           });
        if (candidates_.size() > 1) {
            std::sort(candidates_.begin(), candidates_.end(), [&](std::size_t a, std::size_t b) {
                const std::int64_t near_a = drives_[a].hops, near_b = drives_[b].hops;
                return near_a != near_b ? near_a > near_b : a < b;
            });
        }
        const auto matched = [&](const Port& drive, const Progression& keys) {
            ++summary_.pieces;
            if (!visit_)
                return;
            const std::int64_t driver_member =
                is_stream ? reader.first_stream + member - drive.first_stream : 0;
            visit_({reader.queue_run, operand, member, drive.queue_run, driver_member, keys, reader.keys,
                    drive.keys});
        };
        rest_.clear();
        bool untouched = true;
        for (const std::size_t port : candidates_) {
            const Port& drive = drives_[port];
            if (untouched && drive.keys == reader.keys) {
                matched(drive, reader.keys);
                return std::nullopt;
            }
            if (untouched) {
                rest_.assign(1, reader.keys);
                untouched = false;
            }
            next_.clear();
            for (const Progression& part : rest_) {
                shared_.clear();
                intersect(part, drive.keys, shared_);
                for (const Progression& keys : shared_)
                    matched(drive, keys);
                take_away(part);
                report(reader.queue_run);
            }
            rest_.swap(next_);
            if (rest_.empty())
                return std::nullopt;
        }
        if (untouched)
            return reader.keys.first();
        std::int64_t least = rest_.front().first();
        for (const Progression& part : rest_)
            least = std::min(least, part.first());
        return least;
    }

    /// Appends `part` without the pieces in `shared_` to `next_`.
    void take_away(const Progression& part) {
        if (shared_.empty()) {
            next_.push_back(part);
        } else if (shared_.size() == 1) {
            if (shared_[0].size() < part.size())
                subtract(part, shared_[0], next_);
        } else {
            const std::vector<Progression> left = without(part, shared_);
            next_.insert(next_.end(), left.begin(), left.end());
        }
    }

    const std::vector<QueueRun>& runs_;
    const ChipSpec& spec_;
    std::int64_t chips_;
    const MatchVisitor& visit_;
    const Progress& progress_;
    std::int64_t reported_pieces_ = 0;
    std::vector<Port> drives_;
    std::vector<Lane> stream_lanes_;
    std::vector<Lane> moment_lanes_;
    std::vector<std::size_t> candidates_;
    std::vector<Progression> rest_, next_, shared_;
    MatchSummary summary_;
};

} // namespace

MatchSummary match_streams(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec,
                           const MatchVisitor& visit, const Progress& progress) {
    return Matcher(program, runs, spec, visit, progress).run();
}

} // namespace lpusim::chip
