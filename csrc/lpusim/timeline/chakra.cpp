#include "lpusim/timeline/chakra.h"

#include <limits>
#include <string_view>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/timeline/columns.h"
#include "lpusim/timeline/protobuf.h"

// Field numbers: mlcommons/chakra, schema/protobuf/et_def.proto. Attribute names and types: what its feeder
// (src/feeder/et_feeder_node.cpp) reads.
namespace lpusim::timeline {
namespace {

constexpr std::string_view kVersion = "0.0.4";
constexpr std::uint32_t kMetadataVersion = 1;

namespace node {
constexpr std::uint32_t kId = 1;
constexpr std::uint32_t kName = 2;
constexpr std::uint32_t kType = 3;
constexpr std::uint32_t kDataDependencies = 5;
constexpr std::uint32_t kStartMicroseconds = 6;
constexpr std::uint32_t kDurationMicroseconds = 7;
constexpr std::uint32_t kAttribute = 10;
} // namespace node

namespace attribute {
constexpr std::uint32_t kName = 1;
constexpr std::uint32_t kInt32 = 7;
constexpr std::uint32_t kInt64 = 9;
constexpr std::uint32_t kUint64 = 13;
constexpr std::uint32_t kBool = 27;
} // namespace attribute

constexpr std::int64_t kPicosecondsPerMicrosecond = 1'000'000;

constexpr std::int64_t number(NodeKind kind) {
    return static_cast<std::int64_t>(kind);
}

void require_kinds(std::span<const std::int64_t> kinds) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (kinds[i] < number(NodeKind::compute) || kinds[i] > number(NodeKind::receive)) {
            throw ValueError(row_text("kind", i, kinds[i]) + " must be 4 (compute), 5 (send) or 6 (receive)");
        }
    }
}

void require_32_bits(std::string_view column, std::span<const std::int64_t> values) {
    require_not_negative(column, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] > std::numeric_limits<std::int32_t>::max())
            throw ValueError(row_text(column, i, values[i]) + " must fit 32 bits, as Chakra writes it");
    }
}

void require_waits(const WaitColumns& waits, std::size_t node_count) {
    require_same_length("wait", {waits.node.size(), waits.on.size()});
    require_index("node", waits.node, node_count);
    require_index("on", waits.on, node_count);
    for (std::size_t i = 0; i < waits.node.size(); ++i) {
        if (waits.on[i] >= waits.node[i])
            throw ValueError(row_text("on", i, waits.on[i]) +
                             " must be an earlier node than the one that waits, " +
                             std::to_string(waits.node[i]));
        if (i > 0 && waits.node[i] < waits.node[i - 1])
            throw ValueError(row_text("node", i, waits.node[i]) + " must not come after " +
                             std::to_string(waits.node[i - 1]));
    }
}

void validate(const ExecutionTrace& trace) {
    const NodeColumns& nodes = trace.nodes;
    require_same_length("node", {nodes.kind.size(), nodes.name.size(), nodes.start_ps.size(),
                                 nodes.duration_ps.size(), nodes.size_bytes.size(), nodes.source.size(),
                                 nodes.target.size(), nodes.tag.size(), nodes.operation_count.size()});
    require_kinds(nodes.kind);
    require_index("name", nodes.name, trace.names.size());
    require_not_negative("start_ps", nodes.start_ps);
    require_not_negative("duration_ps", nodes.duration_ps);
    require_not_negative("size_bytes", nodes.size_bytes);
    require_32_bits("source", nodes.source);
    require_32_bits("target", nodes.target);
    require_32_bits("tag", nodes.tag);
    require_not_negative("operation_count", nodes.operation_count);
    require_waits(trace.waits, nodes.kind.size());
}

void add_attribute(MessageWriter& out, std::string_view name, std::uint32_t type, std::int64_t value) {
    MessageWriter body;
    body.text(attribute::kName, name);
    body.varint(type, static_cast<std::uint64_t>(value));
    out.message(node::kAttribute, body);
}

MessageWriter node_message(const ExecutionTrace& trace, std::size_t row,
                           std::span<const std::uint64_t> waits_for) {
    const NodeColumns& nodes = trace.nodes;
    MessageWriter out;
    out.varint(node::kId, row);
    out.text(node::kName, trace.names[static_cast<std::size_t>(nodes.name[row])]);
    out.varint(node::kType, static_cast<std::uint64_t>(nodes.kind[row]));
    out.packed(node::kDataDependencies, waits_for);
    out.varint(node::kStartMicroseconds,
               static_cast<std::uint64_t>(nodes.start_ps[row] / kPicosecondsPerMicrosecond));
    out.varint(node::kDurationMicroseconds,
               static_cast<std::uint64_t>(nodes.duration_ps[row] / kPicosecondsPerMicrosecond));
    add_attribute(out, "is_cpu_op", attribute::kBool, 0);
    if (nodes.kind[row] == number(NodeKind::compute)) {
        add_attribute(out, "num_ops", attribute::kInt64, nodes.operation_count[row]);
        add_attribute(out, "tensor_size", attribute::kUint64, nodes.size_bytes[row]);
    } else {
        add_attribute(out, "comm_src", attribute::kInt32, nodes.source[row]);
        add_attribute(out, "comm_dst", attribute::kInt32, nodes.target[row]);
        add_attribute(out, "comm_tag", attribute::kInt32, nodes.tag[row]);
        add_attribute(out, "comm_size", attribute::kInt64, nodes.size_bytes[row]);
    }
    add_attribute(out, "start_ps", attribute::kInt64, nodes.start_ps[row]);
    add_attribute(out, "duration_ps", attribute::kInt64, nodes.duration_ps[row]);
    return out;
}

} // namespace

std::string to_chakra(const ExecutionTrace& trace) {
    validate(trace);
    MessageWriter metadata;
    metadata.text(kMetadataVersion, kVersion);
    MessageWriter file;
    file.delimited(metadata);
    std::vector<std::uint64_t> waits_for;
    std::size_t wait = 0;
    for (std::size_t row = 0; row < trace.nodes.kind.size(); ++row) {
        waits_for.clear();
        for (; wait < trace.waits.node.size() && trace.waits.node[wait] == static_cast<std::int64_t>(row);
             ++wait)
            waits_for.push_back(static_cast<std::uint64_t>(trace.waits.on[wait]));
        file.delimited(node_message(trace, row, waits_for));
    }
    return file.take();
}

} // namespace lpusim::timeline
