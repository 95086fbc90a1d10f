#pragma once

#include <cstdint>
#include <span>
#include <string>

/// What one chip sends, receives and computes, and what waits for what: an execution trace that network
/// simulators replay.
namespace lpusim::timeline {

/// What a node does, by its number in Chakra.
enum class NodeKind : std::int64_t { compute = 4, send = 5, receive = 6 };

/// Columns of equal length, one row a node.
struct NodeColumns {
    /// A NodeKind.
    std::span<const std::int64_t> kind;
    /// Index of ExecutionTrace::names.
    std::span<const std::int64_t> name;
    std::span<const std::int64_t> start_ps;
    std::span<const std::int64_t> duration_ps;
    /// Of a message, or of what is computed on.
    std::span<const std::int64_t> size_bytes;
    /// The chips of a message and the number that pairs its sending with its reception; 0 where nothing is
    /// sent.
    std::span<const std::int64_t> source;
    std::span<const std::int64_t> target;
    std::span<const std::int64_t> tag;
    /// Operations computed; 0 where there are none.
    std::span<const std::int64_t> operation_count;
};

/// One row a wait: `node` starts after `on`, which is an earlier row. Ordered by node.
struct WaitColumns {
    std::span<const std::int64_t> node;
    std::span<const std::int64_t> on;
};

/// The spans point into memory of the caller, which must outlive the call that reads them.
struct ExecutionTrace {
    std::span<const std::string> names;
    NodeColumns nodes;
    WaitColumns waits;
};

/// The trace as a Chakra file (MLCommons Chakra, schema/protobuf/et_def.proto): GlobalMetadata, then one Node
/// after the other, each behind its length. Node ids are row numbers.
///
/// Messages have the attributes `comm_src`, `comm_dst`, `comm_tag` and `comm_size`, computations `num_ops`
/// and `tensor_size`. Chakra counts microseconds, floored here; the exact picoseconds stand beside them as
/// the attributes `start_ps` and `duration_ps`. Same trace, same bytes. Cost: one pass, about 200 bytes a
/// node.
///
/// Throws ValueError naming the first row at fault when: column lengths differ; a kind or a name is none; a
/// number is negative; a chip or a tag is beyond 32 bits; a wait points at nothing, is not for an earlier row
/// or is out of order.
[[nodiscard]] std::string to_chakra(const ExecutionTrace& trace);

} // namespace lpusim::timeline
