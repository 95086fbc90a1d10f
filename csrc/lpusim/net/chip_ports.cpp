#include "lpusim/net/chip_ports.h"

#include <algorithm>
#include <array>

namespace lpusim::net {
namespace {

constexpr std::array<Field<ChipPorts>, 4> kFields{{
    {"out_vectors_per_cycle", "vectors", 1, 1 << 20,
     "vectors a chip's streams can bring to its links in one cycle", &ChipPorts::out_vectors_per_cycle},
    {"in_vectors_per_cycle", "vectors", 1, 1 << 20,
     "vectors a chip's streams can take from its links in one cycle", &ChipPorts::in_vectors_per_cycle},
    {"links_fed", "links", 1, 1 << 20, "links a chip can hold in one cycle", &ChipPorts::links_fed},
    {"transit_bytes", "bytes", 0, 1e15, "SRAM for vectors that wait on their way elsewhere",
     &ChipPorts::transit_bytes},
}};

} // namespace

std::span<const Field<ChipPorts>> chip_ports_fields() {
    return kFields;
}

void validate(const ChipPorts& ports) {
    validate_fields("ChipPorts", ports, chip_ports_fields());
}

ChipPorts ports_for(const Topology& topology) {
    const std::int64_t links = topology.links_per_chip_max();
    ChipPorts ports;
    ports.out_vectors_per_cycle = std::max(ports.out_vectors_per_cycle, links);
    ports.in_vectors_per_cycle = std::max(ports.in_vectors_per_cycle, links);
    ports.links_fed = std::max(ports.links_fed, links);
    return ports;
}

} // namespace lpusim::net
