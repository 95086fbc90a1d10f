#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// The protobuf wire format, as far as a writer needs it: no schema, no library.
namespace lpusim::timeline {

/// Appends fields of one message to `bytes`. Field numbers are the schema's; fields appear in call order.
/// Cost: amortised constant per byte.
class MessageWriter {
  public:
    void varint(std::uint32_t field, std::uint64_t value);
    /// Eight little-endian bytes, whatever the machine's own order.
    void fixed64(std::uint32_t field, std::uint64_t value);
    /// IEEE double, bit for bit.
    void real64(std::uint32_t field, double value);
    void text(std::uint32_t field, std::string_view value);
    void message(std::uint32_t field, const MessageWriter& value) { text(field, value.bytes_); }
    /// A repeated whole number as one packed field; no field at all where there are none.
    void packed(std::uint32_t field, std::span<const std::uint64_t> values);
    /// No field: a whole message after its length, as files of one message after another keep them.
    void delimited(const MessageWriter& value);

    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    [[nodiscard]] std::string take() { return std::move(bytes_); }

  private:
    void raw_varint(std::uint64_t value);
    void tag(std::uint32_t field, std::uint32_t wire_type);

    std::string bytes_;
};

} // namespace lpusim::timeline
