#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/kernels/matmul_parts.h"
#include "lpusim/chip/kernels/matmul_runs.h"

namespace lpusim::chip {

/// Emits the runs and tensors of one plan of plan_gemm or plan_expert_gemm. Every run is one nested repeat:
/// slots, then tiles, chunks, steps, and last rows or loads.
class ProductBuilder {
  public:
    ProductBuilder(const ChipSpec& spec, const GemmPlan& plan);

    /// `m` rows in each slot.
    Program build(std::int64_t m, std::int64_t n, std::int64_t k);

  private:
    [[nodiscard]] bool gathered() const { return plan_.experts > 0; }
    [[nodiscard]] std::int64_t item_cycles() const { return plan_.steps * plan_.pass_cycles; }
    [[nodiscard]] Level slots(std::int64_t count, std::int64_t address_stride = 0) const {
        return {count, plan_.items * item_cycles(), address_stride, 0};
    }
    [[nodiscard]] Level every_slot() const { return slots(plan_.slots); }
    [[nodiscard]] std::int64_t plane_of(std::int64_t taker) const { return taker * type_.bytes; }
    /// The first stream that carries this byte of a source's weights.
    [[nodiscard]] std::int64_t stream_of(std::size_t source, std::int64_t byte) const;
    Tensor& tensor(std::size_t index) { return runs_.program.tensors[index]; }

    void declare_tensors(std::int64_t m, std::int64_t n, std::int64_t k);

    void stream_activations(Hemisphere hemisphere, std::int64_t taker, const std::vector<Segment>& segments);
    void load_and_install(Hemisphere hemisphere, std::int64_t taker, std::int64_t items);
    void activate(Hemisphere hemisphere, std::int64_t taker, std::int64_t items);
    void accumulate(Hemisphere hemisphere, std::int64_t taker, std::int64_t items);
    void write_results(Hemisphere hemisphere, std::int64_t taker, const std::vector<Segment>& segments,
                       std::int64_t items);

    /// Loads first .. first + count - 1 of the tiles of one set that lie in one segment.
    struct WeightPart {
        Hemisphere hemisphere = Hemisphere::West;
        std::size_t source = 0;
        std::int64_t set = 0;
        Segment segment;
        Rectangle tiles;
        std::int64_t load = 0;
        std::int64_t load_count = 0;
        std::int64_t columns = 0; ///< of one load
    };
    void stream_weights(Hemisphere hemisphere, std::int64_t taker, const std::vector<Segment>& segments);
    void stream_weights(const WeightPart& part, const WeightSets& sets);
    void place_weights(const WeightPart& part, const WeightSets& sets, std::int64_t slice,
                       std::int64_t address);

    void route();

    const ChipSpec& spec_;
    const GemmPlan& plan_;
    MatmulType type_;
    GemmLayout layout_;
    GemmTiming timing_;
    MatmulRuns runs_;
    std::int64_t m_ = 0;
    std::int64_t activation_stream_ = 0; ///< the first of them
    // Where tensors are in the program.
    std::size_t weights_ = 1;
    std::size_t results_ = 2;
    std::size_t idle_ = 0; ///< only where weights are gathered
};

} // namespace lpusim::chip
