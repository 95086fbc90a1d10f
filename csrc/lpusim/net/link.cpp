#include "lpusim/net/link.h"

#include <array>
#include <string>

#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

constexpr std::int64_t kVectorCyclesMax = 1 << 16;
constexpr std::int64_t kHopCyclesMax = 1 << 30;

constexpr std::array<Field<LinkSpec>, 5> kLinkFields{{
    {"vector_bytes", "bytes", 1, 1 << 20, "payload of one vector; sizes round up to whole vectors",
     &LinkSpec::vector_bytes},
    {"overhead_bytes", "bytes", 0, 1 << 20, "header and check bytes that travel with a vector",
     &LinkSpec::overhead_bytes},
    {"vector_cycles", "cycles", 1, kVectorCyclesMax,
     "cycles between two vectors on one link in one direction", &LinkSpec::vector_cycles},
    {"hop_cycles", "cycles", 1, kHopCyclesMax,
     "from the start of a vector's slot to the vector in the far memory", &LinkSpec::hop_cycles},
    {"clock_hz", "Hz", 1, 1e12, "the chip clock whose cycles are counted", &LinkSpec::clock_hz},
}};

constexpr std::array<Field<ReduceCost>, 2> kReduceFields{{
    {"first_cycles", "cycles", 0, 1 << 30, "from a sum's last operand to the sum ready to leave",
     &ReduceCost::first_cycles},
    {"cycles_per_vector", "cycles", 0, 64, "between two received vectors the chip can add",
     &ReduceCost::cycles_per_vector},
}};

} // namespace

std::span<const Field<LinkSpec>> link_spec_fields() {
    return kLinkFields;
}

std::span<const Field<ReduceCost>> reduce_cost_fields() {
    return kReduceFields;
}

void validate(const LinkSpec& link) {
    validate_fields("LinkSpec", link, link_spec_fields());
    validate("LinkSpec", link.timing());
}

void validate(std::string_view what, const LinkTiming& timing) {
    const auto require = [what](std::string_view field, std::int64_t value, std::int64_t max) {
        if (value < 1 || value > max) {
            throw ValueError(std::string(what) + ": " + std::string(field) + " must be from 1 to " +
                             std::to_string(max) + " cycles, got " + std::to_string(value));
        }
    };
    require("vector_cycles", timing.vector_cycles, kVectorCyclesMax);
    require("hop_cycles", timing.hop_cycles, kHopCyclesMax);
    if (timing.hop_cycles < timing.vector_cycles) {
        throw ValueError(std::string(what) + ": hop_cycles must be at least vector_cycles (" +
                         std::to_string(timing.vector_cycles) +
                         "), or a vector would arrive before it has left; got " +
                         std::to_string(timing.hop_cycles));
    }
}

void validate(const ReduceCost& cost) {
    validate_fields("ReduceCost", cost, reduce_cost_fields());
}

LinkSpec link_from_ps(std::int64_t vector_bytes, std::int64_t vector_ps, std::int64_t hop_ps,
                      std::int64_t clock_hz) {
    if (vector_ps < 1 || hop_ps < 1 || clock_hz < 1) {
        throw ValueError("vector_ps, hop_ps and clock_hz must be at least 1, got " +
                         std::to_string(vector_ps) + ", " + std::to_string(hop_ps) + " and " +
                         std::to_string(clock_hz));
    }
    LinkSpec link;
    link.vector_bytes = vector_bytes;
    link.vector_cycles = multiply_divide_ceil(vector_ps, clock_hz, kPicosecondsPerSecond);
    link.hop_cycles = multiply_divide_ceil(hop_ps, clock_hz, kPicosecondsPerSecond);
    link.clock_hz = clock_hz;
    validate(link);
    return link;
}

double link_bytes_per_s(const LinkSpec& link) {
    return link_bytes_per_s(link, link.timing());
}

double link_bytes_per_s(const LinkSpec& link, const LinkTiming& timing) {
    return static_cast<double>(link.vector_bytes) * static_cast<double>(link.clock_hz) /
           static_cast<double>(timing.vector_cycles);
}

double payload_share(const LinkSpec& link) {
    return static_cast<double>(link.vector_bytes) /
           static_cast<double>(link.vector_bytes + link.overhead_bytes);
}

} // namespace lpusim::net
