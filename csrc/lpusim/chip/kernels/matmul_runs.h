#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/kernels/matmul_parts.h"
#include "lpusim/chip/program.h"

namespace lpusim::chip {

/// Writes the runs of a matrix product into a program. Cycles given here may be relative to anything: `start`
/// is the one that becomes cycle 0.
class MatmulRuns {
  public:
    MatmulRuns(const ChipSpec& spec, std::int64_t start) : spec_(spec), start_(start) {}

    Program program;

    void emit(const QueueId& queue, std::int64_t issue, const Instruction& instruction,
              const std::vector<Level>& levels, const SliceRange& slices = {});

    /// Reads `width` slices in a row, outward on as many streams, so that the first vectors reach the MXM in
    /// cycle `arrives`.
    void read(Hemisphere hemisphere, std::int64_t slice, std::int64_t address, std::int64_t stream,
              std::int64_t arrives, const std::vector<Level>& levels, std::int64_t width = 1);

    /// As `read`, but every superlane takes the address that passes on the lowest outward streams, from a
    /// window of `window_words` at `address`.
    void gather(Hemisphere hemisphere, std::int64_t slice, std::int64_t address, std::int64_t window_words,
                std::int64_t stream, std::int64_t arrives, const std::vector<Level>& levels,
                std::int64_t width);

    /// Reads four slices in a row, inward, so that the first 32-bit elements reach the VXM in cycle
    /// `arrives`.
    void read_for_vxm(Hemisphere hemisphere, std::int64_t slice, std::int64_t address, std::int64_t stream,
                      std::int64_t arrives, const std::vector<Level>& levels);

    /// Loads a tile of `columns` weight columns every pass, `width` a cycle from `stream` on, the last load
    /// with what is left, and installs it.
    void load_and_install(Hemisphere hemisphere, std::int64_t plane, std::int64_t columns, std::int64_t width,
                          std::int64_t stream, std::int64_t first_load, std::int64_t first_install,
                          const std::vector<Level>& passes);

    /// Writes `width` slices in a row from as many streams that come from the MXM, where the first vectors
    /// are driven in cycle `driven`.
    void write(Hemisphere hemisphere, std::int64_t slice, std::int64_t address, std::int64_t stream,
               std::int64_t driven, const std::vector<Level>& levels, std::int64_t width);

    [[nodiscard]] const ChipSpec& spec() const { return spec_; }

  private:
    const ChipSpec& spec_;
    std::int64_t start_;
};

} // namespace lpusim::chip
