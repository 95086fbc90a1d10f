#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lpusim/chip/spec.h"
#include "lpusim/lower/fabric.h"
#include "lpusim/lower/layer.h"
#include "lpusim/lower/partition.h"
#include "lpusim/lower/spec.h"
#include "lpusim/model/operators.h"

/// Does a model fit: SRAM bytes of every stage, without a cycle of time.
namespace lpusim::lower {

/// The machine a model is laid out on.
struct Machine {
    chip::ChipSpec chip;
    std::shared_ptr<Fabric> fabric;
    /// SRAM of one chip that data may use; at most what the geometry holds.
    std::int64_t capacity_bytes = 0;
};

/// What has to be served.
struct Demand {
    /// Sequences in flight at once.
    std::int64_t sequences = 1;
    /// Context each of them may reach.
    std::int64_t context_tokens = 1;
};

struct Formats {
    model::NumberFormat weights;
    model::NumberFormat kv;
};

/// A model as the chain of blocks that a pipeline is cut from: the embedding, the layers, the head. Blocks of
/// one kind are equal but for their weights' values.
class Blocks {
  public:
    explicit Blocks(model::Architecture architecture);

    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(kind_.size()); }
    [[nodiscard]] std::size_t kind(std::int64_t block) const {
        return kind_[static_cast<std::size_t>(block)];
    }
    [[nodiscard]] const std::vector<model::Operator>& operators(std::int64_t block) const;
    /// Null for the embedding and the head.
    [[nodiscard]] const model::AttentionShape* attention(std::int64_t block) const;
    [[nodiscard]] const model::Architecture& architecture() const { return architecture_; }

  private:
    model::Architecture architecture_;
    std::vector<std::size_t> kind_;
};

/// One pipeline stage: which blocks it runs and what its fullest chip holds.
struct Stage {
    StageBlocks blocks;
    std::int32_t first_chip = 0;
    std::int64_t weight_bytes = 0;
    /// SRAM that one page of one sequence takes; 0 where there are no layers.
    std::int64_t page_bytes = 0;
    /// Pages that fit beside weights and workspace; the largest integer where a page takes nothing.
    std::int64_t page_count = 0;
};

/// Bytes of SRAM for weights and cache on one chip.
[[nodiscard]] std::int64_t usable_bytes(std::int64_t capacity_bytes, const LowerSpec& spec);

/// Cuts the blocks into balanced stages (weights and demanded cache together).
///
/// Throws CapacityError when a stage is short: which stage, of how many bytes, and the fewest chips that
/// would do. Throws ValueError when there are more stages than blocks, or none.
[[nodiscard]] std::vector<Stage> allocate(const Blocks& blocks, const Layout& layout, const LowerSpec& spec,
                                          std::int64_t capacity_bytes, std::int64_t stage_count,
                                          const Demand& demand);

/// The fewest stages of `layout.tensor_chips` chips that hold the model and `demand`; 0 when a single block
/// does not fit such a stage.
[[nodiscard]] std::int64_t stages_needed(const Blocks& blocks, const Layout& layout, const LowerSpec& spec,
                                         std::int64_t capacity_bytes, const Demand& demand);

/// The fewest chips that hold the model and `demand`, over groups of up to `tensor_chips_max` chips; 0 when
/// none do.
[[nodiscard]] std::int64_t smallest_chip_count(const Blocks& blocks, Layout layout, const LowerSpec& spec,
                                               std::int64_t capacity_bytes, const Demand& demand,
                                               std::int64_t tensor_chips_max);

} // namespace lpusim::lower
