#include "lpusim/timeline/chakra.h"

#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/errors.h"

using namespace lpusim;
using namespace lpusim::timeline;

namespace {

using Column = std::vector<std::int64_t>;

/// A chip that receives 320 bytes from chip 7, adds, and sends them on to chip 9.
struct Rows {
    std::vector<std::string> names{"message", "add"};
    Column kind{6, 4, 5};
    Column name{0, 1, 0};
    Column start_ps{300'000, 330'000, 2'000'001};
    Column duration_ps{30'000, 20'000, 30'000};
    Column size_bytes{320, 320, 320};
    Column source{7, 0, 8};
    Column target{8, 0, 9};
    Column tag{1, 0, 2};
    Column operation_count{0, 160, 0};
    Column wait_node{1, 2};
    Column wait_on{0, 1};

    [[nodiscard]] std::string file() const {
        return to_chakra(
            {names,
             {kind, name, start_ps, duration_ps, size_bytes, source, target, tag, operation_count},
             {wait_node, wait_on}});
    }
};

} // namespace

TEST_CASE("a trace without nodes is its metadata alone: a length, the version's tag, its length and text") {
    CHECK(to_chakra({}) == std::string("\x07\x0a\x05"
                                       "0.0.4"));
}

TEST_CASE("a node starts with its id, name, type and what it waits for, then whole microseconds") {
    const std::string file = Rows().file();
    // Row 2, a send (5) after node 1 at 2.000001 us: start_time_micros (field 6) is 2, the duration 0.
    const std::string head("\x08\x02\x12\x07message\x18\x05\x2a\x01\x01\x30\x02\x38\x00", 20);
    CHECK(file.find(head) != std::string::npos);
    // comm_src = 8 as an int32: attribute (field 10), name (1), int32_val (7).
    CHECK(file.find(std::string("\x52\x0c\x0a\x08"
                                "comm_src\x38\x08")) != std::string::npos);
}

TEST_CASE("the same trace gives the same bytes") {
    CHECK(Rows().file() == Rows().file());
}

TEST_CASE("a wait may be for any earlier node, not for the node itself or a later one") {
    Rows rows;
    rows.wait_on[1] = 0;
    CHECK_NOTHROW((void)rows.file());
    rows.wait_on[1] = 2;
    CHECK_THROWS_WITH_AS((void)rows.file(), "on[1] = 2 must be an earlier node than the one that waits, 2",
                         ValueError);
}

TEST_CASE("what cannot be written is refused with its row") {
    const auto refuses = [](auto change) {
        Rows rows;
        change(rows);
        CHECK_THROWS_AS((void)rows.file(), ValueError);
    };
    refuses([](Rows& rows) { rows.kind[0] = 3; });
    refuses([](Rows& rows) { rows.kind[0] = 7; });
    refuses([](Rows& rows) { rows.name[1] = 2; });
    refuses([](Rows& rows) { rows.start_ps[0] = -1; });
    refuses([](Rows& rows) { rows.size_bytes.pop_back(); });
    refuses([](Rows& rows) { rows.target[0] = std::int64_t{1} << 31; });
    refuses([](Rows& rows) { rows.wait_node = {2, 1}; });
    refuses([](Rows& rows) { rows.wait_node[1] = 3; });
    Rows largest;
    largest.tag[0] = (std::int64_t{1} << 31) - 1;
    CHECK_NOTHROW((void)largest.file());
}
