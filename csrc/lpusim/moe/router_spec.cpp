#include "lpusim/moe/router_spec.h"

#include <array>
#include <string>

namespace lpusim::moe {

std::span<const Field<RouterSpec>> router_fields() {
    static constexpr std::array<Field<RouterSpec>, 5> fields{{
        {"experts", "experts", 1, 65536, "routed experts of the layer", &RouterSpec::experts},
        {"experts_per_token", "experts", 1, 65536, "experts chosen for each token",
         &RouterSpec::experts_per_token},
        {"groups", "groups", 1, 65536, "equal ranges of consecutive experts", &RouterSpec::groups},
        {"groups_kept", "groups", 1, 65536, "groups from which experts may be chosen",
         &RouterSpec::groups_kept},
        {"scale", "1", 1e-30, 1e30, "factor on every weight", &RouterSpec::scale},
    }};
    return fields;
}

void validate(const RouterSpec& spec) {
    validate_fields("RouterSpec", spec, router_fields());
    const auto text = [](std::int64_t value) { return std::to_string(value); };
    if (spec.experts % spec.groups != 0) {
        throw ValueError("RouterSpec: groups must divide experts, got groups = " + text(spec.groups) +
                         " and experts = " + text(spec.experts));
    }
    if (spec.groups_kept > spec.groups) {
        throw ValueError("RouterSpec: groups_kept must be at most groups = " + text(spec.groups) + ", got " +
                         text(spec.groups_kept));
    }
    const std::int64_t group_size = spec.experts / spec.groups;
    if (spec.experts_per_token > spec.groups_kept * group_size) {
        throw ValueError("RouterSpec: experts_per_token must be at most the " +
                         text(spec.groups_kept * group_size) + " experts of the kept groups, got " +
                         text(spec.experts_per_token));
    }
    if (spec.groups_kept < spec.groups && spec.group_score == GroupScore::top2_sum && group_size < 2) {
        throw ValueError("RouterSpec: group_score top2_sum needs at least 2 experts a group, got 1");
    }
}

} // namespace lpusim::moe
