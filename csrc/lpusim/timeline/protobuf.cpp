#include "lpusim/timeline/protobuf.h"

#include <bit>

namespace lpusim::timeline {
namespace {

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kLengthDelimited = 2;

} // namespace

void MessageWriter::raw_varint(std::uint64_t value) {
    while (value >= 0x80U) {
        bytes_.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
        value >>= 7U;
    }
    bytes_.push_back(static_cast<char>(value));
}

void MessageWriter::tag(std::uint32_t field, std::uint32_t wire_type) {
    raw_varint((std::uint64_t{field} << 3U) | wire_type);
}

void MessageWriter::varint(std::uint32_t field, std::uint64_t value) {
    tag(field, kVarint);
    raw_varint(value);
}

void MessageWriter::fixed64(std::uint32_t field, std::uint64_t value) {
    tag(field, kFixed64);
    for (unsigned shift = 0; shift < 64; shift += 8) {
        bytes_.push_back(static_cast<char>((value >> shift) & 0xffU));
    }
}

void MessageWriter::real64(std::uint32_t field, double value) {
    fixed64(field, std::bit_cast<std::uint64_t>(value));
}

void MessageWriter::text(std::uint32_t field, std::string_view value) {
    tag(field, kLengthDelimited);
    raw_varint(value.size());
    bytes_.append(value);
}

void MessageWriter::packed(std::uint32_t field, std::span<const std::uint64_t> values) {
    if (values.empty())
        return;
    MessageWriter list;
    for (const std::uint64_t value : values)
        list.raw_varint(value);
    message(field, list);
}

void MessageWriter::delimited(const MessageWriter& value) {
    raw_varint(value.bytes_.size());
    bytes_.append(value.bytes_);
}

} // namespace lpusim::timeline
