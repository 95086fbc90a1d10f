#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "lpusim/chip/spec.h"
#include "lpusim/lower/allocate.h"
#include "lpusim/lower/fabric.h"
#include "lpusim/lower/layer.h"
#include "lpusim/lower/matmul.h"
#include "lpusim/lower/spec.h"
#include "lpusim/model/operators.h"

namespace lpusim::lower {

/// What all plans with groups of one size have in common: costs of the model's blocks on one chip of a group,
/// whichever group that is, and of the groups' collectives. Remembers what it built; one thread at a time.
class GroupLibrary {
  public:
    GroupLibrary(const Blocks& blocks, const Machine& machine, const Layout& layout, const LowerSpec& spec);

    [[nodiscard]] const Blocks& blocks() const { return blocks_; }
    [[nodiscard]] const Layout& layout() const { return layout_; }
    [[nodiscard]] const LowerSpec& spec() const { return spec_; }
    [[nodiscard]] const MatmulLibrary& matmuls() const { return matmuls_; }

    [[nodiscard]] const BlockCost& block(std::int64_t block, std::int64_t tokens);
    /// Cycles of the block's attention over `context_tokens`; 0 for the embedding and the head.
    [[nodiscard]] std::int64_t attention_cycles(std::int64_t block, std::int64_t tokens,
                                                std::int64_t context_tokens) const;

    /// Cycles of a collective in the group that begins at `first_chip`.
    [[nodiscard]] std::int64_t collective_cycles(std::int32_t first_chip, const CollectiveCall& call) const;

  private:
    Blocks blocks_;
    Layout layout_;
    LowerSpec spec_;
    std::shared_ptr<Fabric> fabric_;
    net::ReduceCost reduce_;
    MatmulLibrary matmuls_;
    std::map<std::pair<std::size_t, std::int64_t>, BlockCost> costs_;
};

/// What one item costs.
struct StepCost {
    /// From entry into the first stage until the result exists; a decode token is then back at the first
    /// stage.
    CategoryCycles latency;
    /// The busiest stage: the least distance between two such items.
    std::int64_t occupancy_cycles = 0;
};

/// A slice of a step's timeline: one operator on one stage. The name is a string literal.
struct StepSlice {
    std::int64_t stage = 0;
    std::int64_t block = 0;
    std::string_view name;
    Category category = Category::vector;
    std::int64_t start_cycle = 0;
    std::int64_t cycles = 0;
};

/// A model laid out on a machine: exact cycles of any item at any context. One thread at a time.
class Plan {
  public:
    /// Throws CapacityError when the weights or `demand` do not fit `partition` (allocate.h), and ValueError
    /// when the partition needs more chips than the topology has.
    Plan(const Machine& machine, const Blocks& blocks, const Formats& formats, moe::Strategy strategy,
         const LowerSpec& spec, const Partition& partition, const Demand& demand);

    /// The plan of the whole machine that serves `demand` with the least time per token,
    /// max(latency, sequences x occupancy) at half of the demanded context; ties go to fewer chips.
    ///
    /// Branch and bound over tensor x pipeline partitions (groups of even parts of a node or 2^a x 3^b whole
    /// nodes, and the smallest that fits; stage counts at which the fullest stage changes): one is only built
    /// when it fits, and when the bytes it must stream and the hops it must make (lower bounds both) leave it
    /// a chance. Throws CapacityError when none fits, naming what is short and the smallest system that would
    /// do.
    [[nodiscard]] static Plan search(const Machine& machine, const Blocks& blocks, const Formats& formats,
                                     moe::Strategy strategy, const LowerSpec& spec, const Demand& demand);

    [[nodiscard]] const Machine& machine() const { return machine_; }
    [[nodiscard]] const LowerSpec& spec() const { return library_->spec(); }
    [[nodiscard]] const Partition& partition() const { return partition_; }
    [[nodiscard]] const std::vector<Stage>& stages() const { return stages_; }
    /// Pages of whole sequences' caches that fit: the least over the stages.
    [[nodiscard]] std::int64_t page_count() const { return page_count_; }
    /// Verified matmul programs that the costs are composed of.
    [[nodiscard]] std::int64_t program_count() const { return library_->matmuls().program_count(); }

    /// Prompt tokens of one pipeline item: the largest power of two, at most chunk_tokens_max, that holds no
    /// stage longer than chunk_occupancy_percent of what a decode token does, both on an empty cache.
    [[nodiscard]] std::int64_t chunk_tokens();

    /// Pages of a context, at least 1.
    [[nodiscard]] std::int64_t pages(std::int64_t context_tokens) const;

    /// One item of `tokens` tokens whose cache fills `page_count` pages.
    [[nodiscard]] const StepCost& step(std::int64_t tokens, std::int64_t page_count);

    /// Where one item is at every cycle of its latency: every operator of every block, hops between stages
    /// included. The slices follow each other without gaps and end at the step's latency.
    [[nodiscard]] std::vector<StepSlice> timeline(std::int64_t tokens, std::int64_t page_count);

    /// From arrival at an idle machine to the first token: the prompt's chunks follow each other through the
    /// stages, no item overtaking another in any of them.
    [[nodiscard]] std::int64_t prefill_cycles(std::int64_t input_tokens);

  private:
    Plan(const Machine& machine, std::shared_ptr<GroupLibrary> library, std::vector<Stage> stages,
         const Partition& partition);

    Machine machine_;
    Partition partition_;
    std::shared_ptr<GroupLibrary> library_;
    std::vector<Stage> stages_;
    std::int64_t page_count_ = 0;
    /// By tokens: cycles of every stage without attention, and of the hops behind them.
    struct FixedCost {
        CategoryCycles latency;
        std::vector<std::int64_t> stage_cycles;
    };
    [[nodiscard]] const FixedCost& fixed_cost(std::int64_t tokens);
    /// From the end of a stage's work until the next stage has it; behind the last stage, a decode token's
    /// way back.
    [[nodiscard]] std::int64_t hop_cycles(std::size_t stage, std::int64_t tokens);
    std::map<std::int64_t, FixedCost> fixed_;
    std::map<std::pair<std::int64_t, std::int64_t>, StepCost> steps_;
    /// 0 until asked for.
    std::int64_t chunk_tokens_ = 0;
};

} // namespace lpusim::lower
