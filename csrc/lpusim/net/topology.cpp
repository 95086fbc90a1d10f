#include "lpusim/net/topology.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

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
    : name_(std::move(name)), link_(link), chips_per_node_(arrangement.chips_per_node),
      symmetry_chips_(arrangement.symmetry_chips), fastest_(link.timing()),
      down_chips_(arrangement.down_chips) {
    validate(link);
    if (chip_count < 1 || chip_count > kChipMax) {
        throw ValueError("a topology has 1 to " + std::to_string(kChipMax) + " chips, got " +
                         std::to_string(chip_count));
    }
    if (chips_per_node_ < 1) {
        throw ValueError("chips_per_node must be at least 1, got " + std::to_string(chips_per_node_));
    }
    chip_count_ = static_cast<std::int32_t>(chip_count);
    take_down_chips();
    lay_cables(cables);
    require_connected();
}

void Topology::take_down_chips() {
    std::ranges::sort(down_chips_);
    const auto twice = std::ranges::unique(down_chips_);
    down_chips_.erase(twice.begin(), twice.end());
    if (down_chips_.empty())
        return;
    for (const std::int32_t chip : {down_chips_.front(), down_chips_.back()}) {
        if (chip < 0 || chip >= chip_count_) {
            throw ValueError("a chip that is down must be a chip of " + name_ + ", 0 to " +
                             std::to_string(chip_count_ - 1) + ", got " + std::to_string(chip));
        }
    }
    if (std::ssize(down_chips_) == chip_count_) {
        throw DisconnectedError("all " + std::to_string(chip_count_) + " chips of " + name_ +
                                " are down, so no timetable exists");
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
    const std::vector<std::int32_t> up = up_chips();
    const std::vector<std::int32_t> hops = distances(up.front());
    std::vector<std::int32_t> lost = up;
    std::erase_if(lost, [&](std::int32_t chip) { return hops[static_cast<std::size_t>(chip)] >= 0; });
    if (!lost.empty()) {
        throw DisconnectedError("the topology is not connected, so no timetable serves all of it: no path "
                                "from chip " +
                                std::to_string(up.front()) + " to chip" + (lost.size() > 1 ? "s " : " ") +
                                list_text(lost));
    }
}

std::vector<std::int32_t> Topology::up_chips() const {
    std::vector<std::int32_t> up;
    for (std::int32_t chip = 0; chip < chip_count_; ++chip) {
        if (is_up(chip))
            up.push_back(chip);
    }
    return up;
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
    for (const std::int32_t chip : up_chips())
        longest = std::max(longest, std::ranges::max(distances(chip)));
    return longest;
}

std::int64_t Topology::bisection_links() const {
    if (chip_count_ < 2)
        return 0;
    const auto node_count = static_cast<std::int32_t>(div_ceil(chip_count_, chips_per_node_));
    const std::int32_t unit = node_count > 1 ? chips_per_node_ : 1;
    const std::int32_t unit_count = node_count > 1 ? node_count : chip_count_;
    const auto width_across = [&](auto&& is_inside) {
        std::int64_t width = 0;
        for (const Bundle& bundle : bundles_) {
            if (is_inside(bundle.from) && !is_inside(bundle.to))
                width += bundle.width;
        }
        return width;
    };
    std::int64_t narrowest = directed_link_count_;
    for (std::int32_t first = 0; first < unit_count; ++first) {
        narrowest = std::min(narrowest, width_across([&](std::int32_t chip) {
                                 return (chip / unit - first + unit_count) % unit_count < unit_count / 2;
                             }));
    }
    if (node_count > 1 && chips_per_node_ > 1) {
        narrowest = std::min(narrowest, width_across([&](std::int32_t chip) {
                                 return chip % chips_per_node_ < chips_per_node_ / 2;
                             }));
    }
    return narrowest;
}

double Topology::bisection_bytes_per_s() const {
    return static_cast<double>(bisection_links()) * link_bytes_per_s(link_);
}

void Topology::require_chip(std::string_view what, std::int64_t chip) const {
    if (chip < 0 || chip >= chip_count_) {
        throw ValueError(std::string(what) + " must be a chip of " + name_ + ", 0 to " +
                         std::to_string(chip_count_ - 1) + ", got " + std::to_string(chip));
    }
    if (!is_up(static_cast<std::int32_t>(chip))) {
        throw ValueError(std::string(what) + " is chip " + std::to_string(chip) + " of " + name_ +
                         ", which is down and takes part in nothing");
    }
}

} // namespace lpusim::net
