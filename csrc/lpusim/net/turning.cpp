#include "lpusim/net/turning.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/crowd.h"
#include "lpusim/net/link_table.h"
#include "lpusim/net/place_rules.h"
#include "lpusim/net/run_groups.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

[[nodiscard]] Rotation require_rotation(const Topology& topology, const Timetable& timetable,
                                        const Turning& turning) {
    if (turning.turn_count < 1 || turning.step_chips < 1 ||
        std::int64_t{turning.step_chips} * turning.turn_count != topology.chip_count()) {
        throw ValueError("a turning of " + std::to_string(turning.turn_count) + " turns by " +
                         std::to_string(turning.step_chips) + " chips does not go once round the " +
                         std::to_string(topology.chip_count()) + " chips of " + topology.name());
    }
    const bool has_pieces = turning.pieces.first_vector.size() == at(topology.chip_count()) &&
                            turning.pieces.vector_count.size() == at(topology.chip_count());
    const bool needs_pieces = turning.pair_vectors == 0 &&
                              std::ranges::any_of(turning.piece_chip, [](auto chip) { return chip >= 0; });
    if (turning.piece_chip.size() != timetable.transfers.size() ||
        turning.on_turns.size() != timetable.dependencies.size() || (needs_pieces && !has_pieces)) {
        throw ValueError("a turning needs a piece_chip for each transfer, on_turns for each dependency and a "
                         "piece for each chip");
    }
    auto rotation = Rotation::by(topology, turning.step_chips);
    if (!rotation) {
        throw ScheduleError("turning " + topology.name() + " by " + std::to_string(turning.step_chips) +
                            " chips does not map its links to links");
    }
    return *std::move(rotation);
}

/// What the rows of one turn are at another.
class Turner {
  public:
    Turner(const Topology& topology, const Timetable& timetable, const Turning& turning,
           const Rotation& rotation)
        : topology_(topology), timetable_(timetable), turning_(turning), rotation_(rotation) {}

    /// Its vector_count is 0 where the piece of that turn is empty.
    [[nodiscard]] Transfer transfer(std::size_t index, std::int32_t turn) const {
        Transfer row = timetable_.transfers[index];
        const std::int64_t pair = pair_first(row.source, row.target);
        row.source = rotation_.turned_chip(static_cast<std::int32_t>(row.source), turn);
        row.target = rotation_.turned_chip(static_cast<std::int32_t>(row.target), turn);
        const std::int32_t chip = turning_.piece_chip[index];
        if (turning_.pair_vectors > 0) {
            row.first_vector += pair_first(row.source, row.target) - pair;
        } else if (chip >= 0) {
            const auto turned = at(rotation_.turned_chip(chip, turn));
            row.first_vector = turning_.pieces.first_vector[turned];
            row.vector_count = std::min(row.vector_count, turning_.pieces.vector_count[turned]);
        }
        return row;
    }

    /// Of a transfer turned into `turned`; nothing where no vector of the run is left.
    [[nodiscard]] std::optional<Run> run(const Run& row, const Transfer& turned, std::int32_t turn) const {
        const Transfer& base = timetable_.transfers[at(row.transfer)];
        const std::int64_t offset = row.first_vector - base.first_vector;
        if (offset >= turned.vector_count)
            return std::nullopt;
        Run image = row;
        image.first_vector = turned.first_vector + offset;
        image.vector_count =
            std::min(row.vector_count, div_ceil(turned.vector_count - offset, row.vector_step));
        image.link = rotation_.turned_link(topology_, static_cast<std::int32_t>(row.link), turn);
        return image;
    }

  private:
    [[nodiscard]] std::int64_t pair_first(std::int64_t source, std::int64_t target) const {
        return (source * topology_.chip_count() + target) * turning_.pair_vectors;
    }

    const Topology& topology_;
    const Timetable& timetable_;
    const Turning& turning_;
    const Rotation& rotation_;
};

/// Vectors of a transfer, summed over all turns.
class PieceTotals {
  public:
    PieceTotals(const Turning& turning) : turning_(turning) {
        if (turning.pieces.vector_count.empty())
            return;
        by_class_.assign(at(turning.step_chips), 0);
        for (std::size_t chip = 0; chip < turning.pieces.vector_count.size(); ++chip)
            by_class_[chip % by_class_.size()] += turning.pieces.vector_count[chip];
    }

    [[nodiscard]] std::int64_t of(std::size_t transfer, const Transfer& row) const {
        const std::int32_t chip = turning_.piece_chip[transfer];
        return turning_.pair_vectors > 0 || chip < 0 ? checked_multiply(row.vector_count, turning_.turn_count)
                                                     : by_class_[at(chip % turning_.step_chips)];
    }

  private:
    const Turning& turning_;
    std::vector<std::int64_t> by_class_;
};

/// The rows of turn 0, and of other turns what is needed to prove all dependencies.
///
/// A dependency between pieces that turn together, or between vectors that do not turn, is the same at every
/// turn. Where one side turns and the other does not, other vectors meet at every turn, and all are taken.
class ClosedTurn {
  public:
    ClosedTurn(const Timetable& timetable, const Turning& turning, const Turner& turner)
        : timetable_(timetable), turning_(turning), turner_(turner),
          closed_{timetable.transfers, timetable.runs, {}} {}

    [[nodiscard]] Timetable run() {
        for_each_image([&](std::int64_t transfer, std::int32_t turn, std::int64_t on, std::int32_t on_turn,
                           std::int64_t) {
            for (const auto& image : {Image(transfer, turn), Image(on, on_turn)}) {
                if (image.second != 0)
                    images_.push_back(image);
            }
        });
        std::ranges::sort(images_);
        const auto twice = std::ranges::unique(images_);
        images_.erase(twice.begin(), twice.end());
        copy_images();
        for_each_image([&](std::int64_t transfer, std::int32_t turn, std::int64_t on, std::int32_t on_turn,
                           std::int64_t delay_cycles) {
            const Dependency image{row_of(transfer, turn), row_of(on, on_turn), delay_cycles};
            if (image.transfer >= 0 && image.on >= 0)
                closed_.dependencies.push_back(image);
        });
        return std::move(closed_);
    }

  private:
    using Image = std::pair<std::int64_t, std::int32_t>;

    template <class Visit>
    void for_each_image(const Visit& visit) const {
        for (std::size_t i = 0; i < timetable_.dependencies.size(); ++i) {
            const Dependency& row = timetable_.dependencies[i];
            const bool is_mixed = turns(row.transfer) != turns(row.on);
            for (std::int32_t turn = 0; turn < (is_mixed ? turning_.turn_count : 1); ++turn) {
                visit(row.transfer, turn, row.on, (turn + turning_.on_turns[i]) % turning_.turn_count,
                      row.delay_cycles);
            }
        }
    }

    [[nodiscard]] bool turns(std::int64_t transfer) const {
        return turning_.pair_vectors > 0 || turning_.piece_chip[at(transfer)] >= 0;
    }

    void copy_images() {
        std::vector<std::int64_t> first_run(timetable_.transfers.size() + 1, 0);
        std::vector<std::size_t> runs(images_.empty() ? 0 : timetable_.runs.size());
        std::iota(runs.begin(), runs.end(), std::size_t{0});
        std::ranges::stable_sort(runs, {}, [&](std::size_t run) { return timetable_.runs[run].transfer; });
        for (const std::size_t run : runs)
            ++first_run[at(timetable_.runs[run].transfer) + 1];
        std::partial_sum(first_run.begin(), first_run.end(), first_run.begin());
        for (const auto& [transfer, turn] : images_) {
            const Transfer turned = turner_.transfer(at(transfer), turn);
            rows_.push_back(turned.vector_count > 0 ? std::ssize(closed_.transfers) : -1);
            if (turned.vector_count == 0)
                continue;
            closed_.transfers.push_back(turned);
            for (std::int64_t k = first_run[at(transfer)]; k < first_run[at(transfer) + 1]; ++k) {
                if (auto image = turner_.run(timetable_.runs[runs[at(k)]], turned, turn)) {
                    image->transfer = rows_.back();
                    closed_.runs.push_back(*image);
                }
            }
        }
    }

    /// -1 where the piece of that turn is empty.
    [[nodiscard]] std::int64_t row_of(std::int64_t transfer, std::int32_t turn) const {
        if (turn == 0)
            return transfer;
        const auto found = std::ranges::lower_bound(images_, Image(transfer, turn));
        return rows_[at(found - images_.begin())];
    }

    const Timetable& timetable_;
    const Turning& turning_;
    const Turner& turner_;
    Timetable closed_;
    std::vector<Image> images_;
    std::vector<std::int64_t> rows_;
};

/// The runs of turn 0, each on the link that stands for its own. If no two meet there, no two turns meet.
[[nodiscard]] Timetable folded(const Timetable& timetable, const LinkTable& links, const Rotation& rotation,
                               const Topology& topology) {
    Timetable result{timetable.transfers, timetable.runs, {}};
    for (Run& run : result.runs) {
        const Bundle& bundle = links[run.link];
        const auto index = static_cast<std::int32_t>(&bundle - topology.bundles().data());
        run.link += topology.bundles()[at(rotation.bundle_class(index))].first_link - bundle.first_link;
    }
    return result;
}

void check_slots(const Topology& topology, const Timetable& timetable, const Rotation& rotation) {
    const LinkTable links(topology);
    const Timetable fold = folded(timetable, links, rotation, topology);
    const RunsByLink by_link(fold, topology.directed_link_count());
    const auto found = first_double_booking(fold, links, by_link, Violation::kNever - 1);
    if (found) {
        throw ScheduleError("when all turns by " + std::to_string(rotation.step_chips()) + " chips run, " +
                            violation_text(topology, fold, ports_for(topology), *found));
    }
}

/// Vectors of all turns that wait in one chip on their way elsewhere.
void check_transit(const Topology& topology, const Timetable& timetable, const Rotation& rotation) {
    const LinkTable links(topology);
    const RunsByTransfer by_transfer(timetable);
    const std::int64_t limit = ports_for(topology).transit_bytes / topology.link().vector_bytes;
    std::vector<std::vector<Steps>> steps(at(rotation.step_chips()));
    const auto add = [&](std::int32_t chip, std::int64_t first_cycle, const Run& run, std::int64_t delta) {
        steps[at(chip % rotation.step_chips())].push_back(
            {first_cycle, run.period_cycles, run.vector_count, delta});
    };
    for (const Run& run : timetable.runs) {
        if (run.hop + 1 < by_transfer.hop_count(run.transfer))
            add(links.to(run.link), run.start_cycle + links.hop_cycles(run.link), run, 1);
        if (run.hop > 0)
            add(links.from(run.link), run.start_cycle, run, -1);
    }
    for (std::size_t chip = 0; chip < steps.size(); ++chip) {
        std::int64_t relayed = 0;
        for (const Steps& row : steps[chip])
            relayed += row.delta > 0 ? row.count : 0;
        if (relayed <= limit)
            continue;
        if (const auto cycle = first_cycle_above(steps[chip], limit, Violation::kNever - 1)) {
            throw ScheduleError("when all turns by " + std::to_string(rotation.step_chips()) +
                                " chips run, chip " + std::to_string(chip) + " holds more than " +
                                std::to_string(limit) + " vectors on their way elsewhere at cycle " +
                                std::to_string(*cycle));
        }
    }
}

} // namespace

void Ledger::add_dependency(const Dependency& dependency, std::int32_t on_turns) {
    const Transfer &row = transfer(dependency.transfer), &on = transfer(dependency.on);
    const std::int32_t turns = (on_turns % turning_.turn_count + turning_.turn_count) % turning_.turn_count;
    const bool moves = turns != 0 && turning_.piece_chip[at(dependency.on)] >= 0;
    if (!moves && (on.first_vector + on.vector_count <= row.first_vector ||
                   row.first_vector + row.vector_count <= on.first_vector)) {
        return;
    }
    timetable_.dependencies.push_back(dependency);
    turning_.on_turns.push_back(turns);
}

std::int64_t expanded_transfer_count(const Topology& topology, const Timetable& timetable,
                                     const Turning& turning) {
    if (turning.turn_count == 1)
        return static_cast<std::int64_t>(timetable.transfers.size());
    std::vector<std::int64_t> kept(at(turning.step_chips), 0);
    if (!turning.pieces.vector_count.empty()) {
        for (std::int32_t chip = 0; chip < topology.chip_count(); ++chip)
            kept[at(chip % turning.step_chips)] += turning.pieces.vector_count[at(chip)] > 0 ? 1 : 0;
    }
    std::int64_t count = 0;
    for (const std::int32_t chip : turning.piece_chip) {
        const bool is_whole = turning.pair_vectors > 0 || chip < 0;
        count += is_whole ? turning.turn_count : kept[at(chip % turning.step_chips)];
    }
    return count;
}

Timetable expand(const Topology& topology, const Timetable& timetable, const Turning& turning,
                 std::int64_t row_max) {
    if (turning.turn_count == 1)
        return timetable;
    const Rotation rotation = require_rotation(topology, timetable, turning);
    const auto row_count =
        static_cast<std::int64_t>(std::max(timetable.transfers.size(), timetable.runs.size())) *
        turning.turn_count;
    if (row_count > row_max) {
        constexpr auto kRowBytes = static_cast<std::int64_t>(sizeof(Run));
        throw CapacityError("the timetable of all " + std::to_string(turning.turn_count) +
                                " turns has up to " + std::to_string(row_count) + " rows, more than " +
                                std::to_string(row_max) + "; take that of one turn",
                            row_count * kRowBytes, row_max * kRowBytes);
    }
    const Turner turner(topology, timetable, turning, rotation);
    Timetable whole;
    const auto transfer_count = static_cast<std::int64_t>(timetable.transfers.size());
    std::vector<std::int64_t> ids(at(transfer_count * turning.turn_count), -1);
    for (std::int32_t turn = 0; turn < turning.turn_count; ++turn) {
        for (std::int64_t i = 0; i < transfer_count; ++i) {
            const Transfer turned = turner.transfer(at(i), turn);
            if (turned.vector_count == 0)
                continue;
            ids[at(turn * transfer_count + i)] = static_cast<std::int64_t>(whole.transfers.size());
            whole.transfers.push_back(turned);
        }
    }
    for (std::int32_t turn = 0; turn < turning.turn_count; ++turn) {
        for (const Run& row : timetable.runs) {
            const std::int64_t id = ids[at(turn * transfer_count + row.transfer)];
            if (id < 0)
                continue;
            if (auto image = turner.run(row, whole.transfers[at(id)], turn)) {
                image->transfer = id;
                whole.runs.push_back(*image);
            }
        }
        for (std::size_t i = 0; i < timetable.dependencies.size(); ++i) {
            const Dependency& row = timetable.dependencies[i];
            const std::int64_t on_turn = (turn + turning.on_turns[i]) % turning.turn_count;
            const Dependency image{ids[at(turn * transfer_count + row.transfer)],
                                   ids[at(on_turn * transfer_count + row.on)], row.delay_cycles};
            if (image.transfer >= 0 && image.on >= 0)
                whole.dependencies.push_back(image);
        }
    }
    return whole;
}

Verification verify(const Topology& topology, const Timetable& timetable, const Turning& turning) {
    if (turning.turn_count == 1)
        return verify(topology, timetable);
    const Rotation rotation = require_rotation(topology, timetable, turning);
    const Turner turner(topology, timetable, turning, rotation);
    Verification proof = verify(topology, ClosedTurn(timetable, turning, turner).run());
    check_slots(topology, timetable, rotation);
    check_transit(topology, timetable, rotation);

    const PieceTotals totals(turning);
    std::vector<std::int64_t> hop_count(timetable.transfers.size(), 0);
    for (const Run& run : timetable.runs)
        hop_count[at(run.transfer)] = std::max(hop_count[at(run.transfer)], run.hop + 1);
    proof.slot_count = 0;
    proof.bytes_sent = 0;
    for (std::size_t i = 0; i < timetable.transfers.size(); ++i) {
        const std::int64_t vector_count = totals.of(i, timetable.transfers[i]);
        proof.slot_count = checked_add(proof.slot_count, checked_multiply(vector_count, hop_count[i]));
        proof.bytes_sent =
            checked_add(proof.bytes_sent, checked_multiply(vector_count, topology.link().vector_bytes));
    }
    proof.bytes_received = proof.bytes_sent;
    return proof;
}

} // namespace lpusim::net
