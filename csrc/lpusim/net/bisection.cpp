#include "lpusim/net/bisection.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "lpusim/net/min_cut.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// What bundles carry, in fixed point, so that cuts compare exactly and add up in any order.
[[nodiscard]] std::vector<std::int64_t> rates_of(const Topology& topology) {
    constexpr std::int64_t kOne = std::int64_t{1} << 36U;
    std::vector<std::int64_t> rates;
    rates.reserve(topology.bundles().size());
    for (const Bundle& bundle : topology.bundles())
        rates.push_back(bundle.width * (kOne / bundle.timing.vector_cycles));
    return rates;
}

/// A cut: what crosses in its lesser direction, and the endpoints on its smaller side.
struct Width {
    std::int64_t rate = std::numeric_limits<std::int64_t>::max();
    std::int64_t endpoints = 1;

    /// For its size: where parts differ, less has to cross.
    [[nodiscard]] double share() const { return static_cast<double>(rate) / static_cast<double>(endpoints); }
};

/// The narrowest cut so far; the first of equals.
struct Cut {
    Width width = {};
    std::vector<Side> sides = {};

    void offer(const Width& other, std::vector<Side> other_sides) {
        if (other.share() < width.share()) {
            width = other;
            sides = std::move(other_sides);
        }
    }
};

/// {first to second, second to first}.
[[nodiscard]] std::array<std::int64_t, 2>
rate_across(const Topology& topology, std::span<const std::int64_t> rates, std::span<const Side> sides) {
    std::array<std::int64_t, 2> across{};
    for (std::size_t i = 0; i < rates.size(); ++i) {
        const Bundle& bundle = topology.bundles()[i];
        const Side from = sides[at(bundle.from)], to = sides[at(bundle.to)];
        if (from != to)
            across[from == Side::first ? 0 : 1] += rates[i];
    }
    return across;
}

/// Tries every half: chips join a side one after the other, until what crosses already is too much.
class HalfSearch {
  public:
    HalfSearch(const Topology& topology, std::span<const std::int64_t> rates)
        : chips_(topology.endpoints()), rate_(chips_.size(), std::vector<std::int64_t>(chips_.size())),
          sides_(at(topology.chip_count()), Side::free) {
        std::vector<std::size_t> index_of(at(topology.chip_count()));
        for (std::size_t i = 0; i < chips_.size(); ++i)
            index_of[at(chips_[i])] = i;
        for (std::size_t i = 0; i < rates.size(); ++i) {
            const Bundle& bundle = topology.bundles()[i];
            rate_[index_of[at(bundle.from)]][index_of[at(bundle.to)]] = rates[i];
        }
    }

    [[nodiscard]] Cut narrowest() {
        place(0, Side::first, {});
        return best_;
    }

  private:
    using Across = std::array<std::int64_t, 2>;

    void place(std::size_t index, Side side, Across across) {
        for (std::size_t other = 0; other < index; ++other) {
            if (sides_[at(chips_[other])] == side)
                continue;
            const bool forward = side == Side::second;
            across[forward ? 0 : 1] += rate_[other][index];
            across[forward ? 1 : 0] += rate_[index][other];
        }
        const std::int64_t rate = std::min(across[0], across[1]);
        if (rate >= best_.width.rate)
            return;
        sides_[at(chips_[index])] = side;
        std::size_t& count = side == Side::first ? first_count_ : second_count_;
        ++count;
        const std::size_t most = (chips_.size() + 1) / 2;
        if (index + 1 == chips_.size()) {
            best_ = {{rate, std::ssize(chips_) / 2}, sides_};
        } else {
            if (first_count_ < most)
                place(index + 1, Side::first, across);
            if (second_count_ < most)
                place(index + 1, Side::second, across);
        }
        --count;
        sides_[at(chips_[index])] = Side::free;
    }

    std::vector<std::int32_t> chips_;
    std::vector<std::vector<std::int64_t>> rate_;
    std::vector<Side> sides_;
    std::size_t first_count_ = 0, second_count_ = 0;
    Cut best_;
};

/// One axis: where along it each endpoint is, among the places that have any.
struct Places {
    std::vector<std::int32_t> of_chip;
    std::int32_t count = 0;
    /// By place.
    std::vector<std::int64_t> endpoints = {};
};

[[nodiscard]] Places places_along(const Topology& topology, std::size_t axis) {
    const std::vector<std::int32_t>& axes = topology.arrangement().axes;
    std::int64_t stride = 1;
    for (std::size_t i = axis + 1; i < axes.size(); ++i)
        stride *= axes[i];
    std::vector<std::int32_t> rank(at(axes[axis]), -1);
    const auto place_of = [&](std::int32_t chip) { return chip / stride % axes[axis]; };
    for (const std::int32_t chip : topology.endpoints())
        rank[at(place_of(chip))] = 0;
    Places places{.of_chip = std::vector<std::int32_t>(at(topology.chip_count()), -1)};
    for (std::int32_t& place : rank) {
        if (place == 0)
            place = places.count++;
    }
    places.endpoints.resize(at(places.count), 0);
    for (const std::int32_t chip : topology.endpoints()) {
        places.of_chip[at(chip)] = rank[at(place_of(chip))];
        ++places.endpoints[at(places.of_chip[at(chip)])];
    }
    return places;
}

/// The fewer endpoints: of the first half of the places, or of the second.
[[nodiscard]] std::int64_t fewer_endpoints(const Places& places) {
    const auto middle = places.endpoints.begin() + places.count / 2;
    return std::min(std::accumulate(places.endpoints.begin(), middle, std::int64_t{0}),
                    std::accumulate(middle, places.endpoints.end(), std::int64_t{0}));
}

[[nodiscard]] std::vector<Side> arc_sides(const Places& places, std::int32_t first) {
    std::vector<Side> sides(places.of_chip.size(), Side::free);
    for (std::size_t chip = 0; chip < sides.size(); ++chip) {
        if (places.of_chip[chip] < 0)
            continue;
        const std::int32_t into = (places.of_chip[chip] - first + places.count) % places.count;
        sides[chip] = into < places.count / 2 ? Side::first : Side::second;
    }
    return sides;
}

/// By the first place of an arc: what leaves it, and what enters it.
class ArcRates {
  public:
    explicit ArcRates(const Places& places)
        : places_(places), count_(places.count), leave_(at(places.count) + 1, 0),
          enter_(at(places.count) + 1, 0) {}

    void add(std::int32_t from, std::int32_t to, std::int64_t rate) {
        if (from == to)
            return;
        const std::int32_t half = count_ / 2;
        // Arcs that begin at the `half` places up to `from` hold it. Of those, the ones that hold `to` as
        // well begin at the places up to whichever comes first, if the other is near enough behind.
        const std::int32_t ahead = (to - from + count_) % count_, behind = count_ - ahead;
        const std::int32_t both = std::max({0, half - ahead, half - behind});
        const std::int32_t last_both = ahead < behind ? from : to;
        count_arcs(leave_, from, half, rate);
        count_arcs(leave_, last_both, both, -rate);
        count_arcs(enter_, to, half, rate);
        count_arcs(enter_, last_both, both, -rate);
    }

    /// Where the narrowest arc begins, the first of equals, and its width.
    [[nodiscard]] std::pair<std::int32_t, Width> narrowest() const {
        std::pair<std::int32_t, Width> best;
        const std::int64_t all =
            std::accumulate(places_.endpoints.begin(), places_.endpoints.end(), std::int64_t{0});
        std::int64_t inside = std::accumulate(places_.endpoints.begin(),
                                              places_.endpoints.begin() + count_ / 2, std::int64_t{0});
        std::int64_t leave = 0, enter = 0;
        for (std::int32_t first = 0; first < count_; ++first) {
            leave += leave_[at(first)];
            enter += enter_[at(first)];
            const Width width{std::min(leave, enter), std::min(inside, all - inside)};
            if (width.share() < best.second.share())
                best = {first, width};
            inside += places_.endpoints[at((first + count_ / 2) % count_)] - places_.endpoints[at(first)];
        }
        return best;
    }

  private:
    /// Adds to the arcs that begin at `arcs` consecutive places, `last` the last of them.
    void count_arcs(std::vector<std::int64_t>& steps, std::int32_t last, std::int32_t arcs,
                    std::int64_t rate) const {
        if (arcs == 0)
            return;
        const std::int32_t begin = last - arcs + 1;
        steps[at(std::max(begin, 0))] += rate;
        steps[at(last) + 1] -= rate;
        if (begin < 0) {
            steps[at(begin + count_)] += rate;
            steps[at(count_)] -= rate;
        }
    }

    const Places& places_;
    std::int32_t count_;
    std::vector<std::int64_t> leave_, enter_;
};

[[nodiscard]] Cut narrowest_arc(const Topology& topology, std::span<const std::int64_t> rates) {
    Cut best;
    const bool has_relays = !topology.arrangement().relay_chips.empty();
    for (std::size_t axis = 0; axis < topology.arrangement().axes.size(); ++axis) {
        const Places places = places_along(topology, axis);
        if (places.count < 2)
            continue;
        if (has_relays) {
            std::vector<Side> sides = arc_sides(places, 0);
            place_free_chips(topology, rates, sides);
            const auto across = rate_across(topology, rates, sides);
            best.offer({std::min(across[0], across[1]), fewer_endpoints(places)}, std::move(sides));
            continue;
        }
        ArcRates arcs(places);
        for (std::size_t i = 0; i < rates.size(); ++i) {
            const Bundle& bundle = topology.bundles()[i];
            arcs.add(places.of_chip[at(bundle.from)], places.of_chip[at(bundle.to)], rates[i]);
        }
        const auto [first, width] = arcs.narrowest();
        best.offer(width, arc_sides(places, first));
    }
    return best;
}

/// Spells out a cut: links and bytes of its lesser direction, and the half with the first endpoint.
[[nodiscard]] Bisection measure(const Topology& topology, std::span<const std::int64_t> rates,
                                const Cut& cut) {
    const auto across = rate_across(topology, rates, cut.sides);
    const Side source = across[0] <= across[1] ? Side::first : Side::second;
    // Links by slot, so that equal links multiply instead of adding up rounding errors.
    std::map<std::int64_t, std::int64_t> links_by_slot;
    for (const Bundle& bundle : topology.bundles()) {
        if (cut.sides[at(bundle.from)] == source && cut.sides[at(bundle.to)] != source &&
            cut.sides[at(bundle.to)] != Side::free)
            links_by_slot[bundle.timing.vector_cycles] += bundle.width;
    }
    Bisection result;
    for (const auto& [vector_cycles, links] : links_by_slot) {
        result.links += links;
        result.bytes_per_s +=
            static_cast<double>(links) *
            link_bytes_per_s(topology.link(), {.vector_cycles = vector_cycles, .hop_cycles = vector_cycles});
    }
    const std::vector<std::int32_t> chips = topology.endpoints();
    for (const std::int32_t chip : chips) {
        if (cut.sides[at(chip)] == cut.sides[at(chips.front())])
            result.chips.push_back(chip);
    }
    return result;
}

} // namespace

Bisection bisect(const Topology& topology) {
    const std::vector<std::int32_t> chips = topology.endpoints();
    if (chips.size() < 2)
        return {.is_exact = true, .chips = chips};
    const std::vector<std::int64_t> rates = rates_of(topology);
    const bool is_small = std::ssize(chips) <= kExactBisectionChipsMax;
    const bool is_exact = is_small && chips.size() == topology.up_chips().size();
    const Cut cut = is_exact ? HalfSearch(topology, rates).narrowest() : narrowest_arc(topology, rates);
    Bisection result = measure(topology, rates, cut);
    result.is_exact = is_exact;
    return result;
}

} // namespace lpusim::net
