#include "lpusim/lower/group.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>
#include <vector>

#include "lpusim/net/collective.h"

namespace lpusim::lower {
namespace {

std::vector<std::int32_t> consecutive(std::int32_t first, std::int32_t count) {
    std::vector<std::int32_t> chips(static_cast<std::size_t>(count));
    std::iota(chips.begin(), chips.end(), first);
    return chips;
}

} // namespace

GroupCosts::GroupCosts(const net::Topology& topology, std::int32_t first_chip, std::int32_t chip_count,
                       const net::ReduceCost& reduce)
    : topology_(&topology), first_chip_(first_chip), chip_count_(chip_count), reduce_(reduce) {
    assert(first_chip >= 0 && chip_count >= 1 && first_chip + chip_count <= topology.chip_count());
}

std::int64_t GroupCosts::cycles(CollectiveKind kind, std::int64_t part_count, std::int64_t size_bytes) {
    assert(part_count >= 1 && part_count <= chip_count_);
    if (size_bytes == 0 || (kind != CollectiveKind::shift && part_count == 1)) {
        return 0;
    }
    const std::scoped_lock lock(mutex_);
    const auto [entry, is_new] = cycles_.try_emplace(Key{kind, part_count, size_bytes}, 0);
    if (!is_new) {
        return entry->second;
    }
    const std::vector<std::int32_t> chips = consecutive(first_chip_, static_cast<std::int32_t>(part_count));
    switch (kind) {
    case CollectiveKind::all_reduce:
        entry->second = net::all_reduce(*topology_, chips, size_bytes, reduce_).cycles;
        break;
    case CollectiveKind::all_gather:
        entry->second = net::all_gather(*topology_, chips, size_bytes).cycles;
        break;
    case CollectiveKind::reduce_scatter:
        entry->second = net::reduce_scatter(*topology_, chips, size_bytes, reduce_).cycles;
        break;
    case CollectiveKind::shift: {
        std::vector<net::Request> requests;
        const std::int32_t target_count =
            std::min(chip_count_, topology_->chip_count() - first_chip_ - chip_count_);
        requests.reserve(static_cast<std::size_t>(std::max(target_count, 0)));
        for (std::int32_t i = 0; i < target_count; ++i) {
            requests.push_back({first_chip_ + i, first_chip_ + chip_count_ + i, size_bytes, 0});
        }
        entry->second = requests.empty() ? 0 : net::schedule(*topology_, requests).cycles;
        break;
    }
    }
    return entry->second;
}

CollectiveLibrary::CollectiveLibrary(std::shared_ptr<const net::Topology> topology)
    : topology_(std::move(topology)) {}

GroupCosts& CollectiveLibrary::group(std::int32_t first_chip, std::int32_t chip_count,
                                     const net::ReduceCost& reduce) {
    const std::int32_t period = topology_->symmetry_chips();
    const std::int32_t symmetric_chips = period > 0 ? topology_->chip_count() / period * period : 0;
    // A group's shift reaches into the next group, so both have to lie where the symmetry holds.
    while (first_chip >= period && first_chip + 2 * chip_count <= symmetric_chips) {
        first_chip -= period;
    }
    const Key key{first_chip, chip_count, reduce.first_cycles, reduce.cycles_per_vector};
    const std::scoped_lock lock(mutex_);
    return groups_.try_emplace(key, *topology_, first_chip, chip_count, reduce).first->second;
}

} // namespace lpusim::lower
