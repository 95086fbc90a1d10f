#include "lpusim/moe/traffic.h"

#include <doctest/doctest.h>

#include "lpusim/base/errors.h"

using namespace lpusim;
using namespace lpusim::moe;

namespace {

using Chips = std::vector<std::int32_t>;
using Counts = std::vector<std::int64_t>;

/// Tokens 0 and 1 live on chip 0, token 2 on chip 1. Experts 0 and 1 live on chip 0, expert 2 on chip 1.
const Chips kIds{2, 1, 0, 1, 2, 0};
const Chips kTokenChip{0, 0, 1}, kExpertChip{0, 0, 1};

} // namespace

TEST_CASE("rows on chips keep the plan's order, and links carry what is not at home") {
    const ExpertOrder order = order_by_expert(kIds, 3, 2);
    const Placement placement{.chips = 2, .token_chip = kTokenChip, .expert_chip = kExpertChip};
    const PlacedRows placed = place_rows(order, 2, placement);
    CHECK(placed.row_chip == Chips{0, 0, 0, 0, 1, 1});
    CHECK(placed.row_slot == Counts{0, 1, 2, 3, 0, 1});
    CHECK(placed.chip_rows == Counts{4, 2});
    const LinkTraffic links = link_traffic(order, 2, placement, placed);
    CHECK(links.source == Chips{0, 1}); // Token 0 to expert 2, token 2 to expert 0.
    CHECK(links.target == Chips{1, 0});
    CHECK(links.rows == Counts{1, 1});
    CHECK(links.copies == Counts{1, 1});
}

TEST_CASE("a token is copied once to a chip, however many of its experts live there") {
    const ExpertOrder order = order_by_expert(Chips{0, 1, 2}, 3, 3);
    const Chips token{0}, experts{1, 1, 2};
    const Placement placement{.chips = 3, .token_chip = token, .expert_chip = experts};
    const LinkTraffic links = link_traffic(order, 3, placement, place_rows(order, 3, placement));
    CHECK(links.target == Chips{1, 2});
    CHECK(links.rows == Counts{2, 1});
    CHECK(links.copies == Counts{1, 1});
}

TEST_CASE("replicas take turns, or the token's own chip serves it") {
    const ExpertOrder order = order_by_expert(Chips{0, 0, 0, 0, 0}, 1, 1);
    const Chips tokens{2, 2, 1, 0, 2}, experts{0, -1, 2};
    Placement placement{.chips = 3, .token_chip = tokens, .expert_chip = experts, .replicas = 3};
    CHECK(place_rows(order, 1, placement).row_chip == Chips{0, 2, 0, 2, 0});
    placement.rule = ReplicaRule::source_local;
    CHECK(place_rows(order, 1, placement).row_chip == Chips{2, 2, 0, 0, 2}); // Only token 2 has none at home.
}

TEST_CASE("placements that cannot be are refused, and the place is named") {
    const ExpertOrder order = order_by_expert(kIds, 3, 2);
    const auto refuse = [&](const Chips& tokens, const Chips& experts, std::int64_t replicas,
                            const char* why) {
        const Placement placement{
            .chips = 2, .token_chip = tokens, .expert_chip = experts, .replicas = replicas};
        CHECK_THROWS_WITH_AS((void)place_rows(order, 2, placement), why, ValueError);
    };
    refuse({0, 0}, kExpertChip, 1, "token_chip must name a chip for each of 3 tokens, got 2");
    refuse({0, 2, 0}, kExpertChip, 1, "token_chip[1] must be a chip from 0 to 1, got 2");
    refuse(kTokenChip, {0, 1}, 1, "expert_chip must have a row for each of 3 experts, got 2");
    refuse(kTokenChip, {0, -1, 1}, 1, "expert_chip: expert 1 is on no chip");
    refuse(kTokenChip, {0, 5, 1}, 1, "expert_chip[expert 1, replica 0] must be a chip from 0 to 1, got 5");
    refuse(kTokenChip, {0, 1, 1, 1, 0, -1}, 2, "expert_chip[expert 1, replica 1] repeats chip 1");
}

TEST_CASE("no tokens, no traffic") {
    const ExpertOrder order = order_by_expert({}, 3, 2);
    const Placement placement{.chips = 2, .token_chip = {}, .expert_chip = kExpertChip};
    const PlacedRows placed = place_rows(order, 2, placement);
    CHECK(placed.chip_rows == Counts{0, 0});
    CHECK(link_traffic(order, 2, placement, placed).source.empty());
}
