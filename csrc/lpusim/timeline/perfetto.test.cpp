#include "lpusim/timeline/perfetto.h"

#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "lpusim/base/errors.h"

using namespace lpusim;
using namespace lpusim::timeline;

namespace {

struct Rows {
    std::vector<Track> tracks{{"chip", -1, ""}, {"mxm", 0, ""}, {"bytes", -1, "B"}};
    std::vector<std::string> names{"read", "multiply"};
    std::vector<std::int64_t> track, start_ps, duration_ps, name, source, target, counter_track, time_ps;
    std::vector<double> value;

    Rows& slice(std::int64_t on, std::int64_t start, std::int64_t duration) {
        track.push_back(on);
        start_ps.push_back(start);
        duration_ps.push_back(duration);
        name.push_back(0);
        return *this;
    }
    Rows& flow(std::int64_t from, std::int64_t to) {
        source.push_back(from);
        target.push_back(to);
        return *this;
    }
    Rows& sample(std::int64_t on, double what) {
        counter_track.push_back(on);
        time_ps.push_back(0);
        value.push_back(what);
        return *this;
    }
    [[nodiscard]] std::string trace() const {
        return to_perfetto({tracks,
                            names,
                            {track, start_ps, duration_ps, name},
                            {source, target},
                            {counter_track, time_ps, value}});
    }
};

} // namespace

TEST_CASE("slices of one track may touch, nest and have no length; they may not overlap in part") {
    CHECK_NOTHROW((void)Rows().slice(0, 0, 10).slice(0, 10, 5).trace());
    CHECK_NOTHROW((void)Rows().slice(0, 0, 10).slice(0, 2, 8).slice(0, 2, 0).trace());
    CHECK_THROWS_AS((void)Rows().slice(0, 0, 10).slice(0, 9, 2).trace(), ValueError);
    CHECK_NOTHROW((void)Rows().slice(0, 0, 10).slice(1, 9, 2).trace()); // Other tracks do not mind.
}

TEST_CASE("the order in which slices are given does not change how they nest") {
    CHECK_NOTHROW((void)Rows().slice(0, 2, 3).slice(0, 0, 10).trace());
    CHECK_THROWS_AS((void)Rows().slice(0, 9, 2).slice(0, 0, 10).trace(), ValueError);
}

TEST_CASE("a flow goes forward in time, by one picosecond at least") {
    CHECK_NOTHROW((void)Rows().slice(0, 0, 5).slice(1, 1, 5).flow(0, 1).trace());
    CHECK_THROWS_AS((void)Rows().slice(0, 1, 5).slice(1, 1, 5).flow(0, 1).trace(), ValueError);
}

TEST_CASE("an index that points at nothing is refused by row") {
    CHECK_NOTHROW((void)Rows().slice(1, 0, 1).trace());
    CHECK_THROWS_WITH_AS((void)Rows().slice(0, 0, 1).slice(3, 0, 1).trace(),
                         "track[1] = 3 points at nothing: there are 3, counted from 0", ValueError);
    CHECK_THROWS_AS((void)Rows().slice(-1, 0, 1).trace(), ValueError);
    CHECK_THROWS_AS((void)Rows().slice(0, 0, 1).flow(0, 1).trace(), ValueError);
}

TEST_CASE("counters and slices keep to their own tracks") {
    CHECK_NOTHROW((void)Rows().sample(2, 1.5).trace());
    CHECK_THROWS_AS((void)Rows().sample(1, 1.5).trace(), ValueError);
    CHECK_THROWS_AS((void)Rows().slice(2, 0, 1).trace(), ValueError);
    CHECK_THROWS_AS((void)Rows().sample(2, std::numeric_limits<double>::infinity()).trace(), ValueError);
}

TEST_CASE("times are not negative and an end does not overflow") {
    constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max();
    CHECK_NOTHROW((void)Rows().slice(0, last - 1, 1).trace());
    CHECK_THROWS_AS((void)Rows().slice(0, last, 1).trace(), ValueError);
    CHECK_THROWS_AS((void)Rows().slice(0, -1, 1).trace(), ValueError);
    CHECK_THROWS_AS((void)Rows().slice(0, 0, -1).trace(), ValueError);
}

TEST_CASE("a parent comes before its children") {
    Rows rows;
    rows.tracks = {{"child", 1, ""}, {"parent", -1, ""}};
    CHECK_THROWS_AS((void)rows.trace(), ValueError);
}

TEST_CASE("the same rows give the same bytes") {
    const Rows rows = Rows().slice(0, 0, 10).slice(1, 3, 4).flow(0, 1).sample(2, 1);
    CHECK(rows.trace() == rows.trace());
}
