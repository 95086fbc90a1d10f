#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lpusim/net/topology.h"

/// A schedule of a topology's links, made ahead of time. Nothing arbitrates at run time.
namespace lpusim::net {

/// Vectors first_vector .. first_vector + vector_count - 1 of the payload go from `source` to `target`.
struct Transfer {
    std::int64_t source = 0;
    std::int64_t target = 0;
    std::int64_t first_vector = 0;
    std::int64_t vector_count = 0;
    /// Vector first_vector + i leaves the source no earlier than release_cycle + i * release_period_cycles.
    std::int64_t release_cycle = 0;
    std::int64_t release_period_cycles = 0;
    /// 1: what arrives is added to what the target holds. 0: it replaces it.
    std::int64_t adds = 0;
};

/// Slots of one directed link: vector first_vector + i * vector_step starts at start_cycle + i *
/// period_cycles, for i < vector_count. `hop` counts the links of a transfer's route from 0. Every vector of
/// a transfer takes the same number of hops, but not all need go the same way.
struct Run {
    std::int64_t transfer = 0;
    std::int64_t hop = 0;
    std::int64_t link = 0;
    std::int64_t first_vector = 0;
    std::int64_t vector_step = 1;
    std::int64_t vector_count = 0;
    std::int64_t start_cycle = 0;
    std::int64_t period_cycles = 1;

    [[nodiscard]] std::int64_t last_cycle() const { return start_cycle + (vector_count - 1) * period_cycles; }
};

/// A vector of `transfer` leaves no earlier than `delay_cycles` after the same vector of `on` has arrived.
struct Dependency {
    std::int64_t transfer = 0;
    std::int64_t on = 0;
    std::int64_t delay_cycles = 0;
};

struct Timetable {
    std::vector<Transfer> transfers;
    std::vector<Run> runs;
    std::vector<Dependency> dependencies;
};

/// Throws ValueError, naming table, row and column, for a row that means nothing: a chip, link or transfer
/// that is not there, a count below 1, a run that would collide with itself, a transfer to its own source, a
/// dependency on what arrives elsewhere. Cost: one pass over the rows and the links.
void validate(const Topology& topology, const Timetable& timetable);

/// The columns of a row type, for everything that copies tables column by column.
template <class Row>
struct Column {
    std::string_view name;
    std::int64_t Row::* member;
};

inline constexpr std::array<Column<Transfer>, 7> kTransferColumns{{
    {"source", &Transfer::source},
    {"target", &Transfer::target},
    {"first_vector", &Transfer::first_vector},
    {"vector_count", &Transfer::vector_count},
    {"release_cycle", &Transfer::release_cycle},
    {"release_period_cycles", &Transfer::release_period_cycles},
    {"adds", &Transfer::adds},
}};
inline constexpr std::array<Column<Run>, 8> kRunColumns{{
    {"transfer", &Run::transfer},
    {"hop", &Run::hop},
    {"link", &Run::link},
    {"first_vector", &Run::first_vector},
    {"vector_step", &Run::vector_step},
    {"vector_count", &Run::vector_count},
    {"start_cycle", &Run::start_cycle},
    {"period_cycles", &Run::period_cycles},
}};
inline constexpr std::array<Column<Dependency>, 3> kDependencyColumns{{
    {"transfer", &Dependency::transfer},
    {"on", &Dependency::on},
    {"delay_cycles", &Dependency::delay_cycles},
}};

} // namespace lpusim::net
