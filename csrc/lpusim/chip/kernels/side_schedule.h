#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/kernels/kv_layout.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// One level of a loop: `stride` moves the address of whatever is in it.
struct Loop {
    std::int64_t count = 1;
    std::int64_t cycles = 0;
    std::int64_t stride = 0;
};
using Loops = std::vector<Loop>;

/// `outer` around `inner`.
[[nodiscard]] Loops operator+(Loops outer, const Loops& inner);

/// The same loops where nothing has an address.
[[nodiscard]] Loops in_place(Loops loops);

/// Writes the runs of one hemisphere for a builder that says where and when: slices, streams, ALUs and the
/// cycles in which vectors are at the units that take them. Issue cycles follow from hops and latencies.
/// Cycles count from `origin`. A slice group has one stream a slice.
class SideSchedule {
  public:
    SideSchedule(const ChipSpec& spec, Hemisphere side, std::int64_t origin, std::int64_t first_alu,
                 Program& program)
        : spec_(spec), side_(side), origin_(origin), first_alu_(first_alu), program_(program) {}

    [[nodiscard]] Hemisphere side() const { return side_; }
    [[nodiscard]] StreamRef out(std::int64_t stream) const;
    [[nodiscard]] StreamRef in(std::int64_t stream) const;
    [[nodiscard]] VxmOperand taken(std::int64_t stream) const { return VxmStream{in(stream)}; }
    [[nodiscard]] VxmOperand chained(std::int64_t alu) const { return VxmChain{first_alu_ + alu}; }

    void run(Unit unit, std::int64_t index, std::int64_t issue, const Instruction& instruction,
             const Loops& loops, SliceRange slices = {});

    /// Vectors from `group` on `stream` and the following, the first at a unit `hops` outward of the VXM at
    /// `arrives`; or inward, at the VXM.
    void read_out(SliceGroup group, std::int64_t word, std::int64_t stream, std::int64_t hops,
                  std::int64_t arrives, const Loops& loops);
    void read_in(SliceGroup group, std::int64_t word, std::int64_t stream, std::int64_t arrives,
                 const Loops& loops);
    /// What the VXM drives outward from `driven` on.
    void write(SliceGroup group, std::int64_t word, std::int64_t stream, std::int64_t driven,
               const Loops& loops);
    /// The same for slices that take turns, the next `cycles` after the one before, all on one stream.
    void read_in_turn(SliceGroup group, std::int64_t cycles, std::int64_t word, std::int64_t stream,
                      std::int64_t arrives, const Loops& loops);
    void write_in_turn(SliceGroup group, std::int64_t cycles, std::int64_t word, std::int64_t stream,
                       std::int64_t driven, const Loops& loops);

    void vxm(std::int64_t alu, std::int64_t cycle, VxmCompute compute, const Loops& loops);

  private:
    [[nodiscard]] SliceRange range(SliceGroup group, Direction direction, bool writes) const;

    const ChipSpec& spec_;
    Hemisphere side_;
    std::int64_t origin_;
    std::int64_t first_alu_;
    Program& program_;
};

} // namespace lpusim::chip
