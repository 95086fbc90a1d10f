#include "lpusim/net/collective.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/booking.h"
#include "lpusim/net/forest.h"

namespace lpusim::net {
namespace {

constexpr std::array<std::pair<Algorithm, std::string_view>, 4> kAlgorithmNames{{
    {Algorithm::automatic, "automatic"},
    {Algorithm::tree, "tree"},
    {Algorithm::exchange, "exchange"},
    {Algorithm::ring, "ring"},
}};

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// Consecutive pieces of `vector_count` vectors whose sizes differ by at most one.
struct Shards {
    std::vector<std::int64_t> first_vector;
    std::vector<std::int64_t> vector_count;
};

[[nodiscard]] Shards split_evenly(std::int64_t vector_count, std::int64_t shard_count) {
    Shards shards;
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < shard_count; ++i) {
        const std::int64_t count = vector_count / shard_count + (i < vector_count % shard_count ? 1 : 0);
        shards.first_vector.push_back(first);
        shards.vector_count.push_back(count);
        first += count;
    }
    return shards;
}

/// The whole vectors of `size_bytes`, of which `copies` buffers move.
[[nodiscard]] std::int64_t vectors_of(const Topology& topology, std::int64_t size_bytes,
                                      std::int64_t copies) {
    if (size_bytes < 1) {
        throw ValueError("size_bytes must be at least 1, got " + std::to_string(size_bytes));
    }
    const std::int64_t vector_count = div_ceil(size_bytes, topology.link().vector_bytes);
    if (vector_count > kVectorMax / copies) {
        throw ValueError("size_bytes of " + std::to_string(size_bytes) + " on " + std::to_string(copies) +
                         " chips is beyond 2^40 vectors of " + std::to_string(topology.link().vector_bytes) +
                         " bytes");
    }
    return vector_count;
}

/// How fast summing traffic may come, and how long a sum takes after its last operand.
struct Pace {
    std::int64_t period_cycles = 0;
    std::int64_t delay_cycles = 0;
};

/// The adder of a chip that `link_count` links feed at once must take one vector of each in a period. Then it
/// never falls behind, and a sum waits at most for one vector of each link.
[[nodiscard]] Pace pace_of(const LinkSpec& link, const ReduceCost& reduce, std::int64_t link_count) {
    const std::int64_t accept_cycles = reduce.cycles_per_vector * link_count;
    return {std::max(link.vector_cycles, accept_cycles), reduce.first_cycles + accept_cycles};
}

/// Links into the chip that the trees feed from the most links at once: towards the root (summing on the way)
/// or away from it.
[[nodiscard]] std::int64_t busiest_fan_in(const Topology& topology, const Forest& forest,
                                          std::span<const std::int64_t> vector_counts, bool towards_root) {
    std::vector<std::int64_t> used(topology.bundles().size(), 0);
    for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree) {
        for (auto i = forest.tree_begin[at(tree)] + 1; i < forest.tree_begin[at(tree) + 1]; ++i) {
            const std::int32_t down = forest.nodes[at(i)].bundle;
            const Bundle& bundle = topology.bundles()[at(down)];
            std::int64_t& links = used[at(towards_root ? bundle.reverse : down)];
            links = std::min<std::int64_t>(bundle.width, links + vector_counts[at(tree)]);
        }
    }
    std::vector<std::int64_t> fan_in(at(topology.chip_count()), 0);
    for (std::size_t i = 0; i < used.size(); ++i)
        fan_in[at(topology.bundles()[i].to)] += used[i];
    return std::ranges::max(fan_in);
}

/// Sums shards towards the roots of a forest, spreads them from the roots, or both, on one set of links.
class ForestSchedule {
  public:
    ForestSchedule(const Topology& topology, const Forest& forest, const Shards& shards, Timetable* record)
        : forest_(forest), shards_(shards), record_(record), booking_(topology, record), topology_(topology),
          ready_(forest.nodes.size()), tree_of_(forest.nodes.size()) {
        for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree) {
            std::fill(tree_of_.begin() + forest.tree_begin[at(tree)],
                      tree_of_.begin() + forest.tree_begin[at(tree) + 1], tree);
        }
    }

    /// Afterwards each root's shard is summed.
    void sum_inward(const Pace& pace) {
        add_transfers(true);
        for (const std::int32_t index : forest_.inward) {
            const TreeNode& node = forest_.nodes[at(index)];
            const Readiness sent = later(ready_[at(index)], delay_at(node, pace));
            const Readiness arrived = booking_.send(topology_.bundles()[at(node.bundle)].reverse,
                                                    vectors(index, inward_begin_), sent, pace.period_cycles);
            ready_[at(node.parent)] =
                latest(ready_[at(node.parent)], arrived, shards_.vector_count[at(tree_of_[at(index)])]);
            if (record_ != nullptr && forest_.nodes[at(node.parent)].parent >= 0) {
                record_->dependencies.push_back({transfer_id(node.parent, inward_begin_),
                                                 transfer_id(index, inward_begin_),
                                                 delay_at(forest_.nodes[at(node.parent)], pace)});
            }
        }
        for (std::int32_t tree = 0; tree < forest_.tree_count(); ++tree) {
            const auto root = at(forest_.tree_begin[at(tree)]);
            root_delay_.push_back(delay_at(forest_.nodes[root], pace));
            ready_[root] = later(ready_[root], root_delay_.back());
            last_sum_cycle_ = std::max(last_sum_cycle_, ready_[root].last_cycle);
        }
    }

    /// From roots that hold their shard at cycle 0, or after sum_inward when it is summed.
    void spread_outward(std::int64_t period_cycles) {
        add_transfers(false);
        for (const std::int32_t index : forest_.outward) {
            const TreeNode& node = forest_.nodes[at(index)];
            ready_[at(index)] = booking_.send(node.bundle, vectors(index, outward_begin_),
                                              ready_[at(node.parent)], period_cycles);
            if (record_ != nullptr && forest_.nodes[at(node.parent)].parent >= 0) {
                record_->dependencies.push_back(
                    {transfer_id(index, outward_begin_), transfer_id(node.parent, outward_begin_), 0});
            }
        }
        if (record_ != nullptr && inward_begin_ >= 0)
            tie_phases();
    }

    [[nodiscard]] std::int64_t last_arrival_cycle() const { return booking_.last_arrival_cycle(); }
    /// When the last root has its sum.
    [[nodiscard]] std::int64_t last_sum_cycle() const { return last_sum_cycle_; }

  private:
    [[nodiscard]] static std::int64_t delay_at(const TreeNode& node, const Pace& pace) {
        return node.operands >= 2 ? pace.delay_cycles : 0;
    }

    /// Transfers are numbered as the nodes are, roots left out.
    [[nodiscard]] std::int64_t transfer_id(std::int32_t node, std::int64_t begin) const {
        return begin + node - tree_of_[at(node)] - 1;
    }

    [[nodiscard]] Booking::Vectors vectors(std::int32_t node, std::int64_t begin) const {
        const auto tree = at(tree_of_[at(node)]);
        return {transfer_id(node, begin), 0, shards_.first_vector[tree], shards_.vector_count[tree]};
    }

    void add_transfers(bool towards_root) {
        if (record_ == nullptr)
            return;
        (towards_root ? inward_begin_ : outward_begin_) =
            static_cast<std::int64_t>(record_->transfers.size());
        for (std::size_t i = 0; i < forest_.nodes.size(); ++i) {
            const TreeNode& node = forest_.nodes[i];
            if (node.parent < 0)
                continue;
            const std::int64_t parent_chip = forest_.nodes[at(node.parent)].chip;
            const auto tree = at(tree_of_[i]);
            record_->transfers.push_back({.source = towards_root ? node.chip : parent_chip,
                                          .target = towards_root ? parent_chip : node.chip,
                                          .first_vector = shards_.first_vector[tree],
                                          .vector_count = shards_.vector_count[tree],
                                          .adds = towards_root ? 1 : 0});
        }
    }

    /// What leaves a root waits for all that was summed there.
    void tie_phases() {
        for (std::int32_t tree = 0; tree < forest_.tree_count(); ++tree) {
            const std::int32_t root = forest_.tree_begin[at(tree)];
            for (auto in = root + 1; in < forest_.tree_begin[at(tree) + 1]; ++in) {
                for (auto out = root + 1; out < forest_.tree_begin[at(tree) + 1]; ++out) {
                    if (forest_.nodes[at(in)].parent == root && forest_.nodes[at(out)].parent == root) {
                        record_->dependencies.push_back({transfer_id(out, outward_begin_),
                                                         transfer_id(in, inward_begin_),
                                                         root_delay_[at(tree)]});
                    }
                }
            }
        }
    }

    const Forest& forest_;
    const Shards& shards_;
    Timetable* record_;
    Booking booking_;
    const Topology& topology_;
    /// By node: operands there when summing, vectors there when spreading.
    std::vector<Readiness> ready_;
    std::vector<std::int32_t> tree_of_;
    std::vector<std::int64_t> root_delay_;
    std::int64_t inward_begin_ = -1;
    std::int64_t outward_begin_ = -1;
    std::int64_t last_sum_cycle_ = 0;
};

/// Shards and the members that own them, spread evenly over the group.
struct Ownership {
    Shards shards;
    std::vector<std::int32_t> owners;
};

[[nodiscard]] Ownership share_out(const Group& group, std::int64_t vector_count) {
    const std::int64_t shard_count = std::min<std::int64_t>(group.size(), vector_count);
    Ownership ownership{split_evenly(vector_count, shard_count), {}};
    for (std::int64_t i = 0; i < shard_count; ++i)
        ownership.owners.push_back(group.members()[at(i * group.size() / shard_count)]);
    return ownership;
}

enum class Half : std::uint8_t { both, sum, spread };

[[nodiscard]] Collective run_tree(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
                                  Half half, bool record) {
    const Topology& topology = group.topology();
    const Ownership ownership = share_out(group, vector_count);
    const Forest forest = grow_forest(group, ownership.owners, ownership.shards.vector_count);
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::tree};
    ForestSchedule schedule(topology, forest, ownership.shards, record ? &result.timetable : nullptr);
    if (half != Half::spread) {
        schedule.sum_inward(pace_of(topology.link(), reduce,
                                    busiest_fan_in(topology, forest, ownership.shards.vector_count, true)));
        result.cycles = schedule.last_sum_cycle();
    }
    if (half != Half::sum) {
        schedule.spread_outward(topology.link().vector_cycles);
        result.cycles = schedule.last_arrival_cycle();
    }
    return result;
}

/// Payload: the buffers of all members one after the other, in the group's order.
[[nodiscard]] Collective run_exchange(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
                                      bool record) {
    const Topology& topology = group.topology();
    const Shards buffers = split_evenly(vector_count * group.size(), group.size());
    const Forest forest = grow_forest(group, group.members(), buffers.vector_count);
    const Pace pace =
        pace_of(topology.link(), reduce, busiest_fan_in(topology, forest, buffers.vector_count, false));
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::exchange};
    ForestSchedule schedule(topology, forest, buffers, record ? &result.timetable : nullptr);
    schedule.spread_outward(pace.period_cycles);
    result.cycles = schedule.last_arrival_cycle() + pace.delay_cycles;
    return result;
}

/// One step a neighbour: rank r sends a shard to rank r + 1, which got its previous one from rank r - 1.
class RingSchedule {
  public:
    RingSchedule(const Group& group, std::int64_t vector_count, Timetable* record)
        : group_(group), shards_(split_evenly(vector_count, group.size())), record_(record),
          booking_(group.topology(), record), ready_(at(group.size())), previous_(at(group.size()), -1) {
        for (std::int32_t rank = 0; rank < group.size(); ++rank)
            routes_.push_back(find_route(group, member(rank), member(rank + 1)));
    }

    /// Links into the chip fed from the most links at once.
    [[nodiscard]] std::int64_t busiest_fan_in() const {
        std::int64_t widest = 0;
        for (const auto& route : routes_) {
            widest = std::max<std::int64_t>(widest, group_.topology().bundles()[at(route.back())].width);
        }
        return widest;
    }

    void sum(const Pace& pace) {
        for (std::int32_t step = 0; step + 1 < group_.size(); ++step)
            go_round(step, 0, pace.period_cycles, pace.delay_cycles, true);
    }

    void copy(std::int64_t period_cycles) {
        for (std::int32_t step = 0; step + 1 < group_.size(); ++step)
            go_round(step, 1, period_cycles, 0, false);
    }

    [[nodiscard]] std::int64_t last_arrival_cycle() const { return booking_.last_arrival_cycle(); }

  private:
    [[nodiscard]] std::int32_t member(std::int32_t rank) const {
        return group_.members()[at(rank % group_.size())];
    }

    void go_round(std::int32_t step, std::int32_t lead, std::int64_t period_cycles, std::int64_t delay_cycles,
                  bool adds) {
        const std::int32_t size = group_.size();
        std::vector<Readiness> arrived(at(size));
        std::vector<std::int64_t> sent(at(size), -1);
        for (std::int32_t rank = 0; rank < size; ++rank) {
            const auto shard = at((rank - step + lead + size) % size);
            const std::int64_t count = shards_.vector_count[shard];
            if (count == 0)
                continue;
            const std::int32_t next = (rank + 1) % size;
            const std::int64_t transfer = add_transfer(rank, shard, adds);
            Readiness ready = ready_[at(rank)];
            const auto& route = routes_[at(rank)];
            for (std::size_t hop = 0; hop < route.size(); ++hop) {
                ready = booking_.send(
                    route[hop],
                    {transfer, static_cast<std::int64_t>(hop), shards_.first_vector[shard], count}, ready,
                    period_cycles);
            }
            arrived[at(next)] = later(ready, delay_cycles);
            sent[at(next)] = transfer;
        }
        ready_ = std::move(arrived);
        previous_ = std::move(sent);
        previous_delay_cycles_ = delay_cycles;
    }

    std::int64_t add_transfer(std::int32_t rank, std::size_t shard, bool adds) {
        if (record_ == nullptr)
            return 0;
        const auto transfer = static_cast<std::int64_t>(record_->transfers.size());
        record_->transfers.push_back({.source = member(rank),
                                      .target = member(rank + 1),
                                      .first_vector = shards_.first_vector[shard],
                                      .vector_count = shards_.vector_count[shard],
                                      .adds = adds ? 1 : 0});
        if (previous_[at(rank)] >= 0) {
            record_->dependencies.push_back({transfer, previous_[at(rank)], previous_delay_cycles_});
        }
        return transfer;
    }

    const Group& group_;
    Shards shards_;
    Timetable* record_;
    Booking booking_;
    std::vector<std::vector<std::int32_t>> routes_;
    /// By rank: the shard that it got last, and the transfer that brought it.
    std::vector<Readiness> ready_;
    std::vector<std::int64_t> previous_;
    std::int64_t previous_delay_cycles_ = 0;
};

[[nodiscard]] Collective run_ring(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
                                  bool record) {
    const LinkSpec& link = group.topology().link();
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::ring};
    RingSchedule schedule(group, vector_count, record ? &result.timetable : nullptr);
    schedule.sum(pace_of(link, reduce, schedule.busiest_fan_in()));
    schedule.copy(link.vector_cycles);
    result.cycles = schedule.last_arrival_cycle();
    return result;
}

[[nodiscard]] Collective run(Algorithm algorithm, const Group& group, std::int64_t vector_count,
                             const ReduceCost& reduce, bool record) {
    switch (algorithm) {
    case Algorithm::exchange:
        return run_exchange(group, vector_count, reduce, record);
    case Algorithm::ring:
        return run_ring(group, vector_count, reduce, record);
    case Algorithm::tree:
    case Algorithm::automatic:
        break;
    }
    return run_tree(group, vector_count, reduce, Half::both, record);
}

/// Cycles that an algorithm cannot beat, found without scheduling it: the sequence of hops that some vector
/// must take, or the slots that the vectors into one chip need on all its links.
[[nodiscard]] std::int64_t bound_cycles(Algorithm algorithm, const Group& group, std::int64_t vector_count) {
    const LinkSpec& link = group.topology().link();
    const std::int64_t others = group.size() - 1;
    if (algorithm == Algorithm::ring) {
        // A shard crosses 2 x (size - 1) links one after the other, and one of them is the largest.
        return 2 * others * link.hop_cycles +
               (div_ceil(div_ceil(vector_count, group.size()), group.topology().links_per_chip_max()) - 1) *
                   link.vector_cycles;
    }
    std::int64_t links_in = 0;
    for (const Bundle& bundle : group.topology().bundles_from(group.members().front())) {
        if (group.is_open(bundle.to))
            links_in += bundle.width;
    }
    return link.hop_cycles + (div_ceil(others * vector_count, links_in) - 1) * link.vector_cycles;
}

[[nodiscard]] Collective run_one_chip(std::int64_t vector_count) {
    return {.cycles = 0, .vector_count = vector_count, .algorithm = Algorithm::tree, .timetable = {}};
}

} // namespace

std::string_view algorithm_name(Algorithm algorithm) {
    return std::ranges::find(kAlgorithmNames, algorithm, &std::pair<Algorithm, std::string_view>::first)
        ->second;
}

Algorithm algorithm_named(std::string_view name) {
    const auto found =
        std::ranges::find(kAlgorithmNames, name, &std::pair<Algorithm, std::string_view>::second);
    if (found == kAlgorithmNames.end()) {
        throw ValueError("unknown algorithm '" + std::string(name) +
                         "'; known algorithms: automatic, tree, exchange, ring");
    }
    return found->first;
}

Collective all_reduce(const Topology& topology, std::span<const std::int32_t> chips, std::int64_t size_bytes,
                      const ReduceCost& reduce, const Options& options) {
    validate(reduce);
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    if (options.algorithm != Algorithm::automatic)
        return run(options.algorithm, group, vector_count, reduce, options.record);
    Collective best = run(Algorithm::tree, group, vector_count, reduce, false);
    for (const Algorithm algorithm : {Algorithm::exchange, Algorithm::ring}) {
        if (bound_cycles(algorithm, group, vector_count) >= best.cycles)
            continue;
        Collective other = run(algorithm, group, vector_count, reduce, false);
        if (other.cycles < best.cycles)
            best = std::move(other);
    }
    return options.record ? run(best.algorithm, group, vector_count, reduce, true) : best;
}

Collective reduce_scatter(const Topology& topology, std::span<const std::int32_t> chips,
                          std::int64_t size_bytes, const ReduceCost& reduce, const Options& options) {
    validate(reduce);
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    return run_tree(group, vector_count, reduce, Half::sum, options.record);
}

Collective all_gather(const Topology& topology, std::span<const std::int32_t> chips, std::int64_t size_bytes,
                      const Options& options) {
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    return run_tree(group, vector_count, {}, Half::spread, options.record);
}

Collective broadcast(const Topology& topology, std::int32_t source, std::span<const std::int32_t> chips,
                     std::int64_t size_bytes, const Options& options) {
    topology.require_chip("source", source);
    std::vector<std::int32_t> members(chips.begin(), chips.end());
    if (!members.empty() && std::ranges::find(members, source) == members.end())
        members.push_back(source);
    const Group group(topology, members);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    const Shards whole = split_evenly(vector_count, 1);
    const std::array<std::int32_t, 1> roots{source};
    const Forest forest = grow_forest(group, roots, whole.vector_count);
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::tree};
    ForestSchedule schedule(topology, forest, whole, options.record ? &result.timetable : nullptr);
    schedule.spread_outward(topology.link().vector_cycles);
    result.cycles = schedule.last_arrival_cycle();
    return result;
}

Collective schedule(const Topology& topology, std::span<const Request> requests, const Options& options) {
    const Group everyone(topology, {});
    Collective result{.algorithm = Algorithm::tree};
    Timetable* const record = options.record ? &result.timetable : nullptr;
    Booking booking(topology, record);
    std::vector<std::int64_t> load(topology.bundles().size(), 0);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const Request& request = requests[i];
        const std::string where = "requests[" + std::to_string(i) + "]";
        topology.require_chip(where + ".source", request.source);
        topology.require_chip(where + ".target", request.target);
        if (request.source == request.target) {
            throw ValueError(where + " goes from chip " + std::to_string(request.source) + " to itself");
        }
        if (request.release_cycle < 0 || request.release_cycle > kVectorMax) {
            throw ValueError(where + ".release_cycle must be from 0 to 2^40, got " +
                             std::to_string(request.release_cycle));
        }
        const std::int64_t count = vectors_of(topology, request.size_bytes, 1);
        if (count > kVectorMax - result.vector_count) {
            throw ValueError("the requests are beyond 2^40 vectors together");
        }
        result.vector_count += count;
        if (record != nullptr) {
            record->transfers.push_back({.source = request.source,
                                         .target = request.target,
                                         .first_vector = 0,
                                         .vector_count = count,
                                         .release_cycle = request.release_cycle});
        }
        Readiness ready{.first_cycle = request.release_cycle, .last_cycle = request.release_cycle};
        std::int64_t hop = 0;
        for (const std::int32_t bundle : find_route(everyone, request.source, request.target, load)) {
            ready = booking.send(bundle, {static_cast<std::int64_t>(i), hop++, 0, count}, ready,
                                 topology.link().vector_cycles);
            load[at(bundle)] += count;
        }
    }
    result.cycles = booking.last_arrival_cycle();
    return result;
}

Collective send(const Topology& topology, std::int32_t source, std::int32_t target, std::int64_t size_bytes,
                const Options& options) {
    topology.require_chip("source", source);
    topology.require_chip("target", target);
    if (source == target) {
        throw ValueError("source and target are both chip " + std::to_string(source) +
                         "; a chip does not send to itself");
    }
    const std::array<Request, 1> request{Request{source, target, size_bytes, 0}};
    return schedule(topology, request, options);
}

} // namespace lpusim::net
