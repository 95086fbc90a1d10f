#include "lpusim/chip/kernels/kernels.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/kernels/matmul_test.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

std::vector<std::int8_t> numbers(std::int64_t count, std::uint32_t seed) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) {
        seed = seed * 1664525U + 1013904223U;
        value = static_cast<std::int8_t>(seed >> 24U);
    }
    return values;
}

const std::uint8_t* bytes(const void* data) {
    return static_cast<const std::uint8_t*>(data);
}

} // namespace

TEST_CASE("a sum of vectors takes one cycle a vector beyond its latency") {
    const ChipSpec spec = small_matmul_spec();
    const std::int64_t vectors = 100; // two sets of at most 64
    const Program program = pointwise_add(spec, vectors);
    const auto a = numbers(vectors * 8, 3);
    const auto b = numbers(vectors * 8, 4);
    Memory memory(spec);
    store_tensor(find_tensor(program, "a"), spec, memory, bytes(a.data()), vectors * 8);
    store_tensor(find_tensor(program, "b"), spec, memory, bytes(b.data()), vectors * 8);
    const Run done = tick(program, spec, std::move(memory), true);
    REQUIRE(!done.error);
    std::vector<std::int8_t> c(a.size());
    fetch_tensor(find_tensor(program, "c"), spec, done.memory, reinterpret_cast<std::uint8_t*>(c.data()),
                 vectors * 8);
    for (std::size_t i = 0; i < c.size(); ++i) {
        CHECK(c[i] == std::clamp(a[i] + b[i], -128, 127));
    }
    CHECK(done.cycles < vectors + 16);
}

TEST_CASE("a piece may lie in other lanes; the rest of its vectors is zero") {
    const ChipSpec spec = small_matmul_spec(); // 8 lanes
    Tensor tensor{"a", Tensor::Role::Input, DType::Int8, 2, 3, false, 3, {}};
    TensorPiece piece{Hemisphere::West, 4, 0, 0, 0, {{2, 1, 0, 0, 1}}};
    piece.lane = 5;
    tensor.pieces = {piece};
    const std::array<std::uint8_t, 6> matrix{1, 2, 3, 4, 5, 6};
    Memory memory(spec);
    memory.write(4, 1)[0] = 9;
    store_tensor(tensor, spec, memory, matrix.data(), 6);
    const std::array<std::uint8_t, 8> second{0, 0, 0, 0, 0, 4, 5, 6};
    CHECK(std::equal(second.begin(), second.end(), memory.read(4, 1)));
    std::array<std::uint8_t, 6> back{};
    fetch_tensor(tensor, spec, memory, back.data(), 6);
    CHECK(back == matrix);
    Program program;
    program.tensors = {tensor};
    CHECK_NOTHROW(validate(program, spec)); // Lanes 5 to 7 are the last three.
    program.tensors[0].pieces[0].lane = 6;
    CHECK_THROWS_WITH_AS(validate(program, spec), "tensor a: a piece of 3 lanes starts at lane 0 to 5, got 6",
                         ValueError);
}

TEST_CASE("a tensor of another size is refused, and an unknown name lists the known ones") {
    const ChipSpec spec = small_matmul_spec();
    const Program program = pointwise_add(spec, 2);
    Memory memory(spec);
    const std::array<std::uint8_t, 16> data{};
    CHECK_NOTHROW(store_tensor(program.tensors[0], spec, memory, data.data(), 16));
    CHECK_THROWS_AS(store_tensor(program.tensors[0], spec, memory, data.data(), 15), ValueError);
    CHECK_THROWS_WITH((void)find_tensor(program, "d"), "the program has no tensor named 'd'; it has a, b, c");
}
