#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/rotation.h"
#include "lpusim/net/shards.h"
#include "lpusim/net/timetable.h"
#include "lpusim/net/verify.h"

/// Timetables that are the same at every turn of a rotation, written down for one turn: what a machine of ten
/// thousand chips needs where its wiring is symmetric.
namespace lpusim::net {

/// How the rows of one turn stand for all `turn_count`. At turn r chip c of a row is (c + r * step_chips)
/// modulo the chips there are, a link is the one between the chips so turned, and every cycle is the same.
///
/// Pieces of one class may differ by a vector; slots are given for the largest, and a piece that is smaller
/// leaves its last slots empty.
struct Turning {
    std::int32_t step_chips = 0;
    /// 1: the timetable is whole, and nothing below is used.
    std::int32_t turn_count = 1;
    /// By transfer: the chip whose piece it carries, at turn 0; -1 where every turn carries the same vectors.
    std::vector<std::int32_t> piece_chip = {};
    /// By chip: its piece of the payload.
    Shards pieces = {};
    /// By dependency: the transfer depended on is the one that many turns ahead.
    std::vector<std::int32_t> on_turns = {};
    /// More than 0: pieces belong to pairs of chips instead. What chip s sends to chip t are that many
    /// vectors from (s * chips + t) * pair_vectors on.
    std::int64_t pair_vectors = 0;
};

/// Transfers of all turns, those of pieces without a vector left out.
[[nodiscard]] std::int64_t expanded_transfer_count(const Topology& topology, const Timetable& timetable,
                                                   const Turning& turning);

/// All turns, one after the other, each in the order of the rows. Throws CapacityError where there would be
/// more than `row_max` transfers or runs. Cost: that many rows.
[[nodiscard]] Timetable expand(const Topology& topology, const Timetable& timetable, const Turning& turning,
                               std::int64_t row_max = std::int64_t{1} << 25U);

/// Proves all turns legal without expanding them: the turning is a symmetry of the topology, one turn obeys
/// the rules of `verify`, and no two rows hold a link of the same class in the same cycle, so that no two
/// turns do. Only where a piece that turns depends on vectors that do not, or they on it, are the rows of
/// that dependency taken at every turn. Slots and bytes are those of all turns. Throws as `verify`.
[[nodiscard]] Verification verify(const Topology& topology, const Timetable& timetable,
                                  const Turning& turning);

/// Takes down rows while slots are given out.
class Ledger {
  public:
    /// Appends to both, which must outlive it.
    Ledger(Timetable& timetable, Turning& turning) : timetable_(timetable), turning_(turning) {}

    /// `piece_chip` as in Turning; without a rotation it may be anything.
    std::int64_t add_transfer(const Transfer& transfer, std::int32_t piece_chip) {
        timetable_.transfers.push_back(transfer);
        turning_.piece_chip.push_back(piece_chip);
        return static_cast<std::int64_t>(timetable_.transfers.size()) - 1;
    }
    void add_run(const Run& run) { timetable_.runs.push_back(run); }
    /// Left out where the two share no vector, since it would ask for nothing.
    void add_dependency(const Dependency& dependency, std::int32_t on_turns = 0);

    [[nodiscard]] const Transfer& transfer(std::int64_t index) const {
        return timetable_.transfers[static_cast<std::size_t>(index)];
    }
    [[nodiscard]] std::int64_t transfer_count() const {
        return static_cast<std::int64_t>(timetable_.transfers.size());
    }
    [[nodiscard]] Turning& turning() { return turning_; }

  private:
    Timetable& timetable_;
    Turning& turning_;
};

} // namespace lpusim::net
