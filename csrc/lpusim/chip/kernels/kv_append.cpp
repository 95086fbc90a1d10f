#include "lpusim/chip/kernels/kv_append.h"

#include <algorithm>
#include <utility>

#include "lpusim/chip/kernels/kv_append_parts.h"
#include "lpusim/chip/kernels/side_schedule.h"

namespace lpusim::chip {

namespace {

// Streams. Outward: merged vectors and new keys; new values; one-hot vectors. Inward: sums of the plane of
// low bytes on 0 to 3 and of high bytes on 4 to 7, of which only the lowest byte means anything; what is
// stored travels on one of the others of each.
constexpr std::int64_t kValueStream = 2;
constexpr std::int64_t kOneHotStream = 4;
constexpr std::int64_t kSumStreams = 4;

class AppendBuilder {
  public:
    AppendBuilder(const ChipSpec& spec, const KvAppendPlan& plan, Hemisphere side, Program& program)
        : spec_(spec), plan_(plan), kv_(plan.layout), timing_{spec, plan},
          emit_(spec, side, 0, side == Hemisphere::West ? 0 : 2, program), units_(kv_.units_of(side)) {}

    void build() {
        if (units_ < 1) {
            return;
        }
        const auto segments = segments_of(plan_);
        std::int64_t cycle = timing_.values_cycle(segments.front().tokens);
        for (std::size_t i = 0; i < segments.size(); ++i) {
            keys(segments[i]);
            values(segments[i], cycle);
            if (i + 1 < segments.size()) {
                cycle += timing_.segment_cycles(segments[i].tokens, segments[i + 1].tokens);
            }
        }
    }

  private:
    /// A token's vectors one after the other, then the next token's: neighbouring columns are in neighbouring
    /// slices.
    void keys(const KvSegment& segment) {
        const std::int64_t vectors = timing_.key_vectors();
        const std::int64_t own = units_ * kv_.k_steps;
        const std::int64_t begin = timing_.keys_cycle() + segment.first * vectors;
        const Loops token{{units_, kv_.k_steps, kv_.k_steps}, {kv_.k_steps, 1, 1}};
        const Loops all = Loops{{segment.tokens, vectors, own}} + token;
        const std::int64_t arrives = begin - spec_.vxm_alu_latency_cycles;
        emit_.read_in(kNewKeys, segment.first * own, 0, arrives, all);
        for (std::int64_t byte = 0; byte < 2; ++byte) {
            emit_.vxm(byte, arrives,
                      {VxmOp::Pass, DType::Int8, DType::Int8, emit_.taken(byte), {}, emit_.out(byte)}, all);
        }
        const Loops stored{{units_, kv_.k_steps, kv_.k_word(1, 0, 0)}, {kv_.k_steps, 1, kv_.k_loads}};
        for (std::int64_t token_index = 0; token_index < segment.tokens;) {
            const std::int64_t column = segment.column + token_index, slice = column % kv_.width;
            const std::int64_t same = std::min(segment.tokens - token_index, kv_.width - slice);
            for (std::int64_t byte = 0; byte < 2; ++byte) {
                emit_.write_in_turn({kv_.slices(byte).first + slice, same}, vectors,
                                    kv_.k_word(0, segment.tile, 0) + column / kv_.width, byte,
                                    begin + token_index * vectors, stored);
            }
            token_index += same;
        }
    }

    /// All units and parts, the first active at `cycle`.
    void values(const KvSegment& segment, std::int64_t cycle) {
        const std::int64_t part_cycles = timing_.part_cycles(segment.tokens);
        const auto parts = [&](std::int64_t stride) {
            return Loops{{units_ * kv_.v_parts, part_cycles, stride}};
        };
        load(segment, cycle, parts);
        const std::int64_t whole = kv_.v_loads / plan_.block_words;
        merge(segment, cycle, 0, whole, plan_.block_words, parts);
        merge(segment, cycle, whole, 1, kv_.v_loads % plan_.block_words, parts);
    }

    /// A token's vector of the part is its own weight column; all others are zero.
    template <class Parts>
    void load(const KvSegment& segment, std::int64_t cycle, const Parts& parts) {
        const std::int64_t own = units_ * kv_.v_parts; // vectors of a token
        const std::int64_t begin = cycle - timing_.load_lead(segment.tokens);
        emit_.read_out(kNewValues, segment.first * own, kValueStream, timing_.mxm_hops(), begin,
                       parts(1) + Loops{{segment.tokens, 1, own}});
        for (std::int64_t plane = 0; plane < 2; ++plane) {
            emit_.run(Unit::MxmWeights, plane, begin,
                      MxmLoad{segment.column, emit_.out(kValueStream + plane), 1},
                      parts(0) + Loops{{segment.tokens, 1, 1}});
            emit_.run(Unit::MxmWeights, plane, cycle - spec_.mxm_install_latency_cycles, MxmInstall{},
                      parts(0));
        }
    }

    /// `words` words of every slice in turn, in each of `blocks` blocks.
    template <class Parts>
    void merge(const KvSegment& segment, std::int64_t cycle, std::int64_t block, std::int64_t blocks,
               std::int64_t words, const Parts& parts) {
        if (blocks < 1 || words < 1) {
            return;
        }
        const std::int64_t width = kv_.width, turn = plan_.block_words;
        const std::int64_t first_word = block * turn;
        const std::int64_t begin = cycle + block * plan_.block_cycles;
        const Loops dims =
            parts(0) + Loops{{blocks, plan_.block_cycles, turn * width}, {width, turn, 1}, {words, 1, width}};
        emit_.read_out(kOneHot, first_word * width, kOneHotStream, timing_.mxm_hops(), begin, dims);
        const std::int64_t arrives = begin + timing_.sums_latency();
        const Loops stored =
            parts(kv_.tiles * kv_.v_loads) + Loops{{blocks, plan_.block_cycles, turn}, {words, 1, 1}};
        for (std::int64_t plane = 0; plane < 2; ++plane) {
            const std::int64_t sums = plane * kSumStreams, word = kv_.v_word(0, 0, segment.tile) + first_word;
            emit_.run(Unit::MxmActivations, plane, begin, MxmActivate{DType::Int8, emit_.out(kOneHotStream)},
                      in_place(dims));
            emit_.run(Unit::MxmAccumulators, plane, begin + spec_.mxm_activate_latency_cycles,
                      MxmAccumulate{0, true, emit_.in(sums), DType::Int32}, in_place(dims));
            emit_.read_in_turn(kv_.slices(plane), turn, word, sums + 1, arrives, stored);
            emit_.vxm(plane, arrives,
                      {VxmOp::Or, DType::Int8, DType::Int8, emit_.taken(sums), emit_.taken(sums + 1),
                       emit_.out(plane)},
                      dims);
            emit_.write_in_turn(kv_.slices(plane), turn, word, plane, arrives + spec_.vxm_alu_latency_cycles,
                                stored);
        }
    }

    const ChipSpec& spec_;
    const KvAppendPlan& plan_;
    const KvLayout& kv_;
    KvAppendTiming timing_;
    SideSchedule emit_;
    std::int64_t units_;
};

/// New vectors in the order in which they are used: token by token, units and parts inside.
template <class Piece>
Tensor new_tensor(const KvAppendPlan& plan, const char* name, std::int64_t columns, std::int64_t lanes,
                  SliceGroup group, std::int64_t vectors, const Piece& first_column) {
    Tensor tensor{name, Tensor::Role::Input, DType::Fp16, plan.shape.tokens, columns, false, lanes, {}};
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        const std::int64_t units = plan.layout.units_of(side);
        for (std::int64_t index = 0; index < units; ++index) {
            for (std::int64_t i = 0; i < vectors; ++i) {
                tensor.pieces.push_back({side,
                                         group.first,
                                         index * vectors + i,
                                         0,
                                         first_column(plan.layout.unit(side, index), i),
                                         {{plan.shape.tokens, 1, 0, 0, units * vectors}}});
            }
        }
    }
    return tensor;
}

Tensor one_hot_tensor(const ChipSpec& spec) {
    const std::int64_t lanes = spec.lanes();
    Tensor one_hot{"one_hot", Tensor::Role::Constant, DType::Int8, lanes, lanes, false, lanes, {}};
    one_hot.data.assign(static_cast<std::size_t>(lanes * lanes), 0);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        one_hot.data[static_cast<std::size_t>(lane * lanes + lane)] = 1;
    }
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        one_hot.pieces.push_back({side, kOneHot.first, 0, 0, 0, {{lanes, 1, 0, 0, 1}}});
    }
    return one_hot;
}

Tensor renamed(Tensor tensor, const char* name) {
    tensor.name = name;
    return tensor;
}

} // namespace

Program kv_append(const ChipSpec& spec, const KvAppendShape& shape) {
    const KvAppendPlan plan = plan_kv_append(spec, shape);
    const KvLayout& kv = plan.layout;
    Program program;
    program.tensors = {new_tensor(plan, "k_new", shape.kv.kv_heads * shape.kv.qk_dim, kv.k_step_lanes,
                                  kNewKeys, kv.k_steps,
                                  [&](std::int64_t unit, std::int64_t step) {
                                      return unit * kv.stacked * shape.kv.qk_dim + step * kv.k_step_lanes;
                                  }),
                       new_tensor(plan, "v_new", shape.kv.kv_heads * shape.kv.v_dim, kv.v_part_columns,
                                  kNewValues, kv.v_parts,
                                  [&](std::int64_t unit, std::int64_t part) {
                                      return unit * kv.stacked * shape.kv.v_dim + part * kv.v_part_columns;
                                  }),
                       one_hot_tensor(spec),
                       key_tensor(kv, Tensor::Role::Input),
                       value_tensor(kv, Tensor::Role::Input),
                       renamed(key_tensor(kv, Tensor::Role::Output), "k_after"),
                       renamed(value_tensor(kv, Tensor::Role::Output), "v_after")};
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        AppendBuilder(spec, plan, side, program).build();
    }
    return program;
}

} // namespace lpusim::chip
