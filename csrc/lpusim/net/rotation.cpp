#include "lpusim/net/rotation.h"

#include <algorithm>
#include <cassert>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// The bundle from one chip to another; -1 where there is none.
[[nodiscard]] std::int32_t find_bundle(const Topology& topology, std::int32_t from, std::int32_t to) {
    const auto outs = topology.bundles_from(from);
    const auto found = std::ranges::lower_bound(outs, to, {}, &Bundle::to);
    if (found == outs.end() || found->to != to)
        return -1;
    return topology.first_bundle(from) + static_cast<std::int32_t>(found - outs.begin());
}

} // namespace

Rotation::Rotation(const Topology& topology)
    : chip_count_(topology.chip_count()), step_chips_(topology.chip_count()),
      class_count_(static_cast<std::int32_t>(topology.bundles().size())) {}

std::optional<Rotation> Rotation::by(const Topology& topology, std::int32_t step_chips) {
    const std::int32_t chip_count = topology.chip_count();
    if (step_chips < 1 || chip_count % step_chips != 0)
        return std::nullopt;
    Rotation rotation(topology);
    if (step_chips == chip_count)
        return rotation;
    rotation.step_chips_ = step_chips;
    // A chip and its next image have images of each other's bundles. Once round, that is all of it.
    for (std::int32_t chip = 0; chip < chip_count; ++chip) {
        const std::int32_t next = rotation.turned_chip(chip, 1);
        const auto outs = topology.bundles_from(chip);
        if (topology.bundles_from(next).size() != outs.size() ||
            topology.is_endpoint(next) != topology.is_endpoint(chip))
            return std::nullopt;
        for (const Bundle& bundle : outs) {
            const std::int32_t image = find_bundle(topology, next, rotation.turned_chip(bundle.to, 1));
            if (image < 0)
                return std::nullopt;
            const Bundle& other = topology.bundles()[at(image)];
            if (other.width != bundle.width || other.timing != bundle.timing)
                return std::nullopt;
        }
    }
    rotation.class_count_ = topology.first_bundle(step_chips - 1) +
                            static_cast<std::int32_t>(topology.bundles_from(step_chips - 1).size());
    rotation.classes_.resize(topology.bundles().size());
    for (std::size_t i = 0; i < rotation.classes_.size(); ++i) {
        const Bundle& bundle = topology.bundles()[i];
        const std::int32_t turns = bundle.from / step_chips;
        rotation.classes_[i] =
            find_bundle(topology, bundle.from % step_chips, rotation.turned_chip(bundle.to, -turns));
        assert(rotation.classes_[i] >= 0);
    }
    return rotation;
}

Rotation Rotation::finest(const Topology& topology) {
    for (std::int32_t step_chips = 1; step_chips < topology.chip_count(); ++step_chips) {
        if (topology.chip_count() % step_chips != 0)
            continue;
        if (auto rotation = by(topology, step_chips))
            return *std::move(rotation);
    }
    return Rotation(topology);
}

std::int32_t Rotation::turned_link(const Topology& topology, std::int32_t link, std::int32_t turns) const {
    const Bundle& bundle = topology.bundle_of_link(link);
    const std::int32_t image =
        find_bundle(topology, turned_chip(bundle.from, turns), turned_chip(bundle.to, turns));
    return topology.bundles()[at(image)].first_link + link - bundle.first_link;
}

} // namespace lpusim::net
