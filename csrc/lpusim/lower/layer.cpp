#include "lpusim/lower/layer.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/integers.h"
#include "lpusim/lower/bounds.h"
#include "lpusim/model/counts.h"

namespace lpusim::lower {
namespace {

using model::Operator;
using model::OperatorKind;
using model::Shard;

constexpr std::int64_t kActivationBytes = 2; ///< Between operators and chips activations travel as fp16.
constexpr std::int64_t kPartialBytes = 4;    ///< Partial attention sums travel as fp32.

/// Everything a layer keeps in SRAM between operators. One working tensor a block: operators of a block
/// follow each other through it.
enum Tensor : std::int32_t {
    residual,
    normed,
    attention_work,
    ffn_work,
    expert_work,
    scores,
    partial,
    tensor_count
};

std::int64_t share(std::int64_t width, std::int64_t chips) {
    return div_ceil(width, chips);
}

/// A latent cache has one head for all; else every chip has at least one KV head, and chips beyond one a head
/// share its context.
struct AttentionShards {
    std::int64_t kv_heads = 1;
    std::int64_t heads_per_kv_head = 1;
    std::int64_t context_split = 1;
};

AttentionShards attention_shards(const model::AttentionShape& attention, const Layout& layout) {
    const std::int64_t kv_heads = attention.is_latent ? 1 : attention.kv_heads;
    return {share(kv_heads, layout.tensor_chips), attention.heads / kv_heads,
            std::max<std::int64_t>(1, layout.tensor_chips / kv_heads)};
}

class Lowering {
  public:
    Lowering(std::int64_t tokens, const Layout& layout, const LowerSpec& spec, MatmulLibrary& matmuls)
        : tokens_(tokens), layout_(layout), spec_(spec), matmuls_(matmuls),
          first_tensor_(matmuls.bank_count()),
          composer_(matmuls.resource_count(), first_tensor_ + tensor_count, kSlipCycles) {}

    BlockCost run(const std::vector<Operator>& operators, const model::AttentionShape* attention);

  private:
    static constexpr std::int64_t kSlipCycles = 1 << 16;

    const chip::ChipSpec& chip() const { return matmuls_.spec(); }

    /// Charges to `category` what placing the segment adds to the end.
    void add(Category category, const Segment& segment, std::int64_t repeat_count = 1) {
        const Segment* const segments[] = {&segment};
        const std::int64_t before_cycle = composer_.end_cycle();
        cost_.chip[category] += place_repeated(composer_, segments, repeat_count).cycles;
        cost_.pieces.push_back(
            {.name = name_, .category = category, .cycles = composer_.end_cycle() - before_cycle});
    }

    /// A stated bound has the chip to itself: serial by construction, so it names no tensors.
    void add_bound(Category category, std::int64_t cycles) {
        add(category, {Origin::stated_bound, cycles, nullptr, {}, {}});
    }

    void add_vector(std::int64_t element_count, std::int64_t pass_count) {
        add_bound(Category::vector,
                  vector_op_cycles(chip(), element_count, pass_count, spec_.vector_pass_overhead_cycles));
    }

    /// A collective has the chip to itself too; its cycles are added when the group is known.
    void add_collective(CollectiveKind kind, std::int64_t part_count, std::int64_t size_bytes) {
        add_bound(Category::collective, 0);
        cost_.pieces.back().collective = static_cast<std::int64_t>(cost_.collectives.size());
        cost_.collectives.push_back({kind, part_count, size_bytes});
    }

    void add_matmul(Category category, const MatmulShape& shape, std::int64_t weight_bits, Tensor input,
                    Tensor output, std::int64_t repeat_count = 1) {
        const MatmulProfile& profile = matmuls_.get(MatmulLibrary::one_byte_shape(shape, weight_bits));
        TensorUse read = profile.input;
        TensorUse write = profile.output;
        read.tensor = first_tensor_ + input;
        write.tensor = first_tensor_ + output;
        add(category, {Origin::verified_program, profile.cycles, profile.occupancy, {read}, {write}},
            repeat_count * profile.part_count);
    }

    void dense_matmul(const std::vector<Operator>& operators, std::size_t& index, std::int64_t hidden);
    void expert_matmul(const std::vector<Operator>& operators, std::size_t& index);
    void attend(const model::AttentionShape& attention);
    void activate(const Operator& op);

    std::int64_t bits(const Operator& op) const {
        const auto format = op.is_quantised ? layout_.weights : model::unquantised(layout_.weights);
        return div_ceil(format.bits_numerator, format.bits_denominator);
    }

    std::int64_t tokens_;
    const Layout& layout_;
    const LowerSpec& spec_;
    MatmulLibrary& matmuls_;
    /// Tensors come after the banks in the composer's numbering.
    std::int32_t first_tensor_;
    Composer composer_;
    BlockCost cost_;
    /// Of the operator being lowered.
    std::string_view name_;
    /// The working tensor of the block we are in.
    Tensor work_ = attention_work;
    /// Matrices before the experts' activation make the FFN width, the one after it the hidden width.
    bool experts_activated_ = false;
};

/// The chip's share of one product: column-cut and head-cut ones side by side with the neighbours that read
/// the same input, so that one program streams all their weights.
void Lowering::dense_matmul(const std::vector<Operator>& operators, std::size_t& index, std::int64_t hidden) {
    const Operator& op = operators[index];
    const std::int64_t chips = layout_.tensor_chips;
    if (op.shard == Shard::row) {
        add_matmul(Category::matmul, {tokens_, share(op.k, chips), op.n}, bits(op), work_, partial);
        return;
    }
    const auto width = [&](const Operator& each) {
        switch (each.shard) {
        case Shard::column:
            return share(each.n, chips);
        case Shard::heads:
            return each.n * share(each.active_copies, chips);
        default:
            return each.n;
        }
    };
    std::int64_t n = width(op);
    while (index + 1 < operators.size() && operators[index + 1].kind == OperatorKind::matmul &&
           operators[index + 1].shard == op.shard && operators[index + 1].k == op.k && op.k == hidden) {
        n += width(operators[++index]);
    }
    add_matmul(Category::matmul, {tokens_, op.k, n}, bits(op), op.k == hidden ? normed : work_, work_);
}

/// The chosen experts of all tokens. Sliced: a token's experts side by side, each chip its columns (or rows)
/// of each. Whole experts: as many products of full width as the worst routing can bring to one chip.
void Lowering::expert_matmul(const std::vector<Operator>& operators, std::size_t& index) {
    const Operator& op = operators[index];
    const moe::StrategyCost reserved =
        moe::reserved(layout_.strategy, tokens_, op.copies, op.active_copies, layout_.tensor_chips);
    const std::int64_t rows_per_token = div_ceil(reserved.rows_per_chip, tokens_);
    if (!experts_activated_) {
        std::int64_t width = share(op.n, reserved.column_split);
        while (index + 1 < operators.size() && operators[index + 1].kind == OperatorKind::expert_matmul) {
            width += share(operators[++index].n, reserved.column_split);
        }
        add_matmul(Category::experts, {1, op.k, width * rows_per_token}, bits(op), normed, expert_work,
                   tokens_);
    } else {
        const std::int64_t depth = share(op.k, reserved.column_split) * rows_per_token;
        add_matmul(Category::experts, {1, depth, op.n}, bits(op), expert_work, partial, tokens_);
    }
}

void Lowering::attend(const model::AttentionShape& attention) {
    const AttentionShards shards = attention_shards(attention, layout_);
    add_bound(Category::attention,
              kv_append_cycles(chip(),
                               tokens_ * shards.kv_heads * (attention.key_width + attention.value_width),
                               spec_.vector_pass_overhead_cycles));
    const std::int64_t rows = tokens_ * shards.heads_per_kv_head;
    add_collective(CollectiveKind::all_gather, shards.context_split,
                   rows * attention.key_width * kActivationBytes);
    add_bound(Category::attention, 0);
    cost_.pieces.back().is_attention_over_context = true;
    add_collective(CollectiveKind::reduce_scatter, shards.context_split,
                   rows * attention.value_width * kPartialBytes);
}

void Lowering::activate(const Operator& op) {
    std::int64_t width = op.n;
    if (op.shard == Shard::experts) {
        const moe::StrategyCost reserved =
            moe::reserved(layout_.strategy, tokens_, op.copies, op.active_copies, layout_.tensor_chips);
        width = share(op.n, reserved.column_split) * reserved.rows_per_chip;
        experts_activated_ = true;
    } else {
        width = share(op.n, layout_.tensor_chips) * tokens_;
    }
    add_vector(width, 3); // silu, product with the other half, conversion to the matmul's operand type.
}

BlockCost Lowering::run(const std::vector<Operator>& operators, const model::AttentionShape* attention) {
    const std::int64_t chips = layout_.tensor_chips;
    const auto reduction = std::ranges::find(operators, OperatorKind::residual_add, &Operator::kind);
    const std::int64_t hidden = reduction != operators.end() ? reduction->n : operators.front().n;
    for (std::size_t index = 0; index < operators.size(); ++index) {
        const Operator& op = operators[index];
        name_ = op.name;
        switch (op.kind) {
        case OperatorKind::embedding:
            // The chip that has the row sends it to all; the sum with the others' zeros is one all-reduce.
            add_vector(tokens_ * op.n, 1);
            add_collective(CollectiveKind::all_reduce, chips, tokens_ * op.n * kActivationBytes);
            break;
        case OperatorKind::norm:
            add_vector(tokens_ * op.n, 4); // squares, their sum over lanes, scaling, conversion.
            break;
        case OperatorKind::matmul:
            dense_matmul(operators, index, hidden);
            break;
        case OperatorKind::rope:
            add_vector(tokens_ * share(op.n, chips), 2); // the pair swap, then the rotation.
            break;
        case OperatorKind::attention:
            assert(attention != nullptr);
            attend(*attention);
            add_vector(tokens_ * share(op.n, chips), 1); // conversion to the matmul's operand type.
            break;
        case OperatorKind::router:
            add_matmul(Category::matmul, {tokens_, op.k, op.n}, bits(op), normed, scores);
            add_bound(Category::vector,
                      router_select_cycles(chip(), tokens_, op.n, spec_.vector_pass_overhead_cycles));
            work_ = ffn_work;
            break;
        case OperatorKind::expert_matmul:
            expert_matmul(operators, index);
            break;
        case OperatorKind::activation:
            activate(op);
            break;
        case OperatorKind::residual_add:
            add_collective(CollectiveKind::all_reduce, chips, tokens_ * op.n * kActivationBytes);
            add_vector(tokens_ * op.n, 1);
            work_ = ffn_work;
            break;
        case OperatorKind::head: {
            // Only the last token of an item is sampled.
            const std::int64_t width = share(op.n, chips);
            add_matmul(Category::matmul, {1, op.k, width}, bits(op), normed, scores);
            add_vector(width, 2); // the largest score and its index.
            add_collective(CollectiveKind::all_reduce, chips, 2 * kPartialBytes);
            break;
        }
        }
    }
    return cost_;
}

} // namespace

std::string_view category_name(Category category) {
    static constexpr std::array<std::string_view, kCategoryCount> names{"matmul", "experts",    "attention",
                                                                        "vector", "collective", "hop"};
    return names[static_cast<std::size_t>(category)];
}

CategoryCycles& CategoryCycles::operator+=(const CategoryCycles& other) {
    for (std::size_t i = 0; i < cycles.size(); ++i) {
        cycles[i] += other.cycles[i];
    }
    return *this;
}

std::int64_t context_split(const model::AttentionShape& attention, const Layout& layout) {
    return attention_shards(attention, layout).context_split;
}

std::int64_t shard_parameters(const model::Operator& op, const Layout& layout) {
    const std::int64_t chips = layout.tensor_chips;
    switch (op.shard) {
    case Shard::replicated:
        return op.parameters;
    case Shard::column:
        return op.parameters == 0 ? 0 : share(op.n, chips) * std::max<std::int64_t>(1, op.k);
    case Shard::row:
        return share(op.k, chips) * op.n;
    case Shard::heads:
        return op.parameters == 0 ? 0 : share(op.copies, chips) * (op.parameters / op.copies);
    case Shard::experts: {
        if (op.parameters == 0) {
            return 0;
        }
        if (layout.strategy == moe::Strategy::worst_case) {
            return share(op.copies, chips) * (op.parameters / op.copies);
        }
        // The cut side is the shorter one: an expert's FFN width.
        return op.copies * share(std::min(op.k, op.n), chips) * std::max(op.k, op.n);
    }
    }
    return op.parameters;
}

std::int64_t shard_weight_bytes(const model::Operator& op, const Layout& layout) {
    const auto format = op.is_quantised ? layout.weights : model::unquantised(layout.weights);
    return model::size_bytes(format, shard_parameters(op, layout));
}

std::int64_t shard_page_bytes(const model::AttentionShape& attention, const Layout& layout,
                              std::int64_t page_tokens) {
    const AttentionShards shards = attention_shards(attention, layout);
    const std::int64_t kv_heads = attention.is_latent ? 1 : attention.kv_heads;
    const std::int64_t tokens = share(page_tokens, shards.context_split);
    return model::size_bytes(layout.kv, tokens * shards.kv_heads * (attention.cache_elements / kv_heads));
}

BlockCost block_cost(const std::vector<model::Operator>& operators, const model::AttentionShape* attention,
                     std::int64_t tokens, const Layout& layout, const LowerSpec& spec,
                     MatmulLibrary& matmuls) {
    assert(tokens >= 1);
    return Lowering(tokens, layout, spec, matmuls).run(operators, attention);
}

std::int64_t layer_attention_cycles(const model::AttentionShape& attention, std::int64_t tokens,
                                    std::int64_t context_tokens, const Layout& layout, const LowerSpec& spec,
                                    const chip::ChipSpec& chip) {
    const AttentionShards shards = attention_shards(attention, layout);
    const std::int64_t context =
        attention.window_tokens > 0 ? std::min(context_tokens, attention.window_tokens) : context_tokens;
    return attention_cycles(chip,
                            {.query_tokens = tokens,
                             .query_heads_per_kv_head = shards.heads_per_kv_head,
                             .kv_heads = shards.kv_heads,
                             .key_width = attention.key_width,
                             .value_width = attention.value_width,
                             .context_tokens = share(context, shards.context_split),
                             .bytes_per_element = model::size_bytes(layout.kv, 1)},
                            spec.vector_pass_overhead_cycles);
}

} // namespace lpusim::lower
