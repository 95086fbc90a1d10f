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

TEST_CASE("a slice is one row of vectors, whether written or not") {
    ChipSpec spec;
    spec.mem_words_per_slice = 200; // Three blocks and a short one.
    Memory memory(spec);
    CHECK(memory.whole_slice(1)[199 * 320 + 319] == 0);
    memory.write(1, 199)[319] = 9;
    CHECK(memory.whole_slice(1)[199 * 320 + 319] == 9);
    CHECK(memory.read(1, 0) + 199 * 320 == memory.read(1, 199));
    // Looking at a slice does not make it different.
    Memory other(spec);
    other.write(1, 199)[319] = 9;
    CHECK(memory == other);
    const Memory copy = memory;
    CHECK(copy == other);
    other.write(1, 150)[0] = 1;
    CHECK(!(copy == other));
}
