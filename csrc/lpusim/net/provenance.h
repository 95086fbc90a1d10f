#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "lpusim/net/rotation.h"
#include "lpusim/net/turning.h"

namespace lpusim::net {

/// Which transfers brought what each chip holds between two phases of an operation, so that what leaves next
/// can be tied to them. Under a rotation one chip stands for its images.
class Provenance {
  public:
    /// `rotation` must outlive it.
    explicit Provenance(const Rotation& rotation)
        : rotation_(rotation), by_chip_(static_cast<std::size_t>(rotation.step_chips())) {}

    /// `chip` has what `transfer` brought `delay_cycles` after its arrival.
    void add(std::int32_t chip, std::int64_t transfer, std::int64_t delay_cycles) {
        of(chip).push_back({transfer, -(chip / rotation_.step_chips()), delay_cycles});
    }
    /// All that `chip` holds goes through a sum.
    void delay(std::int32_t chip, std::int64_t delay_cycles) {
        for (Source& source : of(chip))
            source.delay_cycles += delay_cycles;
    }
    /// `transfer` leaves `chip` no earlier than `delay_cycles` after what the chip holds is there.
    void depend(std::int32_t chip, std::int64_t transfer, std::int64_t delay_cycles, Ledger& ledger) const {
        for (const Source& source : by_chip_[index(chip)]) {
            ledger.add_dependency({transfer, source.transfer, source.delay_cycles + delay_cycles},
                                  source.turns + chip / rotation_.step_chips());
        }
    }

  private:
    struct Source {
        std::int64_t transfer = 0;
        std::int32_t turns = 0;
        std::int64_t delay_cycles = 0;
    };

    [[nodiscard]] std::size_t index(std::int32_t chip) const {
        return static_cast<std::size_t>(chip % rotation_.step_chips());
    }
    [[nodiscard]] std::vector<Source>& of(std::int32_t chip) { return by_chip_[index(chip)]; }

    const Rotation& rotation_;
    std::vector<std::vector<Source>> by_chip_;
};

} // namespace lpusim::net
