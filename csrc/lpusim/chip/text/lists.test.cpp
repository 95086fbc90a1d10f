#include "lpusim/chip/text/lists.h"

#include <doctest/doctest.h>
#include <sstream>

#include "lpusim/base/errors.h"
#include "lpusim/base/rng.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

constexpr std::int64_t kPlenty = 1'000'000;

std::string data_text(const std::vector<std::uint8_t>& data, std::int64_t expanded_bytes_max = kPlenty) {
    ExpansionBudget budget(expanded_bytes_max);
    std::string text;
    append_data(text, data, budget);
    return text;
}

std::string lanes_text(const std::vector<std::int16_t>& lanes, std::int64_t expanded_bytes_max = kPlenty) {
    ExpansionBudget budget(expanded_bytes_max);
    std::string text;
    append_lanes(text, "map m", lanes, budget);
    return text;
}

/// Calls `read(line)` for what follows the first word of each line.
template <class Read>
void read_lines(const std::string& text, const Read& read) {
    std::istringstream lines(text);
    const NamedWords no_names;
    std::int64_t number = 0;
    for (std::string each; std::getline(lines, each);) {
        Line line(each, ++number, no_names);
        line.next("a word");
        read(line);
    }
}

std::vector<std::uint8_t> data_of(const std::string& text, std::int64_t expanded_bytes_max = kPlenty) {
    ExpansionBudget budget(expanded_bytes_max);
    std::vector<std::uint8_t> data;
    read_lines(text, [&](Line& line) { parse_data(line, data, budget); });
    return data;
}

std::vector<std::int16_t> lanes_of(const std::string& text, std::int64_t expanded_bytes_max = kPlenty) {
    ExpansionBudget budget(expanded_bytes_max);
    std::vector<std::int16_t> lanes;
    read_lines(text, [&](Line& line) { parse_lanes(line, lanes, budget); });
    return lanes;
}

using Lanes = std::vector<std::int16_t>;

} // namespace

TEST_CASE("lanes are written as ranges, steps, repeats and zeros") {
    CHECK(lanes_of("map 3..5 5..3 2 .*2 -1 7*3 0..9/3 9..1/4") ==
          Lanes{3, 4, 5, 5, 4, 3, 2, -1, -1, -1, 7, 7, 7, 0, 3, 6, 9, 9, 5, 1});
    CHECK(lanes_of("map 4..4") == Lanes{4});
    CHECK(lanes_text({0, 1, 2, 3, 9, 9, 9, -1, -1, -1, 8, 4, 0, 5, 6}) == "map m 0..3 9*3 .*3 8..0/4 5 6\n");
    CHECK(lanes_text({2, 1, 0, -1}) == "map m 2..0 .\n"); // -1 is no lane of a range
    CHECK(lanes_text({}) == "map m\n");
}

TEST_CASE("data is written as bytes, and as repeats of one, two or four bytes from eight bytes on") {
    CHECK(data_text({1, 2, 255}) == "data 0102ff\n");
    CHECK(data_text(std::vector<std::uint8_t>(7, 9)) == "data 09090909090909\n");
    CHECK(data_text(std::vector<std::uint8_t>(8, 9)) == "data 09*8\n");
    CHECK(data_text({1, 2, 1, 2, 1, 2, 1, 2}) == "data 0102*4\n");
    CHECK(data_text({1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 5}) == "data 01020304*3 05\n");
    CHECK(data_text({1, 2, 3, 4, 1, 2, 3, 4}) == "data 0102030401020304\n"); // twice is no gain
    CHECK(data_text({}) == "");
    CHECK(data_of("data 0Fa0*2 00*3 0102030405*2") ==
          std::vector<std::uint8_t>{15, 160, 15, 160, 0, 0, 0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5});
}

TEST_CASE("long lists go on in further lines of at most a hundred columns") {
    std::vector<std::uint8_t> data;
    Lanes lanes;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        data.push_back(static_cast<std::uint8_t>(random_bits(1, 0, i)));
        lanes.push_back(static_cast<std::int16_t>(random_bits(1, 1, i) % 320));
    }
    for (const std::string& text : {data_text(data), lanes_text(lanes)}) {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            CHECK(line.size() <= 100);
        }
    }
    CHECK(data_of(data_text(data)) == data);
    CHECK(lanes_of("map" + lanes_text(lanes).substr(5)) == lanes);
}

TEST_CASE("repeats come to as many bytes as allowed and not one more") {
    CHECK(data_of("data 00*60 00*40", 100).size() == 100);
    CHECK_THROWS_AS((void)data_of("data 00*60 00*41", 100), ValueError);
    CHECK_THROWS_AS((void)data_of("data 0000*9223372036854775807", 100), ValueError);
    CHECK(data_of("data " + std::string(400, '0'), 100).size() == 200); // written out, it is what it is
    CHECK(lanes_of("map 0..24 5*25", 100).size() == 50);
    CHECK_THROWS_AS((void)lanes_of("map 0..24 5*26", 100), ValueError);
    CHECK_THROWS_AS((void)lanes_of("map 0..24 0..25", 100), ValueError);
}

TEST_CASE("what is beyond the budget is written out, so that it can be read again") {
    const std::vector<std::uint8_t> data(60, 7);
    CHECK(data_text(data, 60) == "data 07*60\n");
    CHECK(data_text(data, 59).size() > 120);
    CHECK(data_of(data_text(data, 59), 0) == data);
    CHECK(lanes_text(Lanes(5, 7), 10) == "map m 7*5\n");
    CHECK(lanes_text(Lanes(5, 7), 9) == "map m 7 7*4\n"); // Four of them fit.
}

TEST_CASE("random data of few values survives writing and reading") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::vector<std::uint8_t> data;
        Lanes lanes;
        for (std::uint64_t i = 0; i < 1 + seed; ++i) {
            data.push_back(static_cast<std::uint8_t>(random_bits(seed, 0, i / 9) % 3));
            lanes.push_back(static_cast<std::int16_t>(random_bits(seed, 1, i / 5) % 4 + i % 3 - 1));
        }
        CHECK(data_of(data_text(data)) == data);
        CHECK(lanes_of("map" + lanes_text(lanes).substr(5)) == lanes);
    }
}
