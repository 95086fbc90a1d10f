#include "lpusim/lower/bounds.h"

#include <doctest/doctest.h>

using namespace lpusim;
using namespace lpusim::lower;

TEST_CASE("a vector pass is its vectors, one trip over the line, the superlanes, SRAM and the overhead") {
    const chip::ChipSpec spec; // 45 positions, 20 superlanes, read 2, write 1.
    CHECK(vector_pass_cycles(spec, 1, 0) == 1 + 44 + 19 + 2 + 1);
    CHECK(vector_pass_cycles(spec, 10, 16) == 10 + 44 + 19 + 2 + 1 + 16);
    CHECK(vector_op_cycles(spec, 320, 2, 0) == 2 * vector_pass_cycles(spec, 1, 0));
    CHECK(vector_op_cycles(spec, 321, 1, 0) == vector_pass_cycles(spec, 2, 0));
}

TEST_CASE("attention over nothing costs nothing, and grows with every term of its bound") {
    const chip::ChipSpec spec;
    AttentionShare share{.query_tokens = 1,
                         .query_heads_per_kv_head = 8,
                         .kv_heads = 1,
                         .key_width = 128,
                         .value_width = 128,
                         .context_tokens = 0,
                         .bytes_per_element = 2};
    CHECK(attention_cycles(spec, share, 16) == 0);
    share.context_tokens = 1024;
    const std::int64_t base = attention_cycles(spec, share, 16);
    // Scores: 1024 columns of K at two bytes over 64 streams. Values: 8 rows x 4 tiles x 2^2 passes over 4
    // planes, longer than loading 4 tiles of 128 columns of V at two bytes.
    const std::int64_t trip =
        matrix_trip_cycles(spec) + spec.mxm_load_latency_cycles + spec.mxm_install_latency_cycles;
    const std::int64_t softmax = vector_op_cycles(spec, 8 * 1024, 3, 16);
    CHECK(base == 2 * 1024 / 64 + 8 * 4 * 4 / 4 + 2 * trip + softmax);

    for (const auto grow : {&AttentionShare::context_tokens, &AttentionShare::kv_heads}) {
        AttentionShare larger = share;
        larger.*grow *= 4;
        CHECK(attention_cycles(spec, larger, 16) > base);
    }
    // Many query rows make the multiplication longer than the load: 4096 rows x 4 tiles x 2^2 / 4 planes.
    share.query_tokens = 512;
    CHECK(attention_cycles(spec, share, 16) ==
          2 * (4096 * 4 * 4 / 4) + 2 * trip + vector_op_cycles(spec, 4096 * 1024, 3, 16));
}

TEST_CASE("choosing experts compares every score with every other once") {
    const chip::ChipSpec spec;
    CHECK(router_select_cycles(spec, 1, 256, 0) ==
          vector_pass_cycles(spec, 256, 0) + vector_pass_cycles(spec, 1, 0));
    CHECK(router_select_cycles(spec, 2, 384, 0) ==
          vector_pass_cycles(spec, 2 * 384 * 2, 0) + vector_pass_cycles(spec, 2 * 2, 0));
}
