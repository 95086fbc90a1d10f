#include "lpusim/lower/plan.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>

#include "lpusim/base/integers.h"
#include "lpusim/lower/reduce.h"
#include "lpusim/net/traffic.h"

namespace lpusim::lower {
namespace {

constexpr std::int64_t kActivationBytes = 2;
constexpr std::int64_t kTensorChipsMax = 256;

void require(const Machine& machine, const LowerSpec& spec, const Demand& demand) {
    chip::validate(machine.chip);
    validate(spec);
    if (machine.capacity_bytes < 1 || machine.capacity_bytes > machine.chip.mem_bytes()) {
        throw ValueError("capacity_bytes must be from 1 to the " + std::to_string(machine.chip.mem_bytes()) +
                         " bytes of the chip's geometry, got " + std::to_string(machine.capacity_bytes));
    }
    if (demand.sequences < 1 || demand.context_tokens < 0) {
        throw ValueError("the demand must be at least 1 sequence of at least 0 tokens, got " +
                         std::to_string(demand.sequences) + " x " + std::to_string(demand.context_tokens));
    }
}

/// Group sizes that the search tries: even parts of a node, and 2^a x 3^b whole nodes. Others straddle nodes
/// and racks unevenly and only cost search time.
bool is_regular_group(std::int64_t chips, std::int64_t node) {
    if (chips < node) {
        return node % chips == 0;
    }
    if (chips % node != 0) {
        return false;
    }
    std::int64_t nodes = chips / node;
    for (const std::int64_t prime : {2, 3}) {
        while (nodes % prime == 0) {
            nodes /= prime;
        }
    }
    return nodes == 1;
}

/// Bytes of weights that one token streams through the fullest chip.
std::int64_t streamed_bytes(const Blocks& blocks, const Layout& layout) {
    std::int64_t bytes = 0;
    for (std::int64_t block = 0; block < blocks.count(); ++block) {
        for (const model::Operator& op : blocks.operators(block)) {
            if (op.kind == model::OperatorKind::embedding) {
                continue; // One row, not the table.
            }
            bytes += multiply_divide_floor(shard_weight_bytes(op, layout), op.active_copies, op.copies);
        }
    }
    return bytes;
}

/// No schedule of this layout is faster: its weights pass the streams once, and each layer's two sums cross a
/// link.
std::int64_t latency_bound_cycles(const Machine& machine, const Blocks& blocks, const Layout& layout,
                                  std::int64_t stage_count) {
    const std::int64_t hop = machine.fabric->topology().fastest().hop_cycles;
    const std::int64_t layers = blocks.count() - 2;
    const std::int64_t sums = layout.tensor_chips > 1 ? 2 * layers * hop : 0;
    return streamed_bytes(blocks, layout) / machine.chip.stream_bytes_per_cycle() + sums +
           (stage_count - 1) * hop;
}

} // namespace

GroupLibrary::GroupLibrary(const Blocks& blocks, const Machine& machine, const Layout& layout,
                           const LowerSpec& spec)
    : blocks_(blocks), layout_(layout), spec_(spec), fabric_(machine.fabric),
      reduce_(measured_reduce_cost(machine.chip)), matmuls_(machine.chip) {}

std::int64_t GroupLibrary::collective_cycles(std::int32_t first_chip, const CollectiveCall& call) const {
    return fabric_->cycles({first_chip, static_cast<std::int32_t>(layout_.tensor_chips)}, call, reduce_);
}

const BlockCost& GroupLibrary::block(std::int64_t block, std::int64_t tokens) {
    const std::pair key{blocks_.kind(block), tokens};
    const auto found = costs_.find(key);
    if (found != costs_.end()) {
        return found->second;
    }
    return costs_
        .emplace(key, block_cost(blocks_.operators(block), blocks_.attention(block), tokens, layout_, spec_,
                                 matmuls_))
        .first->second;
}

std::int64_t GroupLibrary::attention_cycles(std::int64_t block, std::int64_t tokens,
                                            std::int64_t context_tokens) const {
    const model::AttentionShape* attention = blocks_.attention(block);
    return attention == nullptr
               ? 0
               : layer_attention_cycles(*attention, tokens, context_tokens, layout_, spec_, matmuls_.spec());
}

Plan::Plan(const Machine& machine, const Blocks& blocks, const Formats& formats, moe::Strategy strategy,
           const LowerSpec& spec, const Partition& partition, const Demand& demand)
    : machine_(machine), partition_(partition) {
    require(machine, spec, demand);
    const std::int64_t chip_count = machine.fabric->topology().chip_count();
    if (partition.tensor_chips < 1 || partition.stage_count < 1 || partition.tensor_chips > chip_count ||
        partition.stage_count > chip_count / partition.tensor_chips) {
        throw ValueError("a partition of " + std::to_string(partition.tensor_chips) + " x " +
                         std::to_string(partition.stage_count) + " chips does not lie on the " +
                         std::to_string(chip_count) + " chips there are");
    }
    const Layout layout{partition.tensor_chips, formats.weights, formats.kv, strategy};
    *this = Plan(machine, std::make_shared<GroupLibrary>(blocks, machine, layout, spec),
                 allocate(blocks, layout, spec, machine.capacity_bytes, partition.stage_count, demand),
                 partition);
}

Plan::Plan(const Machine& machine, std::shared_ptr<GroupLibrary> library, std::vector<Stage> stages,
           const Partition& partition)
    : machine_(machine), partition_(partition), library_(std::move(library)), stages_(std::move(stages)),
      page_count_(std::numeric_limits<std::int64_t>::max()) {
    for (const Stage& stage : stages_) {
        page_count_ = std::min(page_count_, stage.page_count);
    }
}

std::int64_t Plan::pages(std::int64_t context_tokens) const {
    return std::max<std::int64_t>(1, div_ceil(context_tokens, spec().page_tokens));
}

const Plan::FixedCost& Plan::fixed_cost(std::int64_t tokens) {
    const auto found = fixed_.find(tokens);
    if (found != fixed_.end()) {
        return found->second;
    }

    FixedCost cost;
    for (std::size_t s = 0; s < stages_.size(); ++s) {
        CategoryCycles stage;
        for (std::int64_t i = 0; i < stages_[s].blocks.block_count; ++i) {
            const BlockCost& block = library_->block(stages_[s].blocks.first_block + i, tokens);
            stage += block.chip;
            for (const CollectiveCall& call : block.collectives) {
                stage[Category::collective] += library_->collective_cycles(stages_[s].first_chip, call);
            }
        }
        cost.stage_cycles.push_back(stage.total());
        cost.latency += stage;
        cost.latency[Category::hop] += hop_cycles(s, tokens);
    }
    return fixed_.emplace(tokens, std::move(cost)).first->second;
}

const StepCost& Plan::step(std::int64_t tokens, std::int64_t page_count) {
    assert(tokens >= 1 && page_count >= 1);
    const std::pair key{tokens, page_count};
    const auto found = steps_.find(key);
    if (found != steps_.end()) {
        return found->second;
    }
    const FixedCost& fixed = fixed_cost(tokens);
    const std::int64_t context_tokens = page_count * spec().page_tokens;
    StepCost step{.latency = fixed.latency};
    for (std::size_t s = 0; s < stages_.size(); ++s) {
        std::int64_t attention = 0;
        for (std::int64_t i = 0; i < stages_[s].blocks.block_count; ++i) {
            attention +=
                library_->attention_cycles(stages_[s].blocks.first_block + i, tokens, context_tokens);
        }
        step.latency[Category::attention] += attention;
        step.occupancy_cycles = std::max(step.occupancy_cycles, fixed.stage_cycles[s] + attention);
    }
    return steps_.emplace(key, step).first->second;
}

std::int64_t Plan::hop_cycles(std::size_t stage, std::int64_t tokens) {
    if (stage + 1 < stages_.size()) {
        const std::int64_t hidden = library_->blocks().operators(0).front().n;
        return library_->collective_cycles(
            stages_[stage].first_chip,
            {CollectiveKind::shift, partition_.tensor_chips, tokens * hidden * kActivationBytes});
    }
    if (tokens > 1 || stages_.size() == 1) {
        return 0;
    }
    // The token id goes back to the first stage.
    const net::Topology& topology = machine_.fabric->topology();
    return net::send_cycles(topology, stages_.back().first_chip, stages_.front().first_chip,
                            topology.link().vector_bytes);
}

std::vector<StepSlice> Plan::timeline(std::int64_t tokens, std::int64_t page_count) {
    assert(tokens >= 1 && page_count >= 1);
    std::vector<StepSlice> slices;
    std::int64_t now = 0;
    for (std::size_t s = 0; s < stages_.size(); ++s) {
        const auto stage = static_cast<std::int64_t>(s);
        for (std::int64_t i = 0; i < stages_[s].blocks.block_count; ++i) {
            const std::int64_t block = stages_[s].blocks.first_block + i;
            const BlockCost& cost = library_->block(block, tokens);
            for (const Piece& piece : cost.pieces) {
                std::int64_t cycles = piece.cycles;
                if (piece.collective >= 0) {
                    const CollectiveCall& call = cost.collectives[static_cast<std::size_t>(piece.collective)];
                    cycles = library_->collective_cycles(stages_[s].first_chip, call);
                } else if (piece.is_attention_over_context) {
                    cycles = library_->attention_cycles(block, tokens, page_count * spec().page_tokens);
                }
                if (cycles > 0) {
                    slices.push_back({stage, block, piece.name, piece.category, now, cycles});
                    now += cycles;
                }
            }
        }
        if (const std::int64_t cycles = hop_cycles(s, tokens); cycles > 0) {
            const std::int64_t last_block = stages_[s].blocks.first_block + stages_[s].blocks.block_count - 1;
            slices.push_back({stage, last_block, "hop", Category::hop, now, cycles});
            now += cycles;
        }
    }
    return slices;
}

std::int64_t Plan::chunk_tokens() {
    if (chunk_tokens_ == 0) {
        const std::int64_t limit =
            multiply_divide_floor(step(1, 1).occupancy_cycles, spec().chunk_occupancy_percent, 100);
        chunk_tokens_ = 1;
        while (2 * chunk_tokens_ <= spec().chunk_tokens_max &&
               step(2 * chunk_tokens_, 1).occupancy_cycles <= limit) {
            chunk_tokens_ *= 2;
        }
    }
    return chunk_tokens_;
}

std::int64_t Plan::prefill_cycles(std::int64_t input_tokens) {
    if (input_tokens < 1) {
        throw ValueError("input_tokens must be at least 1, got " + std::to_string(input_tokens));
    }
    // Later chunks attend to more and are never quicker, so none waits behind the one ahead.
    const std::int64_t chunk = chunk_tokens();
    std::int64_t entry = 0;
    for (std::int64_t end = chunk; end < input_tokens; end += chunk) {
        entry += step(chunk, pages(end)).occupancy_cycles;
    }
    return entry + step(chunk, pages(input_tokens)).latency.total();
}

Plan Plan::search(const Machine& machine, const Blocks& blocks, const Formats& formats,
                  moe::Strategy strategy, const LowerSpec& spec, const Demand& demand) {
    require(machine, spec, demand);
    const std::int64_t chip_count = machine.fabric->topology().chip_count();
    const std::int64_t node = std::max<std::int64_t>(1, machine.fabric->topology().chips_per_node());
    std::optional<Plan> best;
    std::int64_t best_cycles = std::numeric_limits<std::int64_t>::max();

    struct Candidate {
        std::int64_t bound_cycles = 0;
        Partition partition;
    };
    std::vector<Candidate> candidates;
    Layout layout{1, formats.weights, formats.kv, strategy};
    const std::int64_t chips_max = std::min(chip_count, kTensorChipsMax);
    bool is_first_fit = true;
    for (std::int64_t chips = 1; chips <= chips_max; ++chips) {
        layout.tensor_chips = chips;
        const std::int64_t needed = stages_needed(blocks, layout, spec, machine.capacity_bytes, demand);
        const std::int64_t allowed = std::min(chip_count / chips, blocks.count());
        if (needed == 0 || needed > allowed) {
            continue;
        }
        if (!is_first_fit && !is_regular_group(chips, node)) {
            continue;
        }
        is_first_fit = false;
        const std::int64_t streamed = latency_bound_cycles(machine, blocks, layout, 1);
        // Stage counts at which the largest number of blocks of a stage changes.
        for (std::int64_t stages = needed; stages <= allowed;) {
            const std::int64_t latency = latency_bound_cycles(machine, blocks, layout, stages);
            const std::int64_t occupancy = streamed / stages;
            candidates.push_back(
                {std::max(latency, checked_multiply(demand.sequences, occupancy)), {chips, stages}});
            const std::int64_t blocks_per_stage = div_ceil(blocks.count(), stages);
            if (stages == allowed) {
                break;
            }
            stages =
                blocks_per_stage == 1
                    ? allowed
                    : std::min(allowed, std::max(stages + 1, div_ceil(blocks.count(), blocks_per_stage - 1)));
        }
    }
    std::ranges::stable_sort(candidates, {}, &Candidate::bound_cycles);

    std::map<std::int64_t, std::shared_ptr<GroupLibrary>> library_by_chips;
    for (const Candidate& candidate : candidates) {
        if (candidate.bound_cycles >= best_cycles) {
            break;
        }
        layout.tensor_chips = candidate.partition.tensor_chips;
        auto& library = library_by_chips[layout.tensor_chips];
        if (library == nullptr) {
            library = std::make_shared<GroupLibrary>(blocks, machine, layout, spec);
        }
        Plan plan(
            machine, library,
            allocate(blocks, layout, spec, machine.capacity_bytes, candidate.partition.stage_count, demand),
            candidate.partition);
        const StepCost& step = plan.step(1, plan.pages(div_ceil(demand.context_tokens, 2)));
        const std::int64_t cycles =
            std::max(step.latency.total(), checked_multiply(demand.sequences, step.occupancy_cycles));
        if (cycles < best_cycles) {
            best_cycles = cycles;
            best.emplace(std::move(plan));
        }
    }
    if (best) {
        return std::move(*best);
    }
    const std::int64_t enough =
        smallest_chip_count(blocks, layout, spec, machine.capacity_bytes, demand, 4096);
    std::int64_t needed_bytes = 0;
    layout.tensor_chips = 1;
    for (std::int64_t block = 0; block < blocks.count(); ++block) {
        for (const model::Operator& op : blocks.operators(block)) {
            needed_bytes = checked_add(needed_bytes, shard_weight_bytes(op, layout));
        }
        if (const model::AttentionShape* attention = blocks.attention(block)) {
            const std::int64_t pages =
                div_ceil(std::max<std::int64_t>(1, demand.context_tokens), spec.page_tokens);
            needed_bytes =
                checked_add(needed_bytes,
                            checked_multiply(demand.sequences,
                                             pages * shard_page_bytes(*attention, layout, spec.page_tokens)));
        }
    }
    const std::int64_t available = checked_multiply(chip_count, usable_bytes(machine.capacity_bytes, spec));
    throw CapacityError(
        "no tensor x pipeline partition of " + std::to_string(chip_count) +
            " chips holds the model and the cache of " + std::to_string(demand.sequences) + " x " +
            std::to_string(demand.context_tokens) + " tokens: they take " +
            std::to_string(needed_bytes / 1'000'000) + " MB before they are cut, the chips have " +
            std::to_string(available / 1'000'000) + " MB free of workspace; " +
            (enough > 0 ? "the smallest system that would do has " + std::to_string(enough) + " chips"
                        : std::string("no number of chips would do")),
        needed_bytes, available, enough);
}

} // namespace lpusim::lower
