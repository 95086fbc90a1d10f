#include "lpusim/chip/describe.h"

#include "lpusim/chip/proof/rule_test.h"

namespace lpusim::chip {
namespace {

std::string complaint(const std::string& text) {
    const Program program = parse(text);
    const Run run = fold(program, small_spec(), {}, false);
    return run.error ? describe(*run.error, program, small_spec()) : "";
}

const std::string kLoad = "@0 mem.w.3 read 0 -> w.0\n@4 mxm.w.0.weights load 0 <- w.0 streams 1\n";

} // namespace

TEST_CASE("an empty stream says what came nearest, and how far off it was") {
    // Driven at x = 1 in cycle 2, so at x = 2 in cycle 3; the second repeat four cycles later.
    const std::string drive = "@0 mem.w.3 read 0 -> e.0 repeat 2 every 4\n";
    CHECK(
        complaint(drive + "@4 mem.w.2 write 7 <- e.0") ==
        "cycle 4: run 1 (line 2) on mem.w.2 (write 7 <- e.0) reads stream e.0, which carries nothing here, "
        "at x = "
        "3; nearest: "
        "run 0 (line 1) on mem.w.3 (read 0 -> e.0; repeat 0), driven at x = 2 in cycle 2, there in cycle 3");
    CHECK(complaint(drive + "@6 mem.w.2 write 7 <- e.0")
              .ends_with("repeat 1), driven at x = 2 in cycle 6, there in cycle 7"));
    CHECK(complaint(drive + "@9 mem.w.2 write 7 <- e.0")
              .ends_with("repeat 1), driven at x = 2 in cycle 6, there in cycle 7"));
    // Downstream, in the same place, the other way and another stream do not count.
    CHECK(complaint("@0 mem.w.0 read 0 -> e.0\n@0 mem.e.0 read 0 -> w.1\n@0 mem.w.2 read 0 -> e.1\n"
                    "@4 mem.w.1 write 7 <- e.0")
              .ends_with("carries nothing here, at x = 4; nothing upstream ever drives it"));
}

TEST_CASE("a queue names what keeps it") {
    CHECK(complaint("@0 mem.w.0 read 0 -> e.0 repeat 3 every 5\n@5 mem.w.0 read 1 -> e.1") ==
          "cycle 5: run 1 (line 2) on mem.w.0 (read 1 -> e.1) issues in the same cycle as run 0 (line 1) on "
          "mem.w.0 "
          "(read 0 -> e.0; repeat 1); a queue issues one instruction a cycle");
    CHECK(complaint("@0 mem.w.0 sync\n@9 vxm.0 notify\n@4 vxm.1 notify\n@30 mem.w.0 read 1 -> e.1") ==
          "cycle 30: run 3 (line 4) on mem.w.0 (read 1 -> e.1) issues while its queue is parked by run 0 "
          "(line 1) on mem.w.0 "
          "(sync), until cycle 39"); // The first notify is that of cycle 4; 35 cycles on.
    CHECK(complaint("@5 mem.w.0 sync\n@4 vxm.0 notify") ==
          "cycle 5: run 0 (line 1) on mem.w.0 (sync) waits for ever: no notify is issued in this cycle or "
          "later");
}

TEST_CASE("what is out of range says what there is") {
    CHECK(complaint("@3 mem.w.0 read 16 -> e.0") == "cycle 3: run 0 (line 1) on mem.w.0 (read 16 -> e.0) "
                                                    "uses SRAM address 16; a slice has addresses 0 to 15");
    CHECK(complaint("@0 mem.w.3 read 0 -> w.0\n@0 mem.w.2 read 0 -> w.1\n"
                    "@3 mxm.w.0.weights load 7 <- w.0 streams 2")
              .ends_with("loads weight columns 7 to 8; a plane has columns 0 to 7"));
    CHECK(complaint("@8 mxm.w.0.accumulators start 4")
              .ends_with("uses accumulator slot 4; a plane has slots 0 to 3"));
}

TEST_CASE("a clash names both instructions") {
    CHECK(complaint("@0 mem.w.1 read 0 -> e.0\n@0 mem.w.0 read 0 -> e.0 repeat 2 every 1") ==
          "cycle 2: run 0 (line 1) on mem.w.1 (read 0 -> e.0) drives stream e.0 in the same cycle and place "
          "as run 1 (line 2) "
          "on mem.w.0 (read 0 -> e.0; repeat 0)");
    CHECK(complaint("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 7 <- e.0\n@4 mem.w.2 read 0 -> e.1") ==
          "cycle 4: run 2 (line 3) on mem.w.2 (read 0 -> e.1) touches address 0 in bank 0 in the same cycle "
          "as run 1 (line 2) "
          "on mem.w.2 (write 7 <- e.0); a slice makes one read and one write a cycle, in different banks");
}

TEST_CASE("what is gone says when it was there") {
    const std::string relu = "@0 mem.w.0 read 0 -> e.0\n@3 vxm.0 relu int8 e.0\n";
    CHECK(complaint(relu + "@6 vxm.1 relu int8 alu.0 -> e.1") ==
          "cycle 6: run 2 (line 3) on vxm.1 (relu int8 alu.0 -> e.1) takes the result of vxm.0, which is not "
          "there in "
          "this cycle; nearest: run 1 (line 2) on vxm.0 (relu int8 e.0), there in cycle 4");
    CHECK(complaint("@6 vxm.1 relu int8 alu.0 -> e.1").ends_with("in this cycle; nothing ever makes it"));
    CHECK(complaint("@8 mxm.w.0.accumulators start 0") ==
          "cycle 8: run 0 (line 1) on mxm.w.0.accumulators (start 0) takes column sums, which are not there "
          "in this cycle; nothing ever makes them");
}

TEST_CASE("weights say what they wait for") {
    CHECK(complaint(kLoad + "@10 mem.w.3 read 0 -> w.0\n@14 mxm.w.0.weights load 0 <- w.0 streams 1")
              .ends_with("loads weights from column 0 on, but one of them awaits install or an install is "
                         "still under way"));
    CHECK(complaint("@4 mxm.w.0.weights install")
              .ends_with("installs weights, but a load is still under way or none was made since the last "
                         "install"));
    const std::string activate = "@1 mem.w.3 read 0 -> w.1\n@5 mxm.w.0.activations activate int8 <- w.1\n";
    CHECK(
        complaint(kLoad + activate + "@5 mxm.w.0.weights install")
            .ends_with("activates before any weights are active; the first install takes effect in cycle 6"));
    CHECK(complaint(kLoad + activate + "@4 mxm.w.1.weights install").find("before any weights") ==
          std::string::npos); // Of another plane; that one has no load.
    CHECK(complaint(activate).ends_with("activates before any weights are active; this plane never installs "
                                        "any"));
}

TEST_CASE("a run is named by its line and label where the program is a text, by its number alone elsewhere") {
    const std::string text =
        "# a copy, a cycle late\n\nfetch: @0 mem.w.3 read 0 -> e.0\n@9 mem.w.2 write 7 <- e.0\n";
    CHECK(complaint(text).starts_with("cycle 9: run 1 (line 4) on mem.w.2 (write 7 <- e.0) reads"));
    CHECK(complaint(text).find("nearest: run 0 (line 3, fetch) on mem.w.3 (read 0 -> e.0), driven") !=
          std::string::npos);
    Program program = parse(text);
    CHECK(program == parse(to_text(program))); // Where it stood makes no difference.
    program.origin = {};
    const Run run = fold(program, small_spec(), {}, false);
    CHECK(describe(*run.error, program, small_spec()).starts_with("cycle 9: run 1 on mem.w.2"));
    CHECK(run_name(program, 0) == "run 0");
    program.origin.lines = {5}; // Not as many as there are runs: not these runs'.
    CHECK(run_name(program, 0) == "run 0");
}

TEST_CASE("an empty stream of several says which operand it is of") {
    CHECK(complaint("@0 vxm.0 add int8 e.1, w.2 -> e.3")
              .starts_with("cycle 0: run 0 (line 1) on vxm.0 (add int8 e.1, w.2 -> e.3) reads stream e.1 "
                           "(operand a), which carries nothing here"));
    CHECK(complaint("@0 mem.w.0 read 0 -> e.1\n@3 vxm.0 add int8 e.1, w.2 -> e.3")
              .find("reads stream w.2 (operand b), which") != std::string::npos);
    CHECK(complaint("@0 vxm.0 neg fp32 e.4").find("reads stream e.4 (operand a, e.4 to e.7), which") !=
          std::string::npos);
    CHECK(complaint("@0 mxm.w.0.weights load 0 <- w.2 streams 4")
              .find("reads stream w.2 (its source, w.2 to w.5), which") != std::string::npos);
    CHECK(complaint("@0 mem.w.0 write 0 <- e.0 scatter 2 <- e.2")
              .find("reads stream e.0 (source of the write), which") != std::string::npos);
    CHECK(complaint("@0 sxm.w.0 select 4 e.0, w.1 -> e.2").find("reads stream e.0 (operand a), which") !=
          std::string::npos);
    CHECK(complaint("@0 vxm.0 add int8 alu.1, =1 -> e.0")
              .find("takes the result of vxm.1 (operand a), which") != std::string::npos);
    CHECK(complaint("@0 vxm.0 select int8 =1, =2, alu.3 -> e.0")
              .find("takes the result of vxm.3 (operand c), which") != std::string::npos);
}

TEST_CASE("a group driven twice says which group it is") {
    CHECK(complaint("@0 vxm.0 pass int32 =1 -> e.0\n@0 vxm.1 pass int8 =1 -> e.2")
              .find("on vxm.1 (pass int8 =1 -> e.2) drives stream e.2 in the same cycle") !=
          std::string::npos);
    CHECK(complaint("@0 vxm.0 pass int8 =1 -> e.2\n@0 vxm.1 pass int32 =1 -> e.0")
              .find("drives stream e.2 (its result, e.0 to e.3) in the same cycle") != std::string::npos);
}

} // namespace lpusim::chip
