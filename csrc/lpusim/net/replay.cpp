#include "lpusim/net/replay.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// One vector's slot on one link.
struct Slot {
    std::int64_t start_cycle = 0;
    std::int64_t link = 0;
    std::int64_t transfer = 0;
    std::int64_t hop = 0;
    std::int64_t vector = 0;

    friend auto operator<=>(const Slot&, const Slot&) = default;
};

/// A vector on the wire.
struct Moving {
    Slot slot;
    std::int64_t cycles_left = 0;
};

/// Where one vector of one transfer is.
struct Whereabouts {
    std::int32_t chip = 0;
    std::int32_t hops_begun = 0;
    std::int32_t hops_done = 0;
    std::int64_t arrived_cycle = 0;
};

struct LinkState {
    std::int64_t busy_cycles_left = 0;
    Slot holder;
};

struct ChipState {
    std::int64_t out = 0;
    std::int64_t in = 0;
    std::int64_t fed = 0;
    std::int64_t transit_vectors = 0;
    /// The slot that brought the last vector that has to go on.
    Slot last_relayed;
};

class Network {
  public:
    Network(const Topology& topology, const Timetable& timetable, const ChipPorts& ports)
        : topology_(topology), timetable_(timetable), ports_(ports),
          transit_vectors_max_(ports.transit_bytes / topology.link().vector_bytes),
          links_(at(topology.directed_link_count())), chips_(at(topology.chip_count())),
          dependencies_(timetable.dependencies) {
        std::int64_t vector_count = 0;
        for (const Transfer& transfer : timetable.transfers) {
            first_place_.push_back(vector_count);
            vector_count = checked_add(vector_count, transfer.vector_count);
            // A vector without a slot never arrives, so there is no need to keep more vectors than slots.
            if (vector_count > kReplaySlotMax)
                throw_too_many("vectors", vector_count);
        }
        places_.resize(at(vector_count));
        hop_count_.assign(timetable.transfers.size(), 0);
        list_slots();
        const auto by_transfer = [](const Dependency& row) { return std::pair(row.transfer, row.on); };
        std::ranges::stable_sort(dependencies_, {}, by_transfer);
    }

    [[nodiscard]] Replay run() {
        while (next_slot_ < slots_.size() || !moving_.empty()) {
            tick();
            ++result_.tick_count;
            if (result_.proof.violation)
                return result_;
            ++cycle_;
        }
        look_for_lost_vectors();
        return result_;
    }

  private:
    [[noreturn]] static void throw_too_many(const char* what, std::int64_t count) {
        throw ValueError("a replay walks every vector: at most " + std::to_string(kReplaySlotMax) + " " +
                         what + ", got " + std::to_string(count) + "; verify has no such limit");
    }

    void list_slots() {
        std::int64_t slot_count = 0;
        for (const Run& run : timetable_.runs) {
            slot_count = checked_add(slot_count, run.vector_count);
            if (run.last_cycle() > kReplayCycleMax) {
                throw ValueError("a replay walks every cycle: at most " + std::to_string(kReplayCycleMax) +
                                 ", but a run ends at cycle " + std::to_string(run.last_cycle()) +
                                 "; verify has no such limit");
            }
        }
        if (slot_count > kReplaySlotMax)
            throw_too_many("slots", slot_count);
        slots_.reserve(at(slot_count));
        for (const Run& run : timetable_.runs) {
            for (std::int64_t i = 0; i < run.vector_count; ++i) {
                slots_.push_back({run.start_cycle + i * run.period_cycles, run.link, run.transfer, run.hop,
                                  run.first_vector + i * run.vector_step});
            }
            hop_count_[at(run.transfer)] = std::max(hop_count_[at(run.transfer)], run.hop + 1);
        }
        std::ranges::sort(slots_);
    }

    [[nodiscard]] const Bundle& bundle(const Slot& slot) const {
        return topology_.bundle_of_link(static_cast<std::int32_t>(slot.link));
    }
    [[nodiscard]] const Transfer& transfer(std::int64_t index) const {
        return timetable_.transfers[at(index)];
    }
    [[nodiscard]] bool has_vector(std::int64_t index, std::int64_t vector) const {
        const std::int64_t place = vector - transfer(index).first_vector;
        return place >= 0 && place < transfer(index).vector_count;
    }
    [[nodiscard]] Whereabouts& place(std::int64_t index, std::int64_t vector) {
        return places_[at(first_place_[at(index)] + vector - transfer(index).first_vector)];
    }

    void note(Rule rule, std::int64_t place_index, const Slot& slot,
              const Slot& other = {-1, -1, -1, -1, -1}) {
        const Violation seen{.cycle = cycle_,
                             .rule = rule,
                             .place = place_index,
                             .link = slot.link,
                             .transfer = slot.transfer,
                             .hop = slot.hop,
                             .vector = slot.vector,
                             .other_transfer = other.transfer,
                             .other_hop = other.hop,
                             .other_vector = other.vector};
        auto& first = result_.proof.violation;
        if (!first || seen < *first)
            first = seen;
    }

    void tick() {
        for (ChipState& chip : chips_)
            chip.out = chip.in = 0;
        for (LinkState& link : links_) {
            if (link.busy_cycles_left == 0)
                continue;
            --link.busy_cycles_left;
            if (link.busy_cycles_left == 0)
                --chips_[at(bundle(link.holder).from)].fed;
        }
        landing_.clear();
        for (Moving& vector : moving_) {
            if (--vector.cycles_left == 0)
                landing_.push_back(vector.slot);
        }
        std::erase_if(moving_, [](const Moving& vector) { return vector.cycles_left == 0; });
        std::ranges::sort(landing_, {}, [](const Slot& slot) {
            return std::tuple(slot.link, slot.transfer, slot.hop, slot.vector);
        });
        for (const Slot& slot : landing_)
            land(slot);
        begun_now_.clear();
        for (; next_slot_ < slots_.size() && slots_[next_slot_].start_cycle == cycle_; ++next_slot_)
            start(slots_[next_slot_]);
        for (std::size_t chip = 0; chip < chips_.size(); ++chip) {
            const ChipState& state = chips_[chip];
            if (state.transit_vectors > transit_vectors_max_)
                note(Rule::transit_memory, static_cast<std::int64_t>(chip), state.last_relayed);
            result_.transit_bytes_max =
                std::max(result_.transit_bytes_max, state.transit_vectors * topology_.link().vector_bytes);
        }
    }

    void land(const Slot& slot) {
        const std::int32_t chip = bundle(slot).to;
        ChipState& state = chips_[at(chip)];
        result_.vectors_in_max = std::max(result_.vectors_in_max, ++state.in);
        if (state.in > ports_.in_vectors_per_cycle)
            note(Rule::streams_in, chip, slot);
        Whereabouts& here = place(slot.transfer, slot.vector);
        here.chip = chip;
        here.arrived_cycle = cycle_;
        here.hops_done = static_cast<std::int32_t>(slot.hop) + 1;
        if (here.hops_done < hop_count_[at(slot.transfer)]) {
            ++state.transit_vectors;
            state.last_relayed = slot;
            return;
        }
        if (chip != transfer(slot.transfer).target)
            note(Rule::wrong_target, slot.link, slot);
        result_.proof.totals.bytes_received += topology_.link().vector_bytes;
        result_.proof.totals.cycles = cycle_;
    }

    void start(const Slot& slot) {
        take_link(slot);
        ++result_.proof.totals.slot_count;
        if (!has_vector(slot.transfer, slot.vector)) {
            note(Rule::no_such_vector, slot.link, slot);
            return;
        }
        Whereabouts& here = place(slot.transfer, slot.vector);
        const bool is_new = begun_now_.emplace(slot.transfer, slot.hop, slot.vector).second;
        if (!is_new || slot.hop < here.hops_begun) {
            note(Rule::sent_twice, slot.link, slot);
        } else if (slot.hop == 0) {
            leave_source(slot);
        } else if (here.hops_done < slot.hop) {
            note(Rule::not_arrived, slot.link, slot);
        } else if (here.chip != bundle(slot).from) {
            note(Rule::wrong_chip, slot.link, slot);
        } else {
            --chips_[at(here.chip)].transit_vectors;
            send(slot);
        }
    }

    void send(const Slot& slot) {
        place(slot.transfer, slot.vector).hops_begun = static_cast<std::int32_t>(slot.hop) + 1;
        moving_.push_back({slot, bundle(slot).timing.hop_cycles});
    }

    void take_link(const Slot& slot) {
        LinkState& link = links_[at(slot.link)];
        ChipState& chip = chips_[at(bundle(slot).from)];
        if (link.busy_cycles_left > 0) {
            note(Rule::link_busy, slot.link, slot, link.holder);
        } else {
            ++chip.fed;
        }
        link = {bundle(slot).timing.vector_cycles, slot};
        result_.vectors_out_max = std::max(result_.vectors_out_max, ++chip.out);
        result_.links_fed_max = std::max(result_.links_fed_max, chip.fed);
        if (chip.out > ports_.out_vectors_per_cycle)
            note(Rule::streams_out, bundle(slot).from, slot);
        if (chip.fed > ports_.links_fed)
            note(Rule::links_fed, bundle(slot).from, slot);
    }

    void leave_source(const Slot& slot) {
        const Transfer& row = transfer(slot.transfer);
        if (bundle(slot).from != row.source)
            note(Rule::wrong_chip, slot.link, slot);
        const std::int64_t age = slot.vector - row.first_vector;
        if (cycle_ < row.release_cycle + age * row.release_period_cycles)
            note(Rule::before_release, slot.link, slot);
        const auto waits = std::ranges::equal_range(dependencies_, slot.transfer, {}, &Dependency::transfer);
        for (const Dependency& wait : waits) {
            if (!has_vector(wait.on, slot.vector))
                continue;
            const Whereabouts& other = place(wait.on, slot.vector);
            const bool is_there = other.hops_done > 0 && other.hops_done == hop_count_[at(wait.on)];
            if (!is_there || cycle_ < other.arrived_cycle + wait.delay_cycles)
                note(Rule::before_dependency, slot.link, slot, {-1, -1, wait.on, -1, -1});
        }
        result_.proof.totals.bytes_sent += topology_.link().vector_bytes;
        send(slot);
    }

    void look_for_lost_vectors() {
        for (std::size_t i = 0; i < timetable_.transfers.size(); ++i) {
            const auto index = static_cast<std::int64_t>(i);
            const Transfer& row = timetable_.transfers[i];
            for (std::int64_t vector = row.first_vector; vector < row.first_vector + row.vector_count;
                 ++vector) {
                const Whereabouts& here = place(index, vector);
                if (here.hops_done > 0 && here.hops_done == hop_count_[i])
                    continue;
                result_.proof.violation =
                    Violation{.transfer = index, .hop = here.hops_done, .vector = vector};
                return;
            }
        }
    }

    const Topology& topology_;
    const Timetable& timetable_;
    const ChipPorts& ports_;
    std::int64_t transit_vectors_max_;
    std::int64_t cycle_ = 0;
    std::vector<Slot> slots_;
    std::size_t next_slot_ = 0;
    std::vector<Moving> moving_;
    std::vector<Slot> landing_;
    /// (transfer, hop, vector) of this cycle's slots.
    std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> begun_now_;
    std::vector<LinkState> links_;
    std::vector<ChipState> chips_;
    /// By (transfer, on).
    std::vector<Dependency> dependencies_;
    std::vector<std::int64_t> first_place_;
    std::vector<Whereabouts> places_;
    std::vector<std::int64_t> hop_count_;
    Replay result_;
};

} // namespace

Replay replay(const Topology& topology, const Timetable& timetable, const ChipPorts& ports) {
    validate(topology, timetable);
    validate(ports);
    return Network(topology, timetable, ports).run();
}

} // namespace lpusim::net
