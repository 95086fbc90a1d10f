#include "lpusim/chip/memory.h"

#include <doctest/doctest.h>
#include <utility>

using namespace lpusim::chip;

TEST_CASE("unwritten vectors read as zero, and a written zero equals an unwritten one") {
    const ChipSpec spec;
    Memory memory(spec);
    CHECK(memory.slice_count() == 88);
    CHECK(memory.read(87, 8191)[319] == 0);
    memory.write(87, 8191)[319] = 0;
    CHECK(memory == Memory(spec));
    memory.write(87, 8191)[319] = 1;
    CHECK(!(memory == Memory(spec)));
    CHECK(memory.read(87, 8190)[319] == 0);
}

TEST_CASE("a copy is its own memory") {
    Memory memory(ChipSpec{});
    memory.write(3, 64)[0] = 7;
    Memory copy = memory;
    copy.write(3, 64)[0] = 8;
    CHECK(memory.read(3, 64)[0] == 7);
    memory = std::move(copy);
    CHECK(memory.read(3, 64)[0] == 8);
}
