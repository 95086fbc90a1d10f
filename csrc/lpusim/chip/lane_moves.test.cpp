#include "lpusim/chip/lane_moves.h"

#include "lpusim/base/rng.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/proof/rule_test.h"

namespace lpusim::chip {
namespace {

/// The streams that come out, one after another, for `rows` vectors.
Bytes moved(const SxmMove& move, const ChipSpec& spec, const Bytes& a, const Bytes& b = {},
            const std::vector<LaneMap>& maps = {}, std::int64_t rows = 1) {
    Program program;
    program.maps = maps;
    const std::int64_t streams = sxm_shape(move, spec).output_streams;
    Bytes out(static_cast<std::size_t>(streams * rows * spec.lanes()), 0xee);
    move_lanes(move, program, spec, a.data(), b.data(), rows, out.data());
    return out;
}

Bytes moved(SxmOp op, std::int64_t argument, const Bytes& a, const Bytes& b = {},
            const std::vector<LaneMap>& maps = {}) {
    return moved({op, argument, {}, {}, {}}, small_spec(), a, b, maps);
}

/// Lanes 1 .. lanes of one stream.
Bytes counted(const ChipSpec& spec) {
    Bytes bytes(static_cast<std::size_t>(spec.lanes()));
    std::uint8_t next = 0;
    for (std::uint8_t& byte : bytes)
        byte = ++next;
    return bytes;
}

Bytes stream_of(const Bytes& streams, std::size_t index, std::size_t lanes) {
    const auto first = streams.begin() + static_cast<std::ptrdiff_t>(index * lanes);
    return {first, first + static_cast<std::ptrdiff_t>(lanes)};
}

const Bytes kLanes{1, 2, 3, 4, 5, 6, 7, 8};

/// West SXM at x = 1. What mem.w.3 (x = 2) reads in cycle 0 is there in cycle 3.
SxmMove westward(SxmOp op, std::int64_t argument = 0) {
    const auto b = op == SxmOp::Select ? std::optional(StreamRef{Direction::West, 0}) : std::nullopt;
    return {op, argument, {Direction::West, 0}, b, {Direction::East, 0}};
}

InstructionRun at(std::int64_t issue, const SxmMove& move) {
    return {{Unit::Sxm, Hemisphere::West, 0, 0}, issue, move, {}, {}};
}

} // namespace

TEST_CASE("a shift moves all lanes up or down across superlanes, and zeros come in") {
    CHECK(moved(SxmOp::Shift, 0, kLanes) == kLanes);
    CHECK(moved(SxmOp::Shift, 3, kLanes) == Bytes{0, 0, 0, 1, 2, 3, 4, 5});
    CHECK(moved(SxmOp::Shift, -3, kLanes) == Bytes{4, 5, 6, 7, 8, 0, 0, 0});
    CHECK(moved(SxmOp::Shift, 7, kLanes) == Bytes{0, 0, 0, 0, 0, 0, 0, 1});
    CHECK(moved(SxmOp::Shift, -7, kLanes) == Bytes{8, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("a shift of several vectors brings zeros into each of them") {
    const Bytes two{1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18};
    CHECK(moved({SxmOp::Shift, 2, {}, {}, {}}, small_spec(), two, {}, {}, 2) ==
          Bytes{0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 11, 12, 13, 14, 15, 16});
}

TEST_CASE("a select takes the lanes below its argument from the first operand, the others from the second") {
    const Bytes other{11, 12, 13, 14, 15, 16, 17, 18};
    CHECK(moved(SxmOp::Select, 0, kLanes, other) == other);
    CHECK(moved(SxmOp::Select, 3, kLanes, other) == Bytes{1, 2, 3, 14, 15, 16, 17, 18});
    CHECK(moved(SxmOp::Select, 8, kLanes, other) == kLanes);
}

TEST_CASE("a permute takes each lane from anywhere, -1 gives zero") {
    CHECK(moved(SxmOp::Permute, 1, kLanes, {}, {{"other", {}}, {"map", {7, 6, 5, 4, -1, 2, 1, 0}}}) ==
          Bytes{8, 7, 6, 5, 0, 3, 2, 1});
}

TEST_CASE("a distribute takes lanes of the same superlane, as often as wanted") {
    CHECK(moved(SxmOp::Distribute, 0, kLanes, {}, {{"map", {3, 3, -1, 0}}}) == Bytes{4, 4, 0, 1, 8, 8, 0, 5});
}

TEST_CASE("a rotate of side 3 drives all nine rotations of the first nine lanes, the others are zero") {
    ChipSpec spec = small_spec();
    spec.lanes_per_superlane = 10;
    const Bytes out = moved({SxmOp::Rotate, 3, {}, {}, {}}, spec, counted(spec));
    const auto first_superlane = [&](std::size_t stream) { return stream_of(out, 2 * stream, 10); };
    CHECK(first_superlane(0) == Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 0});
    CHECK(first_superlane(1) == Bytes{2, 3, 1, 5, 6, 4, 8, 9, 7, 0}); // columns move
    CHECK(first_superlane(3) == Bytes{4, 5, 6, 7, 8, 9, 1, 2, 3, 0}); // rows move
    CHECK(first_superlane(8) == Bytes{9, 7, 8, 3, 1, 2, 6, 4, 5, 0}); // both, by two
    // The second superlane holds 11 to 20 and does the same.
    CHECK(stream_of(out, 3, 10) == Bytes{12, 13, 11, 15, 16, 14, 18, 19, 17, 0});
}

TEST_CASE("a rotate of side 4 drives all sixteen rotations") {
    ChipSpec spec = small_spec();
    spec.lanes_per_superlane = 16;
    spec.superlanes = 1;
    const Bytes out = moved({SxmOp::Rotate, 4, {}, {}, {}}, spec, counted(spec));
    CHECK(stream_of(out, 0, 16) == counted(spec));
    CHECK(stream_of(out, 5, 16) == Bytes{6, 7, 8, 5, 10, 11, 12, 9, 14, 15, 16, 13, 2, 3, 4, 1});
    CHECK(stream_of(out, 15, 16) == Bytes{16, 13, 14, 15, 4, 1, 2, 3, 8, 5, 6, 7, 12, 9, 10, 11});
}

TEST_CASE("a transpose exchanges lanes and streams within each superlane") {
    const Bytes streams{1,  2,  3,  4,  5,  6,  7,  8,                                 //
                        11, 12, 13, 14, 15, 16, 17, 18,                                //
                        21, 22, 23, 24, 25, 26, 27, 28,                                //
                        31, 32, 33, 34, 35, 36, 37, 38};                               //
    CHECK(moved(SxmOp::Transpose, 0, streams) == Bytes{1, 11, 21, 31, 5, 15, 25, 35,   //
                                                       2, 12, 22, 32, 6, 16, 26, 36,   //
                                                       3, 13, 23, 33, 7, 17, 27, 37,   //
                                                       4, 14, 24, 34, 8, 18, 28, 38}); //
}

TEST_CASE("transposing twice gives the vectors back, whatever the lanes and rows") {
    for (const std::int64_t lanes : {1, 3, 4, 8, 16, 20, 32}) {
        for (const std::int64_t rows : {1, 5}) {
            CAPTURE(lanes);
            ChipSpec spec = small_spec();
            spec.superlanes = 3;
            spec.lanes_per_superlane = lanes;
            Bytes streams(static_cast<std::size_t>(lanes * rows * spec.lanes()));
            for (std::size_t i = 0; i < streams.size(); ++i)
                streams[i] = static_cast<std::uint8_t>(random_bits(5, 1, i));
            const SxmMove transpose{SxmOp::Transpose, 0, {}, {}, {}};
            const Bytes once = moved(transpose, spec, streams, {}, {}, rows);
            CHECK((once != streams) == (lanes > 1));
            CHECK(moved(transpose, spec, once, {}, {}, rows) == streams);
        }
    }
}

TEST_CASE("what the SXM takes in cycle 3 it drives a latency later, one byte plane or a group") {
    ChipSpec spec = small_spec();
    struct Case {
        SxmOp op;
        std::int64_t latency_cycles;
    };
    const std::string read = "@0 mem.w.3 read 0 -> w.0\n";
    for (const auto& [op, latency] : {Case{SxmOp::Shift, 3}, Case{SxmOp::Select, 1}, Case{SxmOp::Permute, 5},
                                      Case{SxmOp::Distribute, 2}}) {
        CAPTURE(latency);
        // Driven at x = 1 in cycle 3 + latency, so mem.w.3 sees it a cycle later.
        const auto written_at = [&](std::int64_t tau) {
            Program program = program_of(read + "@" + std::to_string(tau) + " mem.w.3 write 9 <- e.0",
                                         {at(3, westward(op))});
            program.maps = {{"map", {0, 1, 2, 3}}};
            if (op == SxmOp::Permute)
                program.maps = {{"map", {0, 1, 2, 3, 4, 5, 6, 7}}};
            return error_of(program, spec);
        };
        CHECK(written_at(3 + latency) == "empty@" + std::to_string(3 + latency));
        CHECK(written_at(4 + latency) == "");
        CHECK(written_at(5 + latency) == "empty@" + std::to_string(5 + latency));
    }
    CHECK(error_of(program_of(read, {at(2, westward(SxmOp::Shift))}), spec) == "empty@2");
}

TEST_CASE("a transpose needs all its streams at once and drives as many") {
    const ChipSpec spec = small_spec();
    Memory memory(spec);
    for (std::int64_t slice = 0; slice < 4; ++slice)
        put(memory, slice, 0, Bytes(8, static_cast<std::uint8_t>(slice + 1)));
    // Slices 0 and 1 at x = 4, 2 at x = 3, 3 at x = 2: together at x = 1 in cycle 5.
    const std::string reads =
        "@0 mem.w.0 read 0 -> w.0\n@0 mem.w.1 read 0 -> w.1\n@1 mem.w.2 read 0 -> w.2\n";
    const std::vector<InstructionRun> transpose{at(5, westward(SxmOp::Transpose))};
    CHECK(error_of(program_of(reads, transpose), spec) == "empty@5");
    // Driven in cycle 9; e.3 is past mem.w.3 (x = 2) in cycle 10.
    const Run run = run_both(
        program_of(reads + "@2 mem.w.3 read 0 -> w.3\n@10 mem.w.3 write 9 <- e.3", transpose), spec, memory);
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, 3, 9) == Bytes{1, 2, 3, 4, 1, 2, 3, 4});
}

TEST_CASE("lane moves of several vectors go through both engines alike") {
    const ChipSpec spec = small_spec();
    Memory memory(spec);
    put(memory, 3, 0, kLanes);
    put(memory, 3, 1, {11, 12, 13, 14, 15, 16, 17, 18});
    InstructionRun shift = at(3, westward(SxmOp::Shift, 1));
    shift.repeat = {{2, 1, 0, 0}};
    const Run run = run_both(program_of("@0 mem.w.3 read 0 -> w.0 repeat 2 every 1 address 1\n"
                                        "@7 mem.w.3 write 9 <- e.0 repeat 2 every 1 write_address 1\n",
                                        {shift}),
                             spec, memory);
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, 3, 9) == Bytes{0, 1, 2, 3, 4, 5, 6, 7});
    CHECK(vector_at(run.memory, 3, 10) == Bytes{0, 11, 12, 13, 14, 15, 16, 17});
}

} // namespace lpusim::chip
