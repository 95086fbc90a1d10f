#include "lpusim/timeline/protobuf.h"

#include <array>
#include <doctest/doctest.h>

using lpusim::timeline::MessageWriter;

TEST_CASE("a varint carries seven bits a byte, lowest first") {
    MessageWriter out;
    out.varint(1, 127); // Tag 1 << 3 = 8.
    out.varint(1, 128);
    out.varint(1, 150); // The example of the protobuf documentation.
    CHECK(out.bytes() == std::string("\x08\x7f\x08\x80\x01\x08\x96\x01"));
}

TEST_CASE("a field number above 15 takes a second tag byte, and the largest varint ten bytes") {
    MessageWriter out;
    out.varint(16, ~std::uint64_t{0});
    CHECK(out.bytes() == std::string("\x80\x01") + std::string(9, '\xff') + "\x01");
}

TEST_CASE("text, messages and fixed fields carry their wire type") {
    MessageWriter inner;
    inner.text(2, "ab");
    MessageWriter out;
    out.message(3, inner);
    out.fixed64(1, 0x0102);
    out.real64(1, 1.0); // 0x3ff0000000000000.
    CHECK(out.bytes() == std::string("\x1a\x04\x12\x02"
                                     "ab\x09\x02\x01\0\0\0\0\0\0\x09\0\0\0\0\0\0\xf0\x3f",
                                     24));
}

TEST_CASE("packed numbers share one tag and one length, and none at all leave nothing") {
    MessageWriter out;
    out.packed(4, std::array<std::uint64_t, 3>{3, 270, 86942}); // The example of the protobuf documentation.
    CHECK(out.bytes() == std::string("\x22\x06\x03\x8e\x02\x9e\xa7\x05"));
    out.packed(4, {});
    CHECK(out.bytes().size() == 8);
}

TEST_CASE("a delimited message is its length and itself, without a tag") {
    MessageWriter inner;
    inner.varint(1, 150);
    MessageWriter out;
    out.delimited(inner);
    out.delimited(MessageWriter{});
    CHECK(out.bytes() == std::string("\x03\x08\x96\x01\0", 5));
}
