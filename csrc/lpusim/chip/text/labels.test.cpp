#include "lpusim/chip/text/labels.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/text/text.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

std::string complaint(const std::string& text) {
    try {
        (void)parse(text);
    } catch (const ValueError& error) {
        return error.what();
    }
    return "";
}

std::vector<std::int64_t> issues(const std::string& text) {
    std::vector<std::int64_t> cycles;
    for (const InstructionRun& run : parse(text).runs) {
        cycles.push_back(run.issue);
    }
    return cycles;
}

using Cycles = std::vector<std::int64_t>;

} // namespace

TEST_CASE("a label names the issue of the next run, or any cycle, and can be used above and below") {
    CHECK(issues("label load_done @38\n"
                 "@load_done mem.w.0 sync\n"
                 "@load_done+5 mem.w.1 sync\n"
                 "@load_done-8 mem.w.2 sync\n") == Cycles{38, 43, 30});
    CHECK(issues("start: @7 mem.w.0 read 0 -> e.0 repeat 4 every 2\n"
                 "next: mem.w.0 sync\n"
                 "@start+1 mem.w.1 sync\n"
                 "@next mem.w.2 sync\n") == Cycles{7, 14, 8, 14}); // last read at 13
    CHECK(issues("@later+1 mem.w.0 sync\n"
                 "mem.w.0 notify   # right after it\n"
                 "later:           # on a line of its own\n"
                 "\n"
                 "also: @100 mem.w.1 sync\n"
                 "@also mem.w.2 sync\n") == Cycles{101, 102, 100, 100});
}

TEST_CASE("labels are gone after parsing, and may have the names of anything else") {
    CHECK(parse("a: @3 mem.w.0 sync") == parse("@3 mem.w.0 sync"));
    CHECK(issues("tensor: mem: @3 mem.w.0 sync\n@mem+1 mem.w.1 sync") == Cycles{3, 4});
}

TEST_CASE("labels may wait for labels further down, in any order") {
    CHECK(issues("label c @b+1\nlabel b @a+10\n@c mem.w.0 sync\nmem.w.0 sync\nmem.w.0 nop 5\nq: mem.w.0 "
                 "sync\n@q mem.w.1 sync\nlabel a @100\n") == Cycles{111, 112, 118, 118});
    std::string chain = "@l0 mem.w.0 sync\n";
    for (int i = 0; i < 100'000; ++i) {
        chain += "label l" + std::to_string(i) + " @l" + std::to_string(i + 1) + "+1\n";
    }
    CHECK(issues(chain + "label l100000 @0") == Cycles{100'000});
}

TEST_CASE("what is wrong with a label is told where it is") {
    CHECK(complaint("@here mem.w.0 sync\n\nlabel heer @3") ==
          "line 1, column 1: no label is named 'here'; did you mean 'heer'?");
    CHECK(complaint("label a @1\n  label a @2") ==
          "line 2, column 9: label 'a' is already defined in line 1");
    CHECK(complaint("a: @1 mem.w.0 sync\na: @1 mem.w.1 sync") ==
          "line 2, column 1: label 'a' is already defined in line 1");
    CHECK(complaint("label a @b\nlabel b @c+1\nlabel c @a") ==
          "line 2, column 7: label 'b' is defined by itself");
    CHECK(complaint("label a @a+1") == "line 1, column 7: label 'a' is defined by itself");
    CHECK(complaint("@a mem.w.0 sync\na: mem.w.0 sync") ==
          "line 2, column 1: label 'a' is defined by itself"); // one cycle after a
    CHECK(complaint("\nend:") ==
          "line 2, column 1: label 'end' names the cycle of the next run, but none follows");
    CHECK(complaint("7up: @3 mem.w.0 sync") == "line 1, column 1: expected a label such as load_done:, got "
                                               "'7up:'; a name has letters, digits and '_'");
    CHECK(complaint("@a + 5 mem.w.0 sync") ==
          "line 1, column 4: expected a queue: a cycle is one word, such as @load_done+5, got '+'");
    CHECK(complaint("label a 38").starts_with("line 1, column 9: expected a cycle such as @12"));
    CHECK(complaint("@a+x mem.w.0 sync")
              .starts_with("line 1, column 1: expected a cycle such as @12 or @load_done+5 (an integer)"));
    CHECK(complaint("label a @9223372036854775807\n@a+1 mem.w.0 sync") ==
          "line 2, column 1: this comes to a cycle beyond the largest 64-bit integer");
    CHECK(complaint("@a+1 mem.w.0..1 sync\nlabel a @9223372036854775807") ==
          "line 1, column 1: this comes to a cycle beyond the largest 64-bit integer");
}
