#include "lpusim/moe/traffic.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"

namespace lpusim::moe {
namespace {

std::string range_error(const std::string& where, std::int64_t chips, std::int64_t chip) {
    return where + " must be a chip from 0 to " + std::to_string(chips - 1) + ", got " + std::to_string(chip);
}

void check(const ExpertOrder& order, std::int64_t experts_per_token, const Placement& placement) {
    const auto tokens = order.inverse.size() / static_cast<std::size_t>(experts_per_token);
    const auto replicas = static_cast<std::size_t>(placement.replicas);
    const std::size_t experts = order.offsets.size() - 1;
    if (placement.token_chip.size() != tokens) {
        throw ValueError("token_chip must name a chip for each of " + std::to_string(tokens) +
                         " tokens, got " + std::to_string(placement.token_chip.size()));
    }
    if (placement.expert_chip.size() != experts * replicas) {
        throw ValueError("expert_chip must have a row for each of " + std::to_string(experts) +
                         " experts, got " + std::to_string(placement.expert_chip.size() / replicas));
    }
    for (std::size_t token = 0; token < tokens; ++token) {
        const std::int64_t chip = placement.token_chip[token];
        if (chip < 0 || chip >= placement.chips) {
            throw ValueError(range_error("token_chip[" + std::to_string(token) + "]", placement.chips, chip));
        }
    }
    for (std::size_t expert = 0; expert < experts; ++expert) {
        const auto chips = placement.expert_chip.subspan(expert * replicas, replicas);
        for (std::size_t replica = 0; replica < replicas; ++replica) {
            const std::string where =
                "expert_chip[expert " + std::to_string(expert) + ", replica " + std::to_string(replica) + "]";
            const std::int64_t chip = chips[replica];
            if (chip < -1 || chip >= placement.chips) {
                throw ValueError(range_error(where, placement.chips, chip));
            }
            if (chip >= 0 && std::ranges::count(chips.first(replica), chips[replica]) > 0) {
                throw ValueError(where + " repeats chip " + std::to_string(chip));
            }
        }
        if (std::ranges::all_of(chips, [](std::int32_t chip) { return chip == -1; })) {
            throw ValueError("expert_chip: expert " + std::to_string(expert) + " is on no chip");
        }
    }
}

/// The chips of each expert without the gaps.
class ReplicaLists {
  public:
    explicit ReplicaLists(const Placement& placement) {
        const auto replicas = static_cast<std::size_t>(placement.replicas);
        first_.push_back(0);
        for (std::size_t i = 0; i < placement.expert_chip.size(); ++i) {
            if (placement.expert_chip[i] >= 0) {
                chips_.push_back(placement.expert_chip[i]);
            }
            if ((i + 1) % replicas == 0) {
                first_.push_back(chips_.size());
            }
        }
    }

    [[nodiscard]] std::span<const std::int32_t> of(std::size_t expert) const {
        return std::span(chips_).subspan(first_[expert], first_[expert + 1] - first_[expert]);
    }

  private:
    std::vector<std::int32_t> chips_;
    std::vector<std::size_t> first_;
};

} // namespace

PlacedRows place_rows(const ExpertOrder& order, std::int64_t experts_per_token, const Placement& placement) {
    assert(placement.chips >= 1 && placement.replicas >= 1 && experts_per_token >= 1);
    check(order, experts_per_token, placement);
    const ReplicaLists lists(placement);
    PlacedRows placed;
    placed.row_chip.resize(order.permutation.size());
    placed.row_slot.resize(order.permutation.size());
    placed.chip_rows.assign(static_cast<std::size_t>(placement.chips), 0);
    for (std::size_t expert = 0; expert + 1 < order.offsets.size(); ++expert) {
        const auto chips = lists.of(expert);
        std::size_t turn = 0;
        for (auto row = static_cast<std::size_t>(order.offsets[expert]);
             row < static_cast<std::size_t>(order.offsets[expert + 1]); ++row) {
            const auto token = static_cast<std::size_t>(order.permutation[row] / experts_per_token);
            const std::int32_t home = placement.token_chip[token];
            std::int32_t chip = 0;
            if (placement.rule == ReplicaRule::source_local &&
                std::ranges::find(chips, home) != chips.end()) {
                chip = home;
            } else {
                chip = chips[turn++ % chips.size()];
            }
            placed.row_chip[row] = chip;
            placed.row_slot[row] = placed.chip_rows[static_cast<std::size_t>(chip)]++;
        }
    }
    return placed;
}

LinkTraffic link_traffic(const ExpertOrder& order, std::int64_t experts_per_token, const Placement& placement,
                         const PlacedRows& placed) {
    struct Leaving {
        std::int32_t source = 0;
        std::int32_t target = 0;
        bool first = false; ///< of its token to that chip
    };
    const auto k = static_cast<std::size_t>(experts_per_token);
    std::vector<Leaving> leaving;
    std::vector<std::int64_t> last_token(static_cast<std::size_t>(placement.chips), -1);
    for (std::size_t assignment = 0; assignment < order.inverse.size(); ++assignment) {
        const std::size_t token = assignment / k;
        const std::int32_t source = placement.token_chip[token];
        const std::int32_t target = placed.row_chip[static_cast<std::size_t>(order.inverse[assignment])];
        if (source != target) {
            std::int64_t& last = last_token[static_cast<std::size_t>(target)];
            leaving.push_back({source, target, last != static_cast<std::int64_t>(token)});
            last = static_cast<std::int64_t>(token);
        }
    }
    const auto pair_of = [](const Leaving& row) { return std::pair(row.source, row.target); };
    std::ranges::sort(leaving, {}, pair_of);
    LinkTraffic links;
    for (std::size_t i = 0; i < leaving.size(); ++i) {
        if (i == 0 || pair_of(leaving[i]) != pair_of(leaving[i - 1])) {
            links.source.push_back(leaving[i].source);
            links.target.push_back(leaving[i].target);
            links.rows.push_back(0);
            links.copies.push_back(0);
        }
        ++links.rows.back();
        links.copies.back() += leaving[i].first ? 1 : 0;
    }
    return links;
}

} // namespace lpusim::moe
