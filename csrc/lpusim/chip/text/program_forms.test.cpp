#include <doctest/doctest.h>

#include "lpusim/chip/fuzz/arbitrary_program.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/kernels/attention.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/kernels_matmul.h"
#include "lpusim/chip/kernels/kernels_model.h"
#include "lpusim/chip/kernels/kernels_rows.h"
#include "lpusim/chip/kernels/kernels_vector.h"
#include "lpusim/chip/kernels/kv_append.h"
#include "lpusim/chip/text/program_binary.h"
#include "lpusim/chip/text/text.h"

// A program, its text and its bytes are one thing in three forms.

using namespace lpusim;
using namespace lpusim::chip;

namespace {

/// The text is canonical, too: printing it again changes nothing.
void check_forms(const Program& program) {
    const std::string text = to_text(program);
    const Program read = parse(text);
    CHECK(read == program);
    CHECK(to_text(read) == text);
    CHECK(decode(encode(program)) == program);
}

} // namespace

TEST_CASE("arbitrary programs survive as text and as bytes") {
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        CAPTURE(seed);
        check_forms(arbitrary_program(seed));
    }
}

TEST_CASE("absurd programs, which no text can spell, survive as bytes") {
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        const Program program = absurd_program(seed);
        CAPTURE(seed);
        CHECK(decode(encode(program)) == program);
    }
}

TEST_CASE("random legal and mutated programs survive as text and as bytes") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const ChipSpec spec = random_spec(seed);
        const Program program = random_legal_program(spec, seed, 1 + static_cast<std::int64_t>(seed % 2));
        CAPTURE(seed);
        check_forms(program);
        for (std::uint64_t change = 0; change < 4; ++change) {
            check_forms(mutated(program, spec, 100 * seed + change));
        }
    }
}

TEST_CASE("the builders' programs survive as text and as bytes") {
    const ChipSpec spec;
    check_forms(pointwise_add(spec, 1000));
    for (const DType dtype : {DType::Int8, DType::Fp8, DType::Fp16}) {
        for (const std::int64_t m : {1, 100, 2000}) {
            check_forms(gemm(spec, m, 700, 900, dtype));
        }
    }
    check_forms(expert_gemm(spec, {.experts = 4, .slots = 6, .rows = 2, .n = 320, .k = 320}));
    check_forms(gemm_resident(spec, 64, 320, 320, DType::Int8));
    check_forms(embedding(spec, 20, 500, 1000, DType::Fp16));
    check_forms(rope(spec, 20, 4, 64, RopePairing::Halves));
    check_forms(top_k_gate(spec, 400, 16, 2, GateScore::Softmax));
    check_forms(pointwise(spec, 20, 1000, DType::Fp32,
                          {{VxmOp::Mul, {"b"}, DType::Fp32}, {VxmOp::Relu, {}, DType::Fp32}}));
    check_forms(gemv_chain(spec, {320, 640, 320}, {0.125F, 0.1F}));
    const KvShape cache{.capacity = 400, .kv_heads = 2, .qk_dim = 64, .v_dim = 64};
    check_forms(attention(spec, {3, 317, 4, cache, true, {}, DType::Fp16}));
    check_forms(kv_append(spec, {cache, 0, 1}));
    for (const DType dtype : {DType::Fp16, DType::Fp32}) {
        check_forms(rmsnorm(spec, 20, 1000, dtype, 1e-6F));
        check_forms(layernorm(spec, 20, 1000, dtype, 1e-6F));
        check_forms(softmax(spec, 20, 1000, dtype));
        for (const Activation kind : {Activation::Silu, Activation::Swiglu, Activation::Gelu}) {
            check_forms(activation(spec, kind, 20, 1000, dtype));
        }
    }
}
