#include "lpusim/moe/router/router_spec.h"

#include <array>
#include <string>

namespace lpusim::moe {
namespace {

void check_groups(const RouterSpec& spec) {
    if (spec.experts % spec.groups != 0) {
        throw ValueError("RouterSpec: groups must divide experts, got groups = " +
                         std::to_string(spec.groups) + " and experts = " + std::to_string(spec.experts));
    }
    if (spec.groups_kept > spec.groups) {
        throw ValueError("RouterSpec: groups_kept must be at most groups = " + std::to_string(spec.groups) +
                         ", got " + std::to_string(spec.groups_kept));
    }
    const std::int64_t group_size = spec.experts / spec.groups;
    if (spec.experts_per_token > spec.groups_kept * group_size) {
        throw ValueError("RouterSpec: experts_per_token must be at most the " +
                         std::to_string(spec.groups_kept * group_size) + " experts of the kept groups, got " +
                         std::to_string(spec.experts_per_token));
    }
    if (spec.groups_kept == spec.groups) {
        return;
    }
    if (spec.group_score == GroupScore::top2_sum && group_size < 2) {
        throw ValueError("RouterSpec: group_score top2_sum needs at least 2 experts a group, got 1");
    }
    if (!takes_bias(spec)) {
        throw ValueError(
            "RouterSpec: groups are dropped only where score is softmax, sigmoid or sqrt_softplus and "
            "selection is scores");
    }
}

void check_score(const RouterSpec& spec) {
    if (spec.score == Score::softmax_after_topk && !(spec.renormalise && spec.norm_power == 1.0)) {
        throw ValueError(
            "RouterSpec: score softmax_after_topk needs renormalise = true and norm_power = 1: its "
            "weights sum to 1 by themselves");
    }
    if (spec.score != Score::sparsemixer) {
        return;
    }
    if (spec.experts_per_token != 2) {
        throw ValueError("RouterSpec: experts_per_token must be 2 with score sparsemixer, got " +
                         std::to_string(spec.experts_per_token));
    }
    if (spec.renormalise || spec.score_type != ScoreType::fp64 || spec.selection != Selection::scores) {
        throw ValueError("RouterSpec: score sparsemixer needs renormalise = false, score_type fp64 and "
                         "selection scores");
    }
}

} // namespace

std::span<const Field<RouterSpec>> router_fields() {
    static constexpr std::array<Field<RouterSpec>, 9> fields{{
        {"experts", "experts", 1, 65536, "routed experts of the layer", &RouterSpec::experts},
        {"experts_per_token", "experts", 1, 65536, "experts chosen for each token",
         &RouterSpec::experts_per_token},
        {"groups", "groups", 1, 65536, "equal ranges of consecutive experts", &RouterSpec::groups},
        {"groups_kept", "groups", 1, 65536, "groups from which experts may be chosen",
         &RouterSpec::groups_kept},
        {"scale", "1", 1e-30, 1e30, "factor on every weight", &RouterSpec::scale},
        {"norm_power", "1", 0.125, 64, "q of the q-norm that renormalises", &RouterSpec::norm_power},
        {"mixer_epsilon", "1", 0, 1, "half the relative distance from the maximum that sparsemixer masks",
         &RouterSpec::mixer_epsilon},
        {"shared_experts", "experts", 0, 65536, "experts that every token uses besides",
         &RouterSpec::shared_experts},
        {"latent_width", "elements", 0, 1 << 24, "width of what is dispatched; 0 is the hidden width",
         &RouterSpec::latent_width},
    }};
    return fields;
}

bool takes_bias(const RouterSpec& spec) {
    return spec.selection == Selection::scores &&
           (spec.score == Score::softmax || spec.score == Score::sigmoid ||
            spec.score == Score::sqrt_softplus);
}

void validate(const RouterSpec& spec) {
    validate_fields("RouterSpec", spec, router_fields());
    check_groups(spec);
    check_score(spec);
}

} // namespace lpusim::moe
