#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lpusim/chip/kernels/kernel_schedule.h"

namespace lpusim::chip {

struct ElementwiseInput {
    std::string name;
    DType dtype = DType::Int8;
};

/// One way's share of the matrices, as the author of an operation sees it.
class ElementwiseWay {
  public:
    ElementwiseWay(KernelSchedule& schedule, std::vector<std::size_t> inputs, std::vector<Level> levels)
        : schedule_(schedule), inputs_(std::move(inputs)), levels_(std::move(levels)) {}

    [[nodiscard]] KernelSchedule& schedule() { return schedule_; }
    /// When a value can be used by an ALU.
    [[nodiscard]] std::int64_t ready(const Flow& flow) const;
    /// The elements of an input at the VXM in `cycle`; as often as wanted.
    [[nodiscard]] Flow read(std::size_t input, std::int64_t cycle);
    /// The same in fp32, from an ALU that has them ready in `cycle`, or straight if they are fp32.
    [[nodiscard]] Flow read_fp32(std::size_t input, std::int64_t cycle);

  private:
    KernelSchedule& schedule_;
    std::vector<std::size_t> inputs_;
    std::vector<Level> levels_;
};

/// A program for an operation on every element: `body` computes one way from inputs read from cycle 0 on. See
/// kernels_vector.h for how ways share the work.
[[nodiscard]] Program elementwise(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                                  const std::vector<ElementwiseInput>& inputs, DType result,
                                  const std::function<Flow(ElementwiseWay&)>& body);

} // namespace lpusim::chip
