#include <algorithm>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/attention_parts.h"
#include "lpusim/chip/kernels/kernel_parts.h"

namespace lpusim::chip {

std::int64_t AttentionTiming::load_lead(std::int64_t loads) const {
    return loads - 1 + std::max<std::int64_t>(spec.mxm_load_latency_cycles, 1) +
           spec.mxm_install_latency_cycles;
}

std::int64_t AttentionTiming::pass(std::int64_t next_loads, std::int64_t rows) const {
    const std::int64_t loading = next_loads - 1 + std::max<std::int64_t>(spec.mxm_load_latency_cycles, 1) +
                                 std::max<std::int64_t>(spec.mxm_install_latency_cycles, 1);
    return std::max(loading, rows * row_cycles());
}

std::int64_t AttentionTiming::sums_latency() const {
    return spec.mxm_activate_latency_cycles + row_cycles() - 1 + spec.mxm_accumulate_latency_cycles +
           mxm_hops();
}

std::int64_t AttentionTiming::lane_copies() const {
    return std::min({std::int64_t{3}, spec.sxm_queues_per_hemisphere / 4, spec.streams_per_direction / 4});
}

std::int64_t AttentionTiming::lane_trips() const {
    std::int64_t trips = 1;
    for (std::int64_t reach = lane_copies(); reach < spec.lanes(); reach *= lane_copies()) {
        ++trips;
    }
    return trips;
}

std::int64_t tiles_seen(const AttentionShape& shape, const KvLayout& kv, std::int64_t query) {
    const std::int64_t keys = shape.causal ? shape.context - shape.queries + query + 1 : shape.context;
    return div_ceil(keys, kv.tile_keys);
}

std::int64_t last_tile_keys(const AttentionShape& shape, const KvLayout& kv, std::int64_t query) {
    const std::int64_t keys = shape.causal ? shape.context - shape.queries + query + 1 : shape.context;
    return keys - (div_ceil(keys, kv.tile_keys) - 1) * kv.tile_keys;
}

std::vector<TileGroup> tile_groups(const AttentionRound& round) {
    std::vector<TileGroup> groups;
    const std::int64_t whole = round.blocks.front().tiles - 1;
    if (whole > 0) {
        groups.push_back({0, whole, 0, round.queries});
    }
    for (const AttentionBlock& block : round.blocks) {
        groups.push_back({block.tiles - 1, 1, block.first, round.queries - block.first});
    }
    return groups;
}

AttentionWork work_of(const AttentionPlan& plan, const ChipSpec& spec) {
    const AttentionShape& shape = plan.shape;
    const std::int64_t out_words = checked_multiply(plan.kv.units_of(Hemisphere::West) * plan.kv.v_parts,
                                                    checked_multiply(shape.queries, plan.rows));
    AttentionWork work;
    work.every_mask = shape.causal && shape.queries > 1;
    work.mask_words = work.every_mask ? plan.kv.tile_keys : 2;
    work.out = shape.output == DType::Fp16 ? AttentionWork::extra : AttentionWork::scores;
    const std::int64_t extra_words = work.mask_words + (shape.output == DType::Fp16 ? out_words : 0);
    work.out_word = shape.output == DType::Fp16 ? work.mask_words : spec.mem_words_per_slice - out_words;
    work.row_word = extra_words;
    return work;
}

namespace {

void check(const ChipSpec& spec, const AttentionShape& shape) {
    check_sizes(spec, {{"queries", shape.queries}, {"context", shape.context}, {"heads", shape.heads}});
    const auto refuse = [](const std::string& what) { throw ValueError("attention: " + what); };
    if (shape.heads % shape.kv.kv_heads != 0) {
        refuse("heads must be a multiple of the " + std::to_string(shape.kv.kv_heads) + " KV heads, got " +
               std::to_string(shape.heads));
    }
    if (shape.context > shape.kv.capacity) {
        refuse("context must be at most the capacity of " + std::to_string(shape.kv.capacity) +
               " tokens, got " + std::to_string(shape.context));
    }
    if (shape.causal && shape.queries > shape.context) {
        refuse("causal queries are the last tokens of the context of " + std::to_string(shape.context) +
               ", got " + std::to_string(shape.queries) + " queries");
    }
    if (shape.output != DType::Fp16 && shape.output != DType::Fp32) {
        refuse("the output is fp16 or fp32, got " + to_string(shape.output));
    }
    if (spec.vxm_alus < 2 * kSideAlus) {
        refuse("needs 14 vector ALUs, seven a hemisphere, got " + std::to_string(spec.vxm_alus));
    }
    if (spec.sxm_queues_per_hemisphere < 8) {
        refuse("needs 8 SXM queues in a hemisphere, got " + std::to_string(spec.sxm_queues_per_hemisphere));
    }
}

class Planner {
  public:
    Planner(const ChipSpec& spec, const AttentionShape& shape) : spec_(spec), timing_{spec} {
        plan_.shape = shape;
        plan_.kv = kv_layout(spec, shape.kv);
        check(spec, shape);
        const std::int64_t heads = plan_.kv.stacked * (shape.heads / shape.kv.kv_heads);
        plan_.rows = plan_.kv.on_both_sides() ? div_ceil(heads, 2) : heads;
        if (plan_.rows > spec.mxm_accumulator_vectors) {
            throw ValueError("attention: needs an accumulator for each of the " + std::to_string(plan_.rows) +
                             " query heads that share keys, got " +
                             std::to_string(spec.mxm_accumulator_vectors));
        }
    }

    AttentionPlan build() {
        cut();
        for (std::size_t i = 0; i < plan_.rounds.size(); ++i) {
            place(plan_.rounds[i], i == 0 ? nullptr : &plan_.rounds[i - 1]);
        }
        const std::int64_t half = timing_.mxm_hops();
        const AttentionRound& first = plan_.rounds.front();
        const std::int64_t weights = timing_.load_lead(plan_.kv.k_loads) - timing_.near(plan_.kv.slices(0));
        plan_.first_cycle = first.scores_cycle - half - spec_.mem_read_latency_cycles -
                            std::max(weights, -timing_.near(AttentionWork::queries));
        plan_.cycles = plan_.rounds.back().end_cycle - plan_.first_cycle + spec_.superlanes;
        bounds();
        return std::move(plan_);
    }

  private:
    /// Rounds of as many units and queries as fit.
    void cut() {
        const AttentionShape& shape = plan_.shape;
        const KvLayout& kv = plan_.kv;
        const AttentionWork work = work_of(plan_, spec_);
        const std::int64_t units = kv.units_of(Hemisphere::West), words = spec_.mem_words_per_slice;
        const std::int64_t tiles = tiles_seen(shape, kv, shape.queries - 1);
        const std::int64_t query_words =
            checked_multiply(units * kv.k_steps, checked_multiply(shape.queries, plan_.rows));
        const std::int64_t score_words = shape.output == DType::Fp16 ? words : work.out_word;
        const std::int64_t rows_max = std::min(score_words / tiles, words - work.row_word);
        if (query_words > words || rows_max < plan_.rows) {
            const std::int64_t needed =
                std::max({query_words, plan_.rows * tiles + words - score_words, work.row_word + plan_.rows});
            const std::int64_t slice_bytes = 2 * kAttentionWorkSlices * spec_.lanes();
            throw CapacityError("attention of " + std::to_string(shape.queries) + " queries to " +
                                    std::to_string(shape.context) + " keys needs " + std::to_string(needed) +
                                    " words in a slice for queries, scores and outputs; a slice has " +
                                    std::to_string(words) + "; ask for fewer queries or heads at a time",
                                needed * slice_bytes, words * slice_bytes);
        }
        const std::int64_t queries_max =
            std::min({shape.queries, spec_.mxm_accumulator_vectors / plan_.rows, rows_max / plan_.rows});
        const std::int64_t chunks = div_ceil(shape.queries, queries_max);
        const std::int64_t queries = div_ceil(shape.queries, chunks);
        const std::int64_t batch_max = chunks > 1 ? 1 : std::min(units, rows_max / (queries * plan_.rows));
        const std::int64_t batch = div_ceil(units, div_ceil(units, batch_max));
        for (std::int64_t unit = 0; unit < units; unit += batch) {
            for (std::int64_t query = 0; query < shape.queries; query += queries) {
                AttentionRound round;
                round.query_first = query;
                round.queries = std::min(queries, shape.queries - query);
                round.unit_first = unit;
                round.units = std::min(batch, units - unit);
                for (std::int64_t i = 0; i < round.queries;) {
                    const std::int64_t seen = tiles_seen(shape, kv, query + i);
                    const std::int64_t same =
                        std::min(round.queries - i,
                                 shape.causal ? kv.tile_keys + 1 - last_tile_keys(shape, kv, query + i)
                                              : round.queries);
                    round.blocks.push_back({i, same, seen});
                    i += same;
                }
                plan_.rounds.push_back(std::move(round));
            }
        }
    }

    /// Cycles of the MXM for all units, and from the first activation of the last pass to the last.
    struct Passes {
        std::int64_t before_last = 0;
        std::int64_t last = 0;
    };

    /// `times`: weight tiles of one tile of keys.
    [[nodiscard]] Passes passes(const AttentionRound& round, std::int64_t times, std::int64_t loads) const {
        Passes sum;
        for (const TileGroup& group : tile_groups(round)) {
            sum.before_last += round.units * times * group.tiles * timing_.pass(loads, rows_of(group));
            sum.last = rows_of(group);
        }
        sum.before_last -= timing_.pass(loads, sum.last);
        sum.last = (sum.last - 1) * timing_.row_cycles();
        return sum;
    }

    [[nodiscard]] std::int64_t rows_of(const TileGroup& group) const { return group.queries * plan_.rows; }

    void place(AttentionRound& round, const AttentionRound* before) const {
        const KvLayout& kv = plan_.kv;
        const std::int64_t rows = round.units * round.queries * plan_.rows;
        std::int64_t row_tiles = 0;
        for (const AttentionBlock& block : round.blocks) {
            row_tiles += round.units * block.queries * plan_.rows * block.tiles;
        }
        if (before != nullptr) {
            round.scores_cycle = next_round(*before);
        }
        const Passes scores = passes(round, kv.k_steps, kv.k_loads);
        const std::int64_t scored = round.scores_cycle + scores.before_last + scores.last +
                                    timing_.sums_latency() + timing_.alu(); // driven
        round.maxima_cycle = scored + timing_.back_at_vxm(AttentionWork::scores);
        const std::int64_t maxima = round.maxima_cycle + row_tiles * timing_.alu();
        round.lanes_cycle = maxima + timing_.out_at(timing_.sxm_hops(), AttentionWork::lane_maxima);
        const std::int64_t compared = round.lanes_cycle + timing_.lane_cycles(rows);
        round.powers_cycle = compared + timing_.back_at_vxm(AttentionWork::maxima);
        const std::int64_t summed =
            round.powers_cycle + (row_tiles - 1) * timing_.alu() + timing_.sum_issue() + timing_.alu();
        // Columns of ones come after the last results, which pass the MXM.
        round.sums_cycle = std::max(summed + timing_.out_at(timing_.mxm_hops(), AttentionWork::extra),
                                    compared + timing_.mxm_hops() + 1 + timing_.load_lead(kv.v_loads));
        // All reciprocals are stored before the first is read.
        const std::int64_t reciprocals = (rows - 1) * timing_.row_cycles() + timing_.function() +
                                         timing_.alu() + timing_.back_at_vxm(AttentionWork::maxima);
        round.outputs_cycle = round.sums_cycle + std::max(timing_.pass(kv.v_loads, rows), reciprocals);
        const AttentionWork work = work_of(plan_, spec_);
        round.end_cycle = last_output(round) + timing_.far(work.out) + spec_.mem_write_latency_cycles;
    }

    /// Driven at the VXM.
    [[nodiscard]] std::int64_t last_output(const AttentionRound& round) const {
        const Passes outputs = passes(round, plan_.kv.v_parts, plan_.kv.v_loads);
        return round.outputs_cycle + outputs.before_last + outputs.last + timing_.sums_latency() +
               timing_.output_latency(plan_.shape.output);
    }

    /// When scores of the next round may begin: the MXM has its next tile, and masks are read after outputs
    /// are written.
    [[nodiscard]] std::int64_t next_round(const AttentionRound& round) const {
        const Passes outputs = passes(round, plan_.kv.v_parts, plan_.kv.v_loads);
        const std::int64_t last_tile = round.outputs_cycle + outputs.before_last;
        const std::int64_t masks = last_output(round) + timing_.back_at_vxm(AttentionWork::extra) +
                                   timing_.alu() - timing_.sums_latency();
        return std::max(last_tile + timing_.pass(plan_.kv.k_loads, outputs.last / timing_.row_cycles() + 1),
                        masks);
    }

    void bounds() {
        const AttentionShape& shape = plan_.shape;
        const std::int64_t bytes =
            checked_multiply(shape.context * shape.kv.kv_heads * 2, shape.kv.qk_dim + shape.kv.v_dim);
        plan_.stream_bound_cycles = div_ceil(bytes, spec_.stream_bytes_per_cycle());
        std::int64_t tiles = 0;
        for (const AttentionRound& round : plan_.rounds) {
            for (const AttentionBlock& block : round.blocks) {
                tiles += round.unit_first == 0 ? block.queries * block.tiles : 0;
            }
        }
        const std::int64_t activations =
            checked_multiply(tiles, shape.heads * (plan_.kv.k_steps + plan_.kv.v_parts));
        plan_.mxm_bound_cycles = div_ceil(activations * timing_.row_cycles(), 2);
    }

    const ChipSpec& spec_;
    AttentionTiming timing_;
    AttentionPlan plan_;
};

} // namespace

AttentionPlan plan_attention(const ChipSpec& spec, const AttentionShape& shape) {
    return Planner(spec, shape).build();
}

} // namespace lpusim::chip
