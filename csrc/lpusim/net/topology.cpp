#include "lpusim/net/topology.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/rotation.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::string cable_text(const Cable& cable) {
    return "the link from chip " + std::to_string(cable.a) + " to chip " + std::to_string(cable.b);
}

void check_cable(const Cable& cable, std::int64_t chip_count) {
    if (std::min(cable.a, cable.b) < 0 || std::max(cable.a, cable.b) >= chip_count) {
        throw ValueError(cable_text(cable) + " names a chip that is not there; chips are 0 to " +
                         std::to_string(chip_count - 1));
    }
    if (cable.a == cable.b) {
        throw ValueError(cable_text(cable) + " is a self loop; a link joins two different chips");
    }
    if (cable.links < 1) {
        throw ValueError(cable_text(cable) + " must have at least 1 parallel link, got " +
                         std::to_string(cable.links));
    }
}

/// "3" or "3, 4, 5 and 12 more".
[[nodiscard]] std::string list_text(std::span<const std::int32_t> chips) {
    constexpr std::size_t kShown = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(chips.size(), kShown); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(chips[i]);
    if (chips.size() > kShown)
        text += " and " + std::to_string(chips.size() - kShown) + " more";
    return text;
}

[[nodiscard]] std::pair<std::int32_t, std::int32_t> ends_of(const Bundle& bundle) {
    return {bundle.from, bundle.to};
}

/// Bundles between the same two chips become one. `bundles` is sorted by ends.
void join_parallel(std::vector<Bundle>& bundles) {
    std::size_t kept = 0;
    for (const Bundle& bundle : bundles) {
        if (kept == 0 || ends_of(bundles[kept - 1]) != ends_of(bundle)) {
            bundles[kept++] = bundle;
            continue;
        }
        if (bundles[kept - 1].timing != bundle.timing) {
            throw ValueError("the links from chip " + std::to_string(bundle.from) + " to chip " +
                             std::to_string(bundle.to) +
                             " are given twice with different timings; parallel links have one timing");
        }
        bundles[kept - 1].width += bundle.width;
    }
    bundles.resize(kept);
}

} // namespace

Topology::Topology(std::string name, std::int64_t chip_count, std::span<const Cable> cables,
                   const LinkSpec& link, const Arrangement& arrangement)
    : name_(std::move(name)), link_(link), arrangement_(arrangement), fastest_(link.timing()) {
    validate(link);
    if (chip_count < 1 || chip_count > kChipMax) {
        throw ValueError("a topology has 1 to " + std::to_string(kChipMax) + " chips, got " +
                         std::to_string(chip_count));
    }
    chip_count_ = static_cast<std::int32_t>(chip_count);
    check_arrangement();
    assign_roles();
    lay_cables(cables);
    require_connected();
}

void Topology::check_arrangement() {
    Arrangement& known = arrangement_;
    if (known.chips_per_node < 1) {
        throw ValueError("chips_per_node must be at least 1, got " + std::to_string(known.chips_per_node));
    }
    if (known.axes.empty()) {
        known.axes = {static_cast<std::int32_t>(div_ceil(chip_count_, known.chips_per_node)),
                      known.chips_per_node};
    }
    std::int64_t places = 1;
    for (const std::int32_t size : known.axes) {
        if (size < 1) {
            throw ValueError("the axes of " + name_ + " must be at least 1, got " + std::to_string(size));
        }
        places = std::min(places * size, 2 * kChipMax);
    }
    if (places < chip_count_ - std::ssize(known.relay_chips)) {
        throw ValueError("the axes of " + name_ + " have room for " + std::to_string(places) + " of its " +
                         std::to_string(chip_count_) + " chips");
    }
    if (known.physical_chips.empty()) {
        known.physical_chips.resize(static_cast<std::size_t>(chip_count_));
        std::iota(known.physical_chips.begin(), known.physical_chips.end(), 0);
    }
    std::vector<std::int32_t> sorted = known.physical_chips;
    std::ranges::sort(sorted);
    if (std::ssize(sorted) != chip_count_ || sorted.front() != 0 || sorted.back() != chip_count_ - 1 ||
        std::ranges::adjacent_find(sorted) != sorted.end()) {
        throw ValueError("physical_chips must hold every chip of " + name_ + " once");
    }
}

void Topology::assign_roles() {
    roles_.assign(static_cast<std::size_t>(chip_count_), Role::endpoint);
    const auto assign = [this](std::vector<std::int32_t>& chips, Role assigned, std::string_view what) {
        std::ranges::sort(chips);
        const auto twice = std::ranges::unique(chips);
        chips.erase(twice.begin(), twice.end());
        for (const std::int32_t chip : chips) {
            require_known(what, chip);
            roles_[static_cast<std::size_t>(chip)] = assigned;
        }
    };
    assign(arrangement_.relay_chips, Role::relay, "a relay");
    assign(arrangement_.down_chips, Role::down, "a chip that is down");
    std::erase_if(arrangement_.relay_chips, [this](std::int32_t chip) { return !is_up(chip); });
    if (std::ranges::find(roles_, Role::endpoint) == roles_.end()) {
        throw DisconnectedError("no chip of " + name_ + " is left to send or receive: " +
                                std::to_string(arrangement_.down_chips.size()) + " of " +
                                std::to_string(chip_count_) + " are down, so no timetable exists");
    }
}

void Topology::lay_cables(std::span<const Cable> cables) {
    std::int64_t links = 0;
    bundles_.reserve(2 * cables.size());
    for (const Cable& cable : cables) {
        check_cable(cable, chip_count_);
        for (const auto& timing : {cable.forward, cable.backward}) {
            if (timing)
                validate(cable_text(cable), *timing);
        }
        links += cable.links;
        if (links > kLinkMax) {
            throw ValueError("a topology has at most " + std::to_string(kLinkMax) + " links");
        }
        if (!is_up(cable.a) || !is_up(cable.b))
            continue;
        Bundle bundle{.from = cable.a, .to = cable.b, .width = cable.links};
        bundle.timing = cable.forward.value_or(link_.timing());
        bundles_.push_back(bundle);
        std::swap(bundle.from, bundle.to);
        bundle.timing = cable.backward.value_or(link_.timing());
        bundles_.push_back(bundle);
    }
    std::ranges::sort(bundles_, {}, ends_of);
    join_parallel(bundles_);

    first_bundle_.assign(static_cast<std::size_t>(chip_count_) + 1, 0);
    for (Bundle& bundle : bundles_) {
        bundle.first_link = std::exchange(directed_link_count_, directed_link_count_ + bundle.width);
        ++first_bundle_[static_cast<std::size_t>(bundle.from) + 1];
    }
    std::partial_sum(first_bundle_.begin(), first_bundle_.end(), first_bundle_.begin());
    if (!bundles_.empty())
        fastest_ = bundles_.front().timing;
    for (Bundle& bundle : bundles_) {
        const auto back = std::ranges::lower_bound(bundles_, std::pair(bundle.to, bundle.from), {}, ends_of);
        bundle.reverse = static_cast<std::int32_t>(back - bundles_.begin());
        fastest_.vector_cycles = std::min(fastest_.vector_cycles, bundle.timing.vector_cycles);
        fastest_.hop_cycles = std::min(fastest_.hop_cycles, bundle.timing.hop_cycles);
    }
}

void Topology::require_connected() const {
    const std::vector<std::int32_t> chips = endpoints();
    const std::vector<std::int32_t> hops = distances(chips.front());
    std::vector<std::int32_t> lost = chips;
    std::erase_if(lost, [&](std::int32_t chip) { return hops[static_cast<std::size_t>(chip)] >= 0; });
    if (!lost.empty()) {
        throw DisconnectedError("the topology is not connected, so no timetable serves all of it: no path "
                                "from chip " +
                                std::to_string(chips.front()) + " to chip" + (lost.size() > 1 ? "s " : " ") +
                                list_text(lost));
    }
}

std::vector<std::int32_t> Topology::up_chips() const {
    std::vector<std::int32_t> chips(roles_.size());
    std::iota(chips.begin(), chips.end(), 0);
    std::erase_if(chips, [this](std::int32_t chip) { return !is_up(chip); });
    return chips;
}

std::vector<std::int32_t> Topology::endpoints() const {
    std::vector<std::int32_t> chips(roles_.size());
    std::iota(chips.begin(), chips.end(), 0);
    std::erase_if(chips, [this](std::int32_t chip) { return !is_endpoint(chip); });
    return chips;
}

std::vector<Cable> Topology::cables() const {
    std::vector<Cable> cables;
    cables.reserve(bundles_.size() / 2);
    for (const Bundle& bundle : bundles_) {
        if (bundle.from > bundle.to)
            continue;
        const LinkTiming& back = bundles_[static_cast<std::size_t>(bundle.reverse)].timing;
        Cable cable{.a = bundle.from, .b = bundle.to, .links = bundle.width};
        if (bundle.timing != link_.timing())
            cable.forward = bundle.timing;
        if (back != link_.timing())
            cable.backward = back;
        cables.push_back(cable);
    }
    return cables;
}

std::span<const Bundle> Topology::bundles_from(std::int32_t chip) const {
    const auto first = static_cast<std::size_t>(first_bundle_[static_cast<std::size_t>(chip)]);
    const auto last = static_cast<std::size_t>(first_bundle_[static_cast<std::size_t>(chip) + 1]);
    return std::span(bundles_).subspan(first, last - first);
}

const Bundle& Topology::bundle_of_link(std::int32_t link) const {
    assert(link >= 0 && link < directed_link_count_);
    return *std::prev(std::ranges::upper_bound(bundles_, link, {}, &Bundle::first_link));
}

std::int32_t Topology::links_per_chip_max() const {
    std::int32_t most = 0;
    for (std::int32_t chip = 0; chip < chip_count_; ++chip) {
        std::int32_t links = 0;
        for (const Bundle& bundle : bundles_from(chip))
            links += bundle.width;
        most = std::max(most, links);
    }
    return most;
}

std::vector<std::int32_t> Topology::distances(std::int32_t source) const {
    std::vector<std::int32_t> hops(static_cast<std::size_t>(chip_count_), -1);
    std::vector<std::int32_t> queue{source};
    queue.reserve(hops.size());
    hops[static_cast<std::size_t>(source)] = 0;
    for (std::size_t head = 0; head < queue.size(); ++head) {
        const std::int32_t chip = queue[head];
        for (const Bundle& bundle : bundles_from(chip)) {
            std::int32_t& there = hops[static_cast<std::size_t>(bundle.to)];
            if (there < 0) {
                there = hops[static_cast<std::size_t>(chip)] + 1;
                queue.push_back(bundle.to);
            }
        }
    }
    return hops;
}

std::int32_t Topology::diameter() const {
    std::int32_t longest = 0;
    const std::int32_t rotation = Rotation::finest(*this).step_chips();
    for (const std::int32_t source : endpoints()) {
        if (source >= rotation)
            break;
        const std::vector<std::int32_t> hops = distances(source);
        for (std::int32_t chip = 0; chip < chip_count_; ++chip) {
            if (is_endpoint(chip))
                longest = std::max(longest, hops[static_cast<std::size_t>(chip)]);
        }
    }
    return longest;
}

void Topology::require_known(std::string_view what, std::int64_t chip) const {
    if (chip < 0 || chip >= chip_count_) {
        throw ValueError(std::string(what) + " must be a chip of " + name_ + ", 0 to " +
                         std::to_string(chip_count_ - 1) + ", got " + std::to_string(chip));
    }
}

void Topology::require_chip(std::string_view what, std::int64_t chip) const {
    require_known(what, chip);
    if (!is_up(static_cast<std::int32_t>(chip))) {
        throw ValueError(std::string(what) + " is chip " + std::to_string(chip) + " of " + name_ +
                         ", which is down and takes part in nothing");
    }
}

void Topology::require_endpoint(std::string_view what, std::int64_t chip) const {
    require_chip(what, chip);
    if (!is_endpoint(static_cast<std::int32_t>(chip))) {
        throw ValueError(std::string(what) + " is chip " + std::to_string(chip) + " of " + name_ +
                         ", a relay that only passes on what others send");
    }
}

} // namespace lpusim::net
