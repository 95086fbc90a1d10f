#include "lpusim/model/operators.h"

#include <doctest/doctest.h>

#include "lpusim/base/errors.h"

namespace lpusim::model {
namespace {

/// hidden 8, 2 query heads and 1 KV head of 4, FFN 16, vocab 10, untied.
ModelSpec small_dense() {
    ModelSpec spec;
    spec.layers = 3;
    spec.hidden = 8;
    spec.vocab = 10;
    spec.heads = 2;
    spec.kv_heads = 1;
    spec.head_dim = spec.value_head_dim = 4;
    spec.dense_intermediate = 16;
    return spec;
}

ModelSpec small_moe() {
    ModelSpec spec = small_dense();
    spec.experts = 4;
    spec.experts_per_token = 2;
    spec.expert_intermediate = 5;
    spec.shared_intermediate = 6;
    spec.moe_layers = {1, 2};
    return spec;
}

} // namespace

TEST_CASE("parameters of a small dense model add up by hand") {
    const Architecture a = operators(small_dense());
    // A layer: q 64 + k 32 + v 32 + o 64 + gate, up, down 3 x 128 + two norms 16 = 592.
    // Embedding and head 80 each, final norm 8.
    CHECK(total_parameters(a) == 3 * 592 + 2 * 80 + 8);
    CHECK(active_parameters(a) == total_parameters(a));
    REQUIRE(a.groups.size() == 1);
    CHECK(a.groups[0].count == 3);
    CHECK(a.groups[0].ffn == FfnKind::dense);
}

TEST_CASE("a tied head is one operator and no parameters") {
    ModelSpec spec = small_dense();
    spec.tied_embeddings = 1;
    const Architecture a = operators(spec);
    CHECK(total_parameters(a) == 3 * 592 + 80 + 8);
    CHECK(macs_per_token(a.epilogue.back()) == 80);
}

TEST_CASE("biases and head norms are counted") {
    ModelSpec spec = small_dense();
    spec.attention_bias = spec.ffn_bias = spec.query_key_norms = 1;
    // Biases q 8, k 4, v 4, o 8, gate 16, up 16, down 8; norms of 4 for query and key.
    CHECK(total_parameters(operators(spec)) == 3 * (592 + 64 + 8) + 2 * 80 + 8);
}

TEST_CASE("only the chosen experts are active, and layers keep their place") {
    const Architecture a = operators(small_moe());
    // Experts 4 x 3 x 40 = 480, of which 240 active; shared 3 x 48 = 144; router 32; attention and norms 208.
    CHECK(total_parameters(a) == 592 + 2 * (208 + 480 + 144 + 32) + 168);
    CHECK(active_parameters(a) == 592 + 2 * (208 + 240 + 144 + 32) + 168);
    CHECK(a.layer_group == std::vector<std::int64_t>{0, 1, 1});
    CHECK(a.groups[0].count == 1);
    CHECK(a.groups[1].ffn == FfnKind::moe);
}

TEST_CASE("a selection bias adds one parameter an expert") {
    ModelSpec spec = small_moe();
    const std::int64_t before = total_parameters(operators(spec));
    spec.router_bias = 1;
    CHECK(total_parameters(operators(spec)) == before + 2 * 4);
}

TEST_CASE("latent attention: the absorbed products hold the parameters of the up-projection") {
    ModelSpec spec = small_dense();
    spec.kv_heads = 1;
    spec.head_dim = 3;
    spec.rope_head_dim = 2;
    spec.value_head_dim = 4;
    spec.q_lora_rank = 6;
    spec.kv_lora_rank = 5;
    const Architecture a = operators(spec);
    // q_down 48 + norm 6 + q_up 6 x 2 x 5 = 60 + latent 8 x 7 = 56 + norm 5 + k 2 x 3 x 5 = 30 + v 2 x 5 x 4
    // = 40
    // + o 8 x 8 = 64; FFN 384; norms 16.
    CHECK(total_parameters(a) == 3 * (48 + 6 + 60 + 56 + 5 + 30 + 40 + 64 + 384 + 16) + 168);
    CHECK(a.groups[0].attention.cache_elements == 7);
    CHECK(a.groups[0].attention.key_width == 7);
    CHECK(a.groups[0].attention.value_width == 5);

    spec.q_lora_rank = 0;
    // Without a query rank: q 8 x 2 x 5 = 80 instead of 48 + 6 + 60.
    CHECK(total_parameters(operators(spec)) == total_parameters(a) + 3 * (80 - 114));
}

TEST_CASE("window layers are a group of their own") {
    ModelSpec spec = small_dense();
    spec.window_tokens = 128;
    spec.window_layers = {0, 2};
    const Architecture a = operators(spec);
    REQUIRE(a.groups.size() == 2);
    CHECK(a.groups[0].attention.window_tokens == 128);
    CHECK(a.groups[1].attention.window_tokens == 0);
    CHECK(a.layer_group == std::vector<std::int64_t>{0, 1, 0});
}

TEST_CASE("contradictions are refused") {
    ModelSpec spec = small_moe();
    spec.experts_per_token = 5;
    CHECK_THROWS_WITH_AS((void)operators(spec),
                         "ModelSpec: experts_per_token must be from 1 to experts = 4, got 5", ValueError);
    spec = small_dense();
    spec.heads = 3;
    spec.kv_heads = 2;
    CHECK_THROWS_AS((void)operators(spec), ValueError);
    spec = small_dense();
    spec.dense_intermediate = 0;
    CHECK_THROWS_AS((void)operators(spec), ValueError);
    spec = small_moe();
    spec.moe_layers = {1, 3};
    CHECK_THROWS_AS((void)operators(spec), ValueError);
    spec.moe_layers = {1, 1};
    CHECK_THROWS_AS((void)operators(spec), ValueError);
    spec = small_dense();
    spec.window_layers = {0};
    CHECK_THROWS_AS((void)operators(spec), ValueError);
    spec = small_dense();
    spec.kv_lora_rank = 5;
    CHECK_THROWS_AS((void)operators(spec), ValueError);
}

TEST_CASE("counts beyond 64 bits are an error, never a wrap") {
    ModelSpec spec = small_moe();
    spec.hidden = 1 << 20;
    spec.experts = 1 << 16;
    spec.expert_intermediate = 1 << 22;
    spec.layers = 4096;
    spec.moe_layers.clear();
    for (std::int64_t i = 0; i < spec.layers; ++i) {
        spec.moe_layers.push_back(i);
    }
    CHECK_THROWS_AS((void)total_parameters(operators(spec)), ValueError);
}

} // namespace lpusim::model
