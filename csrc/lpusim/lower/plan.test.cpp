#include "lpusim/lower/plan.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <numeric>

#include "lpusim/net/collective.h"
#include "lpusim/net/wiring.h"

using namespace lpusim;
using namespace lpusim::lower;

namespace {

model::ModelSpec dense_model() {
    model::ModelSpec spec;
    spec.layers = 6;
    spec.hidden = 640;
    spec.vocab = 3200;
    spec.heads = 8;
    spec.kv_heads = 2;
    spec.head_dim = spec.value_head_dim = 64;
    spec.dense_intermediate = 1280;
    return spec;
}

model::ModelSpec expert_model() {
    model::ModelSpec spec = dense_model();
    spec.experts = 16;
    spec.experts_per_token = 4;
    spec.expert_intermediate = 320;
    spec.shared_intermediate = 320;
    spec.moe_layers = {1, 2, 3, 4, 5};
    return spec;
}

std::shared_ptr<Fabric> fabric(std::int64_t chips) {
    return std::make_shared<Fabric>(
        std::make_shared<const net::Topology>(net::make_quadfour(chips, net::LinkSpec{})));
}

Machine machine(std::int64_t chips, std::int64_t capacity_bytes = 12'000'000) {
    return {chip::ChipSpec{}, fabric(chips), capacity_bytes};
}

Formats int8_weights() {
    return {model::parse_format("int8"), model::parse_format("fp16")};
}

Blocks blocks(const model::ModelSpec& spec) {
    return Blocks(model::operators(spec));
}

Plan plan(const model::ModelSpec& spec, std::int64_t chips, const Partition& partition,
          moe::Strategy strategy = moe::Strategy::sliced) {
    return Plan(machine(chips), blocks(spec), int8_weights(), strategy, LowerSpec{}, partition,
                Demand{1, 1024});
}

} // namespace

TEST_CASE("the timeline has no gaps and ends at the step's latency, dense and with experts") {
    for (const model::ModelSpec& spec : {dense_model(), expert_model()}) {
        for (const std::int64_t tokens : {1, 16}) {
            Plan laid_out = plan(spec, 32, {8, 4});
            std::int64_t now = 0;
            CategoryCycles total;
            for (const StepSlice& slice : laid_out.timeline(tokens, 3)) {
                CHECK(slice.start_cycle == now);
                CHECK(slice.cycles > 0);
                now += slice.cycles;
                total[slice.category] += slice.cycles;
            }
            const StepCost& step = laid_out.step(tokens, 3);
            CHECK(now == step.latency.total());
            CHECK(total.cycles == step.latency.cycles);
        }
    }
}

TEST_CASE("a longer context never makes a step shorter") {
    Plan laid_out = plan(expert_model(), 16, {8, 2});
    std::int64_t previous = 0;
    for (std::int64_t pages = 1; pages < 20; ++pages) {
        const StepCost& step = laid_out.step(1, pages);
        CHECK(step.latency.total() >= previous);
        CHECK(step.occupancy_cycles <= step.latency.total());
        previous = step.latency.total();
    }
}

TEST_CASE("one stage is occupied for its whole latency, four stages for less") {
    Plan one = plan(dense_model(), 8, {8, 1});
    CHECK(one.step(1, 1).occupancy_cycles == one.step(1, 1).latency.total());
    Plan four = plan(dense_model(), 32, {8, 4});
    CHECK(four.step(1, 1).occupancy_cycles < four.step(1, 1).latency.total() / 2);
}

TEST_CASE("whole experts cost a chip more than slices of them, and both reserve for any routing") {
    Plan sliced = plan(expert_model(), 8, {8, 1}, moe::Strategy::sliced);
    Plan whole = plan(expert_model(), 8, {8, 1}, moe::Strategy::worst_case);
    const auto experts = static_cast<std::size_t>(Category::experts);
    CHECK(whole.step(16, 1).latency.cycles[experts] > sliced.step(16, 1).latency.cycles[experts]);
}

TEST_CASE("a prompt of one chunk is one item; a second chunk follows at the first one's distance") {
    Plan laid_out = plan(dense_model(), 32, {8, 4});
    const std::int64_t chunk = laid_out.chunk_tokens();
    const StepCost& item = laid_out.step(chunk, 1);
    CHECK(laid_out.prefill_cycles(1) == item.latency.total());
    CHECK(laid_out.prefill_cycles(chunk) == item.latency.total());
    CHECK(laid_out.prefill_cycles(chunk + 1) == item.occupancy_cycles + item.latency.total());
    CHECK_THROWS_AS((void)laid_out.prefill_cycles(0), ValueError);
}

TEST_CASE("a prompt item is as large as its share of a stage's time allows") {
    Plan laid_out = plan(expert_model(), 32, {8, 4});
    const std::int64_t chunk = laid_out.chunk_tokens();
    const std::int64_t decode = laid_out.step(1, 1).occupancy_cycles;
    CHECK(laid_out.step(chunk, 1).occupancy_cycles <= 2 * decode);
    const bool is_largest = 2 * chunk > laid_out.spec().chunk_tokens_max ||
                            laid_out.step(2 * chunk, 1).occupancy_cycles > 2 * decode;
    CHECK(is_largest);
}

TEST_CASE("the search returns the best of the partitions it may choose, by trying them all") {
    const Demand demand{4, 2048};
    const Machine small = machine(32);
    Plan found = Plan::search(small, blocks(expert_model()), int8_weights(), moe::Strategy::sliced,
                              LowerSpec{}, demand);
    const auto token_cycles = [&](Plan& candidate) {
        const StepCost& step = candidate.step(1, candidate.pages(demand.context_tokens / 2));
        return std::max(step.latency.total(), demand.sequences * step.occupancy_cycles);
    };
    std::int64_t best = token_cycles(found);
    std::int64_t tried = 0;
    for (const std::int64_t chips : {1, 2, 4, 8, 16, 24, 32}) {
        for (std::int64_t stages = 1; stages <= std::min<std::int64_t>(8, 32 / chips); ++stages) {
            try {
                Plan candidate(small, blocks(expert_model()), int8_weights(), moe::Strategy::sliced,
                               LowerSpec{}, {chips, stages}, demand);
                ++tried;
                CHECK(token_cycles(candidate) >= best);
            } catch (const CapacityError&) {
                continue;
            }
        }
    }
    CHECK(tried > 5);
}

TEST_CASE("what does not fit says what is short, and the machine it names does fit") {
    const Demand demand{2, 4096};
    const Blocks all = blocks(dense_model());
    try {
        (void)Plan::search(machine(1, 2'000'000), all, int8_weights(), moe::Strategy::sliced, LowerSpec{},
                           demand);
        FAIL("a model of 15 MB cannot fit one chip of 2 MB");
    } catch (const CapacityError& error) {
        CHECK(error.required_bytes > error.available_bytes);
        REQUIRE(error.smallest_chip_count > 1);
        const std::int64_t enough = error.smallest_chip_count;
        CHECK_NOTHROW((void)Plan::search(machine(enough, 2'000'000), all, int8_weights(),
                                         moe::Strategy::sliced, LowerSpec{}, demand));
        CHECK(smallest_chip_count(all,
                                  Layout{1, model::parse_format("int8"), model::parse_format("fp16"), {}},
                                  LowerSpec{}, 2'000'000, demand, 64) == enough);
    }
    CHECK_THROWS_AS(plan(dense_model(), 8, {16, 1}), ValueError);
    CHECK_THROWS_AS(plan(dense_model(), 8, {1, 9}), ValueError);
}

TEST_CASE("every stage stays inside SRAM with all its pages, and one more page would not fit") {
    const LowerSpec spec;
    const Layout layout{8, model::parse_format("int8"), model::parse_format("fp16"), moe::Strategy::sliced};
    for (const Stage& stage : allocate(blocks(expert_model()), layout, spec, 4'000'000, 3, Demand{1, 1024})) {
        const std::int64_t usable = usable_bytes(4'000'000, spec);
        REQUIRE(stage.page_bytes > 0);
        CHECK(stage.weight_bytes + stage.page_count * stage.page_bytes <= usable);
        CHECK(stage.weight_bytes + (stage.page_count + 1) * stage.page_bytes > usable);
    }
}

TEST_CASE("shards of one chip are the whole model, and shards of many hold at least an equal part") {
    const Blocks all = blocks(expert_model());
    for (const moe::Strategy strategy : {moe::Strategy::sliced, moe::Strategy::worst_case}) {
        Layout layout{1, model::parse_format("int8"), model::parse_format("fp16"), strategy};
        for (std::int64_t block = 0; block < all.count(); ++block) {
            for (const model::Operator& op : all.operators(block)) {
                layout.tensor_chips = 1;
                const std::int64_t whole = shard_parameters(op, layout);
                CHECK(whole == op.parameters);
                layout.tensor_chips = 8;
                CHECK(shard_parameters(op, layout) * 8 >= whole);
                CHECK(shard_parameters(op, layout) <= whole);
            }
        }
    }
}

TEST_CASE("groups that the topology's symmetry maps onto each other share the first one's timetable") {
    const auto links = fabric(136);
    const net::Topology& topology = links->topology();
    const CollectiveCall call{CollectiveKind::all_reduce, 16, 16384};
    std::vector<std::int32_t> chips(16);
    for (std::int32_t start = 8; start + 32 <= 136; start += 8) {
        CHECK(links->cycles({start, 16}, call, {}) == links->cycles({0, 16}, call, {}));
        std::iota(chips.begin(), chips.end(), start);
        // Scheduled on its own it is about as long: ties between equal routes fall by chip id, which wraps.
        const auto own = static_cast<double>(net::all_reduce(topology, chips, call.size_bytes).cycles);
        CHECK(own == doctest::Approx(static_cast<double>(links->cycles({0, 16}, call, {}))).epsilon(0.05));
    }
}

TEST_CASE("a collective of one chip or of nothing costs nothing, and the last group has nobody to shift to") {
    const auto links = fabric(32);
    CHECK(links->cycles({0, 8}, {CollectiveKind::all_reduce, 1, 4096}, {}) == 0);
    CHECK(links->cycles({0, 8}, {CollectiveKind::all_gather, 8, 0}, {}) == 0);
    CHECK(links->cycles({24, 8}, {CollectiveKind::shift, 8, 4096}, {}) == 0);
    CHECK(links->cycles({16, 8}, {CollectiveKind::shift, 8, 4096}, {}) > 0);
}

TEST_CASE("plans that share a fabric cost what they would alone, whatever else their chips differ in") {
    Machine slow = machine(32), quick = machine(32);
    slow.chip.vxm_alu_latency_cycles = 8; // A slower sum: other collectives.
    const auto shared = fabric(32);
    for (const Machine& alone : {slow, quick, slow}) {
        Machine together = alone;
        together.fabric = shared;
        const auto latency = [](const Machine& on) {
            return Plan(on, blocks(expert_model()), int8_weights(), moe::Strategy::sliced, LowerSpec{},
                        {8, 4}, Demand{1, 1024})
                .step(1, 1)
                .latency.cycles;
        };
        CHECK(latency(together) == latency(alone));
    }
}

TEST_CASE("machines that share what wiring costs charge what each would alone") {
    const auto costs = std::make_shared<WiringCosts>(net::LinkSpec{});
    constexpr net::ReduceCost reduce{.first_cycles = 40, .cycles_per_vector = 3};
    // Groups of parts of a tray's worth, over tray and rack edges, on machines of one rack and of three.
    for (const std::int64_t chips : {256, 640}) {
        const auto topology =
            std::make_shared<const net::Topology>(net::make_lpx(chips, net::LinkSpec{}, net::LpxWiring{}));
        Fabric together(topology, costs);
        for (const std::int32_t size : {12, 56}) {
            for (std::int32_t first = 0; first + size <= chips; first += size) {
                Fabric alone(topology);
                for (const CollectiveKind kind :
                     {CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::shift}) {
                    const CollectiveCall call{kind, size, 7168};
                    CHECK(together.cycles({first, size}, call, reduce) ==
                          alone.cycles({first, size}, call, reduce));
                }
            }
        }
    }
}

TEST_CASE("what wiring costs belongs to one kind of link") {
    net::LinkSpec slow;
    slow.hop_cycles += 1;
    const auto topology = std::make_shared<const net::Topology>(net::make_node(8, net::LinkSpec{}));
    CHECK_THROWS_WITH_AS(Fabric(topology, std::make_shared<WiringCosts>(slow)),
                         "the costs are of other links than those of node-8", ValueError);
}
