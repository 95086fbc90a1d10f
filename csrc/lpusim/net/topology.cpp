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

} // namespace

Topology::Topology(std::string name, std::int64_t chip_count, std::span<const Cable> cables,
                   const LinkSpec& link, std::int32_t chips_per_node, std::int32_t symmetry_chips)
    : name_(std::move(name)), link_(link), chips_per_node_(chips_per_node), symmetry_chips_(symmetry_chips) {
    validate(link);
    if (chip_count < 1 || chip_count > kChipMax) {
        throw ValueError("a topology has 1 to " + std::to_string(kChipMax) + " chips, got " +
                         std::to_string(chip_count));
    }
    if (chips_per_node < 1) {
        throw ValueError("chips_per_node must be at least 1, got " + std::to_string(chips_per_node));
    }
    chip_count_ = static_cast<std::int32_t>(chip_count);

    std::int64_t links = 0;
    bundles_.reserve(2 * cables.size());
    for (const Cable& cable : cables) {
        check_cable(cable, chip_count);
        links += cable.links;
        if (links > kLinkMax) {
            throw ValueError("a topology has at most " + std::to_string(kLinkMax) + " links");
        }
        bundles_.push_back({.from = cable.a, .to = cable.b, .width = cable.links});
        bundles_.push_back({.from = cable.b, .to = cable.a, .width = cable.links});
    }
    const auto ends = [](const Bundle& bundle) { return std::pair(bundle.from, bundle.to); };
    std::ranges::sort(bundles_, {}, ends);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < bundles_.size(); ++i) {
        if (kept > 0 && ends(bundles_[kept - 1]) == ends(bundles_[i])) {
            bundles_[kept - 1].width += bundles_[i].width;
        } else {
            bundles_[kept++] = bundles_[i];
        }
    }
    bundles_.resize(kept);

    first_bundle_.assign(static_cast<std::size_t>(chip_count_) + 1, 0);
    for (Bundle& bundle : bundles_) {
        bundle.first_link = std::exchange(directed_link_count_, directed_link_count_ + bundle.width);
        ++first_bundle_[static_cast<std::size_t>(bundle.from) + 1];
    }
    std::partial_sum(first_bundle_.begin(), first_bundle_.end(), first_bundle_.begin());
    for (Bundle& bundle : bundles_) {
        const auto back = std::ranges::lower_bound(bundles_, std::pair(bundle.to, bundle.from), {}, ends);
        bundle.reverse = static_cast<std::int32_t>(back - bundles_.begin());
    }

    const std::vector<std::int32_t> reach = distances(0);
    if (const auto lost = std::ranges::find(reach, -1); lost != reach.end()) {
        throw ValueError("the topology is not connected: no path from chip 0 to chip " +
                         std::to_string(lost - reach.begin()));
    }
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
    for (std::int32_t chip = 0; chip < chip_count_; ++chip)
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
}

} // namespace lpusim::net
