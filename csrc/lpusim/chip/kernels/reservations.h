#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "lpusim/base/progression.h"
#include "lpusim/chip/isa.h"

namespace lpusim::chip {

/// Who has what in which cycles, while a schedule is made: each resource keeps progressions of cycles, so a
/// loop costs the same whatever its counts.
class Reservations {
  public:
    enum class Kind : std::uint8_t {
        SliceQueue, ///< cycle of issue
        SlicePort,  ///< cycle of the SRAM access: kept apart even where banks would allow a pair
        AluQueue,
        AluResult,
        SxmQueue,
        StreamEast, ///< key of the diagonal, and the hops the value lives
        StreamWest
    };

    struct Resource {
        Kind kind = Kind::SliceQueue;
        std::int64_t index = 0;

        friend auto operator<=>(const Resource&, const Resource&) = default;
    };

    /// Hops first .. end - 1 downstream; all that has no length has the default.
    struct Extent {
        std::int64_t first = 0;
        std::int64_t end = 1;
    };

    [[nodiscard]] bool is_free(const Resource& resource, const Progression& cycles, Extent extent) const;
    [[nodiscard]] bool is_free(const Resource& resource, const Progression& cycles) const {
        return is_free(resource, cycles, Extent{});
    }
    void take(const Resource& resource, const Progression& cycles, Extent extent);
    void take(const Resource& resource, const Progression& cycles) { take(resource, cycles, Extent{}); }

  private:
    struct Taken {
        Progression cycles;
        Extent extent;
    };

    std::map<Resource, std::vector<Taken>> taken_;
};

[[nodiscard]] constexpr Reservations::Kind stream_kind(Direction direction) {
    return direction == Direction::East ? Reservations::Kind::StreamEast : Reservations::Kind::StreamWest;
}

} // namespace lpusim::chip
