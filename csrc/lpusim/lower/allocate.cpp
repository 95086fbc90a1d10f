#include "lpusim/lower/allocate.h"

#include <algorithm>
#include <limits>
#include <string>

#include "lpusim/base/integers.h"

namespace lpusim::lower {
namespace {

struct BlockBytes {
    std::int64_t weight_bytes = 0;
    std::int64_t page_bytes = 0;
};

std::vector<BlockBytes> bytes_of_blocks(const Blocks& blocks, const Layout& layout, const LowerSpec& spec) {
    std::vector<BlockBytes> by_kind;
    std::vector<BlockBytes> result;
    result.reserve(static_cast<std::size_t>(blocks.count()));
    std::vector<bool> is_known;
    for (std::int64_t block = 0; block < blocks.count(); ++block) {
        const std::size_t kind = blocks.kind(block);
        if (kind >= by_kind.size()) {
            by_kind.resize(kind + 1);
            is_known.resize(kind + 1, false);
        }
        if (!is_known[kind]) {
            is_known[kind] = true;
            for (const model::Operator& op : blocks.operators(block)) {
                by_kind[kind].weight_bytes =
                    checked_add(by_kind[kind].weight_bytes, shard_weight_bytes(op, layout));
            }
            if (const model::AttentionShape* attention = blocks.attention(block)) {
                by_kind[kind].page_bytes = shard_page_bytes(*attention, layout, spec.page_tokens);
            }
        }
        result.push_back(by_kind[kind]);
    }
    return result;
}

std::int64_t demanded_pages(const LowerSpec& spec, const Demand& demand) {
    return checked_multiply(demand.sequences,
                            div_ceil(std::max<std::int64_t>(1, demand.context_tokens), spec.page_tokens));
}

std::vector<std::int64_t> demanded_bytes(const std::vector<BlockBytes>& blocks, std::int64_t page_count) {
    std::vector<std::int64_t> result;
    result.reserve(blocks.size());
    for (const BlockBytes& block : blocks) {
        result.push_back(checked_add(block.weight_bytes, checked_multiply(page_count, block.page_bytes)));
    }
    return result;
}

std::string megabytes(std::int64_t bytes) {
    return std::to_string(bytes / 1'000'000) + "." + std::to_string(bytes / 100'000 % 10) + " MB";
}

} // namespace

Blocks::Blocks(model::Architecture architecture) : architecture_(std::move(architecture)) {
    const std::size_t group_count = architecture_.groups.size();
    kind_.push_back(group_count);
    for (const std::int64_t group : architecture_.layer_group) {
        kind_.push_back(static_cast<std::size_t>(group));
    }
    kind_.push_back(group_count + 1);
}

const std::vector<model::Operator>& Blocks::operators(std::int64_t block) const {
    const std::size_t which = kind(block);
    if (which < architecture_.groups.size()) {
        return architecture_.groups[which].operators;
    }
    return which == architecture_.groups.size() ? architecture_.prologue : architecture_.epilogue;
}

const model::AttentionShape* Blocks::attention(std::int64_t block) const {
    const std::size_t which = kind(block);
    return which < architecture_.groups.size() ? &architecture_.groups[which].attention : nullptr;
}

std::int64_t usable_bytes(std::int64_t capacity_bytes, const LowerSpec& spec) {
    return multiply_divide_floor(capacity_bytes, 1000 - spec.workspace_permille, 1000);
}

std::vector<Stage> allocate(const Blocks& blocks, const Layout& layout, const LowerSpec& spec,
                            std::int64_t capacity_bytes, std::int64_t stage_count, const Demand& demand) {
    if (stage_count < 1 || stage_count > blocks.count()) {
        throw ValueError("stage_count must be from 1 to " + std::to_string(blocks.count()) +
                         ", the model's layers with its embedding and its head, got " +
                         std::to_string(stage_count));
    }
    const std::vector<BlockBytes> bytes = bytes_of_blocks(blocks, layout, spec);
    const std::int64_t wanted_pages = demanded_pages(spec, demand);
    const std::int64_t usable = usable_bytes(capacity_bytes, spec);
    std::vector<Stage> stages;
    for (const StageBlocks& cut : split_blocks(demanded_bytes(bytes, wanted_pages), stage_count)) {
        Stage stage{.blocks = cut,
                    .first_chip = static_cast<std::int32_t>(static_cast<std::int64_t>(stages.size()) *
                                                            layout.tensor_chips)};
        for (std::int64_t i = 0; i < cut.block_count; ++i) {
            const BlockBytes& block = bytes[static_cast<std::size_t>(cut.first_block + i)];
            stage.weight_bytes += block.weight_bytes;
            stage.page_bytes += block.page_bytes;
        }
        const std::int64_t free_bytes = usable - stage.weight_bytes;
        if (free_bytes < checked_multiply(wanted_pages, stage.page_bytes)) {
            const std::int64_t needed = stage.weight_bytes + wanted_pages * stage.page_bytes;
            const std::int64_t enough =
                smallest_chip_count(blocks, layout, spec, capacity_bytes, demand, 4096);
            throw CapacityError(
                "stage " + std::to_string(stages.size() + 1) + " of " + std::to_string(stage_count) +
                    " needs " + megabytes(needed) + " on each of its " + std::to_string(layout.tensor_chips) +
                    " chips (" + megabytes(stage.weight_bytes) + " weights, " +
                    megabytes(needed - stage.weight_bytes) + " cache for " +
                    std::to_string(demand.sequences) + " x " + std::to_string(demand.context_tokens) +
                    " tokens), but " + megabytes(usable) + " of " + megabytes(capacity_bytes) +
                    " SRAM are free of workspace: " + megabytes(needed - usable) + " short; " +
                    (enough > 0 ? "the smallest system that would do has " + std::to_string(enough) + " chips"
                                : std::string("no number of chips would do")),
                needed, usable, enough);
        }
        stage.page_count =
            stage.page_bytes > 0 ? free_bytes / stage.page_bytes : std::numeric_limits<std::int64_t>::max();
        stages.push_back(stage);
    }
    return stages;
}

std::int64_t stages_needed(const Blocks& blocks, const Layout& layout, const LowerSpec& spec,
                           std::int64_t capacity_bytes, const Demand& demand) {
    const std::int64_t usable = usable_bytes(capacity_bytes, spec);
    std::int64_t stage_count = 1;
    std::int64_t load = 0;
    for (const std::int64_t bytes :
         demanded_bytes(bytes_of_blocks(blocks, layout, spec), demanded_pages(spec, demand))) {
        if (bytes > usable) {
            return 0;
        }
        if (load + bytes > usable) {
            ++stage_count;
            load = 0;
        }
        load += bytes;
    }
    return stage_count;
}

std::int64_t smallest_chip_count(const Blocks& blocks, Layout layout, const LowerSpec& spec,
                                 std::int64_t capacity_bytes, const Demand& demand,
                                 std::int64_t tensor_chips_max) {
    std::int64_t fewest = 0;
    for (std::int64_t chips = 1; chips <= tensor_chips_max; ++chips) {
        if (fewest > 0 && chips >= fewest) {
            break;
        }
        layout.tensor_chips = chips;
        const std::int64_t stages = stages_needed(blocks, layout, spec, capacity_bytes, demand);
        if (stages > 0 && (fewest == 0 || stages * chips < fewest)) {
            fewest = stages * chips;
        }
    }
    return fewest;
}

} // namespace lpusim::lower
