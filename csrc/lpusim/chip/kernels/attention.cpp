#include "lpusim/chip/kernels/attention.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lpusim/chip/kernels/attention_side.h"
#include "lpusim/chip/kernels/kernel_parts.h"

namespace lpusim::chip {

namespace {

constexpr std::uint16_t kInfinity = 0x7c00, kMinusInfinity = 0xfc00, kOne = 0x3c00; // fp16

void append(std::vector<std::uint8_t>& bytes, std::uint16_t half) {
    bytes.push_back(static_cast<std::uint8_t>(half));
    bytes.push_back(static_cast<std::uint8_t>(half >> 8U));
}

/// One vector a mask: the lesser of a score and +infinity is the score, of a score and -infinity nothing.
Tensor mask_tensor(const ChipSpec& spec, const AttentionPlan& plan, const AttentionWork& work) {
    Tensor mask{"mask", Tensor::Role::Constant, DType::Fp16, work.mask_words, spec.lanes(),
                false,  spec.lanes(),           {}};
    const std::int64_t some = last_tile_keys(plan.shape, plan.kv, plan.shape.queries - 1);
    for (std::int64_t word = 0; word < work.mask_words; ++word) {
        const std::int64_t keys = work.every_mask ? word + 1 : word == 1 ? plan.kv.tile_keys : some;
        for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
            append(mask.data, lane < keys ? kInfinity : kMinusInfinity);
        }
    }
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        mask.pieces.push_back({side, AttentionWork::extra.first, 0, 0, 0, {{work.mask_words, 1, 0, 0, 1}}});
    }
    return mask;
}

Tensor ones_tensor(const ChipSpec& spec, const KvLayout& kv) {
    Tensor ones{"ones", Tensor::Role::Constant, DType::Fp16, 1, spec.lanes(), false, spec.lanes(), {}};
    for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
        append(ones.data, kOne);
    }
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        TensorPiece piece{side, kv.first, kv.ones_word,
                          0,    0,        {{kv.v_loads, 0, 0, 0, 1}, {kv.width, 0, 0, 1, 0}}};
        piece.byte_slices = kv.width;
        ones.pieces.push_back(piece);
    }
    return ones;
}

/// Calls visit(side, unit's place, first query head, heads in a row, row of the first one in the unit, KV
/// head of the unit) for the query heads that share a KV head.
template <class Visit>
void for_heads(const AttentionPlan& plan, const Visit& visit) {
    const KvLayout& kv = plan.kv;
    const std::int64_t shared = plan.shape.heads / kv.shape.kv_heads;
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        for (std::int64_t index = 0; index < kv.units_of(side); ++index) {
            if (kv.on_both_sides()) {
                const std::int64_t first = side == Hemisphere::West ? 0 : plan.rows;
                if (first < shared) {
                    visit(side, index, first, std::min(plan.rows, shared - first), 0, 0);
                }
                continue;
            }
            const std::int64_t unit = kv.unit(side, index);
            for (std::int64_t j = 0; j < kv.heads_of(unit); ++j) {
                visit(side, index, (unit * kv.stacked + j) * shared, shared, j * shared, j);
            }
        }
    }
}

Tensor query_tensor(const AttentionPlan& plan) {
    const AttentionShape& shape = plan.shape;
    const KvLayout& kv = plan.kv;
    const std::int64_t lanes = std::min(shape.kv.qk_dim, kv.k_step_lanes);
    Tensor queries{
        "q", Tensor::Role::Input, DType::Fp16, shape.queries * shape.heads, shape.kv.qk_dim, false, lanes,
        {}};
    for_heads(plan, [&](Hemisphere side, std::int64_t index, std::int64_t head, std::int64_t heads,
                        std::int64_t row, std::int64_t j) {
        for (std::int64_t step = 0; step < kv.k_steps; ++step) {
            TensorPiece piece{side,
                              AttentionWork::queries.first,
                              (index * kv.k_steps + step) * shape.queries * plan.rows + row,
                              head,
                              step * kv.k_step_lanes,
                              {{shape.queries, shape.heads, 0, 0, plan.rows}, {heads, 1, 0, 0, 1}}};
            piece.lane = j * shape.kv.qk_dim;
            queries.pieces.push_back(piece);
        }
    });
    return queries;
}

Tensor output_tensor(const AttentionPlan& plan, const AttentionWork& work) {
    const AttentionShape& shape = plan.shape;
    const KvLayout& kv = plan.kv;
    const std::int64_t lanes = std::min(shape.kv.v_dim, kv.v_part_columns);
    Tensor out{
        "out", Tensor::Role::Output, shape.output, shape.queries * shape.heads, shape.kv.v_dim, false, lanes,
        {}};
    for_heads(plan, [&](Hemisphere side, std::int64_t index, std::int64_t head, std::int64_t heads,
                        std::int64_t row, std::int64_t j) {
        for (std::int64_t part = 0; part < kv.v_parts; ++part) {
            TensorPiece piece{side,
                              work.out.first,
                              work.out_word + (index * kv.v_parts + part) * shape.queries * plan.rows + row,
                              head,
                              part * kv.v_part_columns,
                              {{shape.queries, shape.heads, 0, 0, plan.rows}, {heads, 1, 0, 0, 1}}};
            piece.lane = j * shape.kv.v_dim;
            out.pieces.push_back(piece);
        }
    });
    return out;
}

/// The identity, then for each trip the rotations of its copies.
std::vector<LaneMap> lane_maps(const ChipSpec& spec) {
    const AttentionTiming timing{spec};
    std::vector<LaneMap> maps{rotation(spec.lanes(), 0)};
    std::int64_t step = 1;
    for (std::int64_t trip = 0; trip < timing.lane_trips(); ++trip) {
        for (std::int64_t copy = 1; copy < timing.lane_copies(); ++copy) {
            maps.push_back(rotation(spec.lanes(), copy * step));
        }
        step *= timing.lane_copies();
    }
    return maps;
}

} // namespace

Program attention(const ChipSpec& spec, const AttentionShape& shape) {
    const AttentionPlan plan = plan_attention(spec, shape);
    const AttentionWork work = work_of(plan, spec);
    Program program;
    program.tensors = {query_tensor(plan),
                       key_tensor(plan.kv, Tensor::Role::Input),
                       value_tensor(plan.kv, Tensor::Role::Input),
                       mask_tensor(spec, plan, work),
                       ones_tensor(spec, plan.kv),
                       output_tensor(plan, work)};
    program.maps = lane_maps(spec);
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        AttentionSide builder(spec, plan, side, program);
        for (const AttentionRound& round : plan.rounds) {
            builder.emit(round);
        }
    }
    return program;
}

} // namespace lpusim::chip
