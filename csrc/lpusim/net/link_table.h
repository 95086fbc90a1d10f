#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/topology.h"

namespace lpusim::net {

/// The bundle of every directed link without a search, and the links of every chip: those that leave a chip
/// have consecutive ids. The topology must outlive it.
class LinkTable {
  public:
    explicit LinkTable(const Topology& topology) : topology_(topology) {
        bundle_.reserve(static_cast<std::size_t>(topology.directed_link_count()));
        for (std::size_t i = 0; i < topology.bundles().size(); ++i) {
            const auto width = static_cast<std::size_t>(topology.bundles()[i].width);
            bundle_.insert(bundle_.end(), width, static_cast<std::int32_t>(i));
        }
    }

    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(bundle_.size()); }
    [[nodiscard]] const Bundle& operator[](std::int64_t link) const {
        return topology_.bundles()[static_cast<std::size_t>(bundle_[static_cast<std::size_t>(link)])];
    }
    [[nodiscard]] std::int32_t from(std::int64_t link) const { return (*this)[link].from; }
    [[nodiscard]] std::int32_t to(std::int64_t link) const { return (*this)[link].to; }
    [[nodiscard]] std::int64_t vector_cycles(std::int64_t link) const {
        return (*this)[link].timing.vector_cycles;
    }
    [[nodiscard]] std::int64_t hop_cycles(std::int64_t link) const { return (*this)[link].timing.hop_cycles; }

  private:
    const Topology& topology_;
    std::vector<std::int32_t> bundle_;
};

} // namespace lpusim::net
