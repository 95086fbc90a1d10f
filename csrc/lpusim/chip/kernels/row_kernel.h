#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lpusim/chip/kernels/kernel_schedule.h"

namespace lpusim::chip {

/// A tensor of a row kernel: a matrix with all rows, or one row that all share. `columns` are those of the
/// rows unless given.
struct RowTensor {
    std::string name;
    Tensor::Role role = Tensor::Role::Input;
    DType dtype = DType::Fp16;
    bool shared = false;
    std::int64_t columns = 0;
    std::vector<std::uint8_t> data{};
};

/// A shared constant that differs from 0 in each column and reads 0 on padding lanes; fp32 or int32. Throws
/// CapacityError for more columns than SRAM holds.
[[nodiscard]] RowTensor column_mask(const ChipSpec& spec, std::int64_t columns, DType dtype);

/// One way's rows, as the author of a kernel sees them: a turn of the loop is a row, one every `period`
/// cycles, and its vectors (parts) follow each other every vxm_alu_latency_cycles.
class RowWay {
  public:
    RowWay(KernelSchedule& schedule, std::vector<std::size_t> blocks, std::vector<bool> shared,
           std::int64_t rows, std::int64_t parts, std::int64_t period_cycles, std::int64_t first_cycle);

    [[nodiscard]] KernelSchedule& schedule() { return schedule_; }
    [[nodiscard]] std::int64_t ready(const Flow& flow) const;
    /// When the first row should be read.
    [[nodiscard]] std::int64_t first_cycle() const { return first_cycle_; }
    /// The parts of each row of tensor number `tensor` at the VXM from `cycle` on; as often as wanted.
    [[nodiscard]] Flow read(std::size_t tensor, std::int64_t cycle);
    /// The same in fp32, from an ALU that has them ready in `cycle`, or straight if they are fp32.
    [[nodiscard]] Flow read_fp32(std::size_t tensor, std::int64_t cycle);
    void write(std::size_t tensor, const Flow& parts);
    /// A copy of the parts in SRAM.
    [[nodiscard]] std::size_t keep(const Flow& parts);
    /// All elements of a row combined: first its parts in order, then the lanes (see reduce_lanes).
    [[nodiscard]] Flow reduce(VxmOp op, const Flow& parts);
    /// One value a row as one for each part.
    [[nodiscard]] Flow for_each_part(const Flow& row_value) { return schedule_.hold(row_value, parts_); }
    /// The same, held back until the copy `kept` can be read beside it.
    struct Beside {
        Flow row_value;
        Flow kept;
    };
    [[nodiscard]] Beside for_each_part(const Flow& row_value, std::size_t kept);

  private:
    KernelSchedule& schedule_;
    std::vector<std::size_t> blocks_;
    std::vector<bool> shared_;
    std::int64_t rows_ = 0;
    std::int64_t parts_ = 0;
    std::int64_t first_cycle_ = 0;
    std::vector<Level> levels_;
};

/// A program that does `body` for every row. Rows are dealt in equal runs to 1 or 2 ways that work at the
/// same time; among the ways and periods that fit, the fewest cycles a row.
[[nodiscard]] Program row_kernel(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                                 const std::vector<RowTensor>& tensors,
                                 const std::function<void(RowWay&)>& body);

} // namespace lpusim::chip
