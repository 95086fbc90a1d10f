#include "lpusim/net/move_values.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <map>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/net/random_network.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

/// Small vectors, so that a few numbers make several.
constexpr LinkSpec kLink{.vector_bytes = 16, .vector_cycles = 10, .hop_cycles = 100};

template <class In, class Out = In>
[[nodiscard]] std::vector<std::vector<Out>>
run(const Topology& topology, const Timetable& timetable, Carried carried,
    const std::map<std::int32_t, std::vector<In>>& given, std::int64_t threads = 1) {
    const std::size_t count = given.begin()->second.size();
    std::vector<std::vector<Out>> kept(static_cast<std::size_t>(topology.chip_count()),
                                       std::vector<Out>(count));
    std::vector<ChipInput> inputs;
    for (const auto& [chip, values] : given)
        inputs.push_back({chip, std::as_bytes(std::span(values))});
    std::vector<ChipOutput> outputs;
    for (std::size_t chip = 0; chip < kept.size(); ++chip)
        outputs.push_back({static_cast<std::int32_t>(chip), std::as_writable_bytes(std::span(kept[chip]))});
    move_values(topology, timetable, carried, inputs, outputs, threads);
    return kept;
}

/// Chips 1, 2 and 3 each add what they hold to chip 0, one vector, at the cycles given.
[[nodiscard]] Timetable three_addends(std::int64_t first, std::int64_t second, std::int64_t third) {
    Timetable timetable;
    const std::vector<std::int64_t> starts{first, second, third};
    const Topology node = make_node(4, kLink);
    for (std::int64_t chip = 1; chip <= 3; ++chip) {
        timetable.transfers.push_back({.source = chip, .target = 0, .vector_count = 1, .adds = 1});
        const Bundle& bundle = node.bundles_from(static_cast<std::int32_t>(chip)).front();
        timetable.runs.push_back({.transfer = chip - 1,
                                  .link = bundle.first_link,
                                  .vector_count = 1,
                                  .start_cycle = starts[static_cast<std::size_t>(chip - 1)]});
    }
    return timetable;
}

[[nodiscard]] std::vector<std::uint16_t> fp16(std::vector<float> values) {
    std::vector<std::uint16_t> bits;
    for (const float value : values)
        bits.push_back(fp16_from_fp32(value));
    return bits;
}

} // namespace

TEST_CASE("a chip adds its operands in the order of the plan, whenever they come") {
    const Topology node = make_node(4, kLink);
    // fp32: (1 + 2^24) + 1 + -2^24 loses both ones, one each time: 2^24 + 1 rounds to 2^24.
    const std::map<std::int32_t, std::vector<float>> given{
        {0, {1, 1, 1}}, {1, {0x1p24F, 1, 1}}, {2, {1, 0x1p24F, 1}}, {3, {-0x1p24F, -0x1p24F, 1}}};
    for (const auto& timetable :
         {three_addends(0, 100, 200), three_addends(200, 100, 0), three_addends(50, 50, 50)}) {
        const auto kept = run<float>(node, timetable, Carried::fp32, given);
        CHECK(kept[0] == std::vector<float>{0, 2, 4}); // (1 + 1) + 2^24 is exact, and so is what is left.
        CHECK(kept[1] == given.at(1));
    }
}

TEST_CASE("what has arrived by the cycle of a slot goes along, what has not comes later") {
    // Chip 1 adds to chip 0, which sends its value to chip 2 in the cycle of the arrival, or one before.
    const Topology node = make_node(3, kLink);
    Timetable timetable;
    timetable.transfers = {{.source = 1, .target = 0, .vector_count = 1, .adds = 1},
                           {.source = 0, .target = 2, .vector_count = 1}};
    timetable.runs = {{.transfer = 0, .link = 2, .vector_count = 1, .start_cycle = 7},
                      {.transfer = 1, .link = 1, .vector_count = 1, .start_cycle = 107}};
    const std::map<std::int32_t, std::vector<std::int32_t>> given{{0, {1, 2, 3, 4}}, {1, {10, 20, 30, 40}}};
    CHECK(run<std::int32_t>(node, timetable, Carried::int32, given)[2] == std::vector{11, 22, 33, 44});
    timetable.runs[1].start_cycle = 106;
    const auto early = run<std::int32_t>(node, timetable, Carried::int32, given);
    CHECK(early[2] == std::vector{1, 2, 3, 4});
    CHECK(early[0] == std::vector{11, 22, 33, 44});
    CHECK(early[1] == given.at(1));
}

TEST_CASE("a chip that holds nothing sends zeros, and takes its first operand as its value") {
    const Topology node = make_node(4, kLink);
    const std::map<std::int32_t, std::vector<float>> given{{2, {-0.0F, 5, 7}}};
    const auto kept = run<float>(node, three_addends(0, 0, 0), Carried::fp32, given);
    // Zeros of chip 1, then chip 2's, then zeros of chip 3: 0 + -0 is 0.
    CHECK(kept[0] == std::vector<float>{0, 5, 7});
    CHECK_FALSE(std::signbit(kept[0][0]));
    CHECK(kept[3] == std::vector<float>{0, 0, 0});
    Timetable alone = three_addends(0, 0, 0);
    alone.transfers = {alone.transfers[1]};
    alone.runs = {alone.runs[1]};
    alone.runs[0].transfer = 0;
    CHECK(std::signbit(run<float>(node, alone, Carried::fp32, given)[0][0])); // Nothing was added to -0.
}

TEST_CASE("fp16 rounds once a chip, carried as fp32 once at each addition, carried wide once in all") {
    const Topology node = make_node(4, kLink);
    // 2048 + 1 lies between 2048 and 2050 in fp16. One chip adds 2048 + 1 + 1 + 1 in fp32: 2051, tie to 2052.
    const std::map<std::int32_t, std::vector<std::uint16_t>> given{
        {0, fp16({2048})}, {1, fp16({1})}, {2, fp16({1})}, {3, fp16({1})}};
    CHECK(run<std::uint16_t>(node, three_addends(0, 0, 0), Carried::fp16, given)[0] == fp16({2052}));
    const auto wide = run<std::uint16_t, float>(node, three_addends(0, 0, 0), Carried::wide, given);
    CHECK(wide[0] == std::vector<float>{2051});
    CHECK(wide[1] == std::vector<float>{1});
    // 65504 + 2^-24 twice is exact in 40 bits, rounded to fp32's 24: the small ones are lost, but not
    // 65504's.
    const std::map<std::int32_t, std::vector<std::uint16_t>> far{
        {0, fp16({65504})}, {1, fp16({0x1p-24F})}, {2, fp16({-65504})}, {3, fp16({0x1p-24F})}};
    CHECK(run<std::uint16_t, float>(node, three_addends(0, 0, 0), Carried::wide, far)[0] ==
          std::vector<float>{0x1p-23F});
}

TEST_CASE("NaN out of an addition is canonical, one that is only moved is kept") {
    const Topology node = make_node(4, kLink);
    const float odd_nan = std::bit_cast<float>(0xffc01234U);
    const std::map<std::int32_t, std::vector<float>> given{{0, {1}}, {1, {odd_nan}}, {2, {1}}, {3, {1}}};
    const auto kept = run<float>(node, three_addends(0, 0, 0), Carried::fp32, given);
    CHECK(std::bit_cast<std::uint32_t>(kept[0][0]) == kFp32Nan);
    CHECK(std::bit_cast<std::uint32_t>(kept[1][0]) == 0xffc01234U);
}

TEST_CASE("an all-reduce leaves the sum everywhere, to the bit for any number of threads") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        test::Dice dice(seed);
        const Topology topology = test::random_topology(dice, 7);
        const std::int64_t elements = dice.between(1, 700);
        const Algorithm algorithm = dice.one_in(2) ? Algorithm::tree : Algorithm::ring;
        const Timetable timetable =
            all_reduce(topology, {}, elements * 4, {}, {.algorithm = algorithm, .record = true}).timetable;
        std::map<std::int32_t, std::vector<std::int32_t>> whole;
        std::map<std::int32_t, std::vector<float>> real;
        std::vector<std::int32_t> total(static_cast<std::size_t>(elements), 0);
        for (std::int32_t chip = 0; chip < topology.chip_count(); ++chip) {
            for (std::int64_t i = 0; i < elements; ++i) {
                const auto value = static_cast<std::int32_t>(dice.between(-1'000'000, 1'000'000));
                whole[chip].push_back(value);
                real[chip].push_back(static_cast<float>(value) * 1e-3F);
                total[static_cast<std::size_t>(i)] += value;
            }
        }
        CAPTURE(seed);
        for (const auto& sum : run<std::int32_t>(topology, timetable, Carried::int32, whole))
            REQUIRE(sum == total);
        const auto once = run<float>(topology, timetable, Carried::fp32, real, 1);
        for (const std::int64_t threads : {2, 3, 7})
            REQUIRE(run<float>(topology, timetable, Carried::fp32, real, threads) == once);
        // All chips end with the same bits, as each shard is summed on one chip.
        for (const auto& sum : once)
            CHECK(sum == once.front());
    }
}

TEST_CASE("a broadcast moves int8 as it is") {
    const Topology ring = make_ring(5, kLink);
    std::vector<std::int8_t> payload;
    for (int i = 0; i < 100; ++i)
        payload.push_back(static_cast<std::int8_t>(i - 50));
    const Timetable timetable = broadcast(ring, 2, {}, 100, {.record = true}).timetable;
    for (const auto& kept : run<std::int8_t>(ring, timetable, Carried::int8, {{2, payload}}))
        CHECK(kept == payload);
}

TEST_CASE("payloads that do not fit are refused") {
    const Topology node = make_node(4, kLink);
    const Timetable timetable = three_addends(0, 0, 0);
    CHECK_THROWS_WITH_AS((void)run<std::int8_t>(node, timetable, Carried::int8, {{0, {1}}}),
                         "transfer 0 adds, but int8 elements are only moved; carry int32 to add them exactly",
                         ValueError);
    CHECK_THROWS_WITH_AS((void)run<float>(node, timetable, Carried::fp32, {{0, {1, 2}}, {3, {1}}}),
                         "the input of chip 3 has 1 elements, but the first payload has 2", ValueError);
    CHECK_THROWS_AS((void)run<float>(node, timetable, Carried::fp32, {{4, {1}}}), ValueError);
    const Topology odd = make_node(4, {.vector_bytes = 18, .vector_cycles = 10, .hop_cycles = 100});
    CHECK_THROWS_WITH_AS((void)run<float>(odd, timetable, Carried::fp32, {{0, {1}}}),
                         "a vector of 18 bytes is no whole number of fp32 elements of 4 bytes", ValueError);
    CHECK(carried_named("fp16") == Carried::fp16);
    CHECK_THROWS_AS((void)carried_named("bf16"), ValueError);
}

} // namespace lpusim::net
