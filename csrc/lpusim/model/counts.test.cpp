#include "lpusim/model/counts.h"

#include <doctest/doctest.h>

#include "lpusim/base/errors.h"

namespace lpusim::model {
namespace {

ModelSpec small_moe() {
    ModelSpec spec;
    spec.layers = 3;
    spec.hidden = 8;
    spec.vocab = 10;
    spec.heads = 2;
    spec.kv_heads = 1;
    spec.head_dim = spec.value_head_dim = 4;
    spec.dense_intermediate = 16;
    spec.experts = 4;
    spec.experts_per_token = 2;
    spec.expert_intermediate = 5;
    spec.moe_layers = {1, 2};
    return spec;
}

Load load_as(const ModelSpec& spec, const char* weights, const char* kv) {
    return load(spec, parse_format(weights), parse_format(kv));
}

} // namespace

TEST_CASE("sizes of formats are exact and rounded up once") {
    CHECK(size_bytes(parse_format("fp32"), 3) == 12);
    CHECK(size_bytes(parse_format("bf16"), 3) == 6);
    CHECK(size_bytes(parse_format("int8"), 3) == 3);
    CHECK(size_bytes(parse_format("fp4"), 32) == 17); // 16 bytes of elements, one of scale.
    CHECK(size_bytes(parse_format("fp4"), 33) == 18);
    CHECK(size_bytes(parse_format("fp8"), 0) == 0);
    CHECK_THROWS_WITH_AS((void)parse_format("fp7"),
                         "unknown number format 'fp7'; known: fp32, fp16, bf16, fp8, int8, fp4", ValueError);
}

TEST_CASE("a 16-bit load is two bytes a parameter and two FLOPs a matmul weight") {
    const Load l = load_as(small_moe(), "bf16", "bf16");
    // Dense layer 592, MoE layers 208 + 480 + 32 each, embedding and head 80 each, final norm 8.
    CHECK(l.weight_bytes == 2 * (592 + 2 * 720 + 168));
    CHECK(l.expert_bytes == 2 * 3 * 40);
    CHECK(l.always_read_bytes == l.weight_bytes - 2 * 4 * l.expert_bytes - 2 * 80);
    // Attention 192 a layer, dense FFN 384, two experts of 120 and a router of 32, head 80.
    CHECK(l.flops_per_token == 2 * (3 * 192 + 384 + 2 * (240 + 32) + 80));
    CHECK(l.attention_flops_per_context_token == 3 * 2 * 2 * (4 + 4));
    CHECK(l.kv_bytes_per_token == 3 * 8 * 2);
    CHECK(l.moe_layers == 2);
    CHECK(l.experts == 4);
    CHECK(l.experts_per_token == 2);
    CHECK(l.layers == 3);
    CHECK(l.hidden == 8);
}

TEST_CASE("eight-bit weights leave embedding, head, norms and router at two bytes") {
    const Load l = load_as(small_moe(), "fp8", "fp8");
    const std::int64_t wide = 160 + 8 + 3 * 16 + 2 * 32;
    CHECK(l.weight_bytes == (592 + 2 * 720 + 168) + wide);
    CHECK(l.expert_bytes == 3 * 40);
    CHECK(l.kv_bytes_per_token == 3 * 8);
}

TEST_CASE("biases of eight-bit matrices stay at two bytes") {
    const Load plain = load_as(small_moe(), "fp8", "fp8");
    ModelSpec spec = small_moe();
    spec.attention_bias = 1;
    // Query 8, key 4, value 4, output 8: 24 biases in each of 3 layers.
    CHECK(load_as(spec, "fp8", "fp8").weight_bytes == plain.weight_bytes + 2 * 3 * 24);
}

TEST_CASE("a tied head is stored once and read every step") {
    ModelSpec spec = small_moe();
    const Load untied = load_as(spec, "bf16", "bf16");
    spec.tied_embeddings = 1;
    const Load tied = load_as(spec, "bf16", "bf16");
    CHECK(tied.weight_bytes == untied.weight_bytes - 2 * 80);
    CHECK(tied.always_read_bytes == untied.always_read_bytes);
    CHECK(tied.flops_per_token == untied.flops_per_token);
}

TEST_CASE("a dense model has no expert bytes") {
    ModelSpec spec = small_moe();
    spec.moe_layers.clear();
    const Load l = load_as(spec, "fp8", "fp16");
    CHECK(l.expert_bytes == 0);
    CHECK(l.experts == 0);
    CHECK(l.moe_layers == 0);
}

TEST_CASE("state grows with context and stops at the window") {
    ModelSpec spec = small_moe();
    spec.window_tokens = 4;
    spec.window_layers = {0};
    const Architecture a = operators(spec);
    const NumberFormat fp16 = parse_format("fp16");
    CHECK(state_bytes(a, 0, fp16) == 0);
    CHECK(state_bytes(a, 4, fp16) == 4 * 3 * 16);
    CHECK(state_bytes(a, 5, fp16) == 5 * 2 * 16 + 4 * 16);
    CHECK_THROWS_AS((void)state_bytes(a, -1, fp16), ValueError);

    const Load l = load_as(spec, "fp16", "fp16");
    CHECK(l.kv_bytes_per_token == 2 * 16);
    CHECK(l.window_kv_bytes_per_token == 16);
    CHECK(l.window_tokens == 4);
    CHECK(l.attention_flops_per_context_token == 2 * 2 * 2 * (4 + 4));
}

} // namespace lpusim::model
