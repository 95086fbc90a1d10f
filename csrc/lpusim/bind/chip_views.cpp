#include "lpusim/bind/chip_views.h"

#include <algorithm>
#include <pybind11/stl.h>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/proof/flows.h"
#include "lpusim/chip/proof/spans.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::bind {
namespace {

std::string bank_name(const chip::BankCount& bank) {
    const chip::QueueId slice{chip::Unit::Mem, bank.hemisphere, bank.slice, bank.chip};
    return chip::to_string(slice) + "." + std::to_string(bank.bank);
}

std::string stream_name(const chip::StreamCount& count) {
    const std::string chip = count.chip == 0 ? "" : "chip" + std::to_string(count.chip) + ".";
    return chip + chip::to_string(count.stream);
}

/// Refuses an illegal program.
Dict<py::object> verify_program(const chip::Program& program, const chip::ChipSpec& spec) {
    const Progress progress = make_progress(py::none());
    chip::Verdict verdict;
    {
        // Safe: program and spec are the caller's arguments and not changed.
        const py::gil_scoped_release unlocked;
        verdict = chip::verify(program, spec, progress);
    }
    if (!verdict.legal()) {
        throw ScheduleError(verdict.message);
    }
    py::list resources;
    for (const chip::ResourceUse& use : verdict.resources) {
        resources.append(py::make_tuple(use.kind, use.count, use.occupied_peak, use.busy_mean));
    }
    return Dict<py::object>(py::arg("cycles") = verdict.cycles, py::arg("pieces") = verdict.pieces,
                            py::arg("fetch_bytes") = chip::fetch_bytes(program, spec),
                            py::arg("resources") = resources,
                            py::arg("accounting") = accounting_rows(verdict.accounting));
}

/// (kind, queue or range of slices, run, first repeat, count, message) a lint.
py::typing::List<py::object> lint_program(const chip::Program& program, const chip::ChipSpec& spec) {
    const Progress progress = make_progress(py::none());
    std::vector<chip::Lint> found;
    {
        // Safe: program and spec are the caller's arguments and not changed.
        const py::gil_scoped_release unlocked;
        found = chip::lint(program, spec, progress);
    }
    constexpr const char* kKinds[] = {"unread stream", "unused result", "unreceived vector"};
    py::typing::List<py::object> rows;
    for (const chip::Lint& lint : found) {
        const std::string last =
            lint.slices == 1 ? "" : ".." + std::to_string(lint.queue.index + lint.slices - 1);
        rows.append(py::make_tuple(kKinds[static_cast<std::size_t>(lint.kind)],
                                   chip::to_string(lint.queue) + last, lint.run, lint.repeat, lint.count,
                                   lint.message));
    }
    return rows;
}

/// Columns for a timeline: spans of queues, flows between them, and what each kind of unit does over time.
Dict<py::object> timeline_columns(const chip::Program& program, const chip::ChipSpec& spec,
                                  std::int64_t spans_max) {
    const Progress progress = make_progress(py::none());
    std::vector<chip::QueueSpan> spans;
    std::vector<chip::SpanFlow> arrows;
    {
        // Safe: program and spec are the caller's arguments and not changed.
        const py::gil_scoped_release unlocked;
        const std::vector<chip::ValueFlow> flows = chip::flows(program, spec, progress);
        spans = chip::queue_spans(program, spec, spans_max);
        arrows = chip::span_flows(spans, flows);
    }
    std::vector<std::string> queues, labels;
    std::vector<std::int64_t> queue, unit, run, first_cycle, duration_cycles, instances, rest, source, target;
    labels.reserve(program.runs.size());
    for (const chip::InstructionRun& each : program.runs)
        labels.push_back(chip::instruction_text(each.instruction, program.maps));
    const chip::QueueSpan* before = nullptr;
    for (const chip::QueueSpan& span : spans) {
        if (before == nullptr || !(before->queue == span.queue) || before->lane != span.lane)
            queues.push_back(chip::to_string(span.queue) + (span.lane == 0 ? "" : " (more)"));
        before = &span;
        queue.push_back(static_cast<std::int64_t>(queues.size()) - 1);
        unit.push_back(static_cast<std::int64_t>(span.queue.unit));
        run.push_back(span.run);
        first_cycle.push_back(span.first_cycle);
        duration_cycles.push_back(span.duration_cycles);
        instances.push_back(span.instances);
        rest.push_back(span.rest ? 1 : 0);
    }
    for (const chip::SpanFlow& arrow : arrows) {
        source.push_back(arrow.source);
        target.push_back(arrow.target);
    }
    return Dict<py::object>(
        py::arg("queues") = queues, py::arg("labels") = labels, py::arg("queue") = to_numpy(std::move(queue)),
        py::arg("unit") = to_numpy(std::move(unit)), py::arg("run") = to_numpy(std::move(run)),
        py::arg("first_cycle") = to_numpy(std::move(first_cycle)),
        py::arg("duration_cycles") = to_numpy(std::move(duration_cycles)),
        py::arg("instances") = to_numpy(std::move(instances)), py::arg("rest") = to_numpy(std::move(rest)),
        py::arg("source") = to_numpy(std::move(source)), py::arg("target") = to_numpy(std::move(target)));
}

/// Where stream values travel: one row a drive that somebody reads, first instances first, at most
/// `rows_max`.
Dict<py::object> stream_paths(const chip::Program& program, const chip::ChipSpec& spec,
                              std::int64_t rows_max) {
    const Progress progress = make_progress(py::none());
    std::vector<chip::ValueFlow> flows;
    {
        // Safe: program and spec are the caller's arguments and not changed.
        const py::gil_scoped_release unlocked;
        flows = chip::flows(program, spec, progress);
    }
    std::vector<std::int64_t> chips, east, stream, from_position, to_position, from_cycle, to_cycle, driver,
        reader;
    std::int64_t flow_count = 0;
    for (const chip::ValueFlow& flow : flows)
        flow_count += flow.on_stream ? 1 : 0;
    const std::int64_t each = flow_count == 0 ? 0 : std::max<std::int64_t>(rows_max / flow_count, 1);
    for (const chip::ValueFlow& flow : flows) {
        if (!flow.on_stream || static_cast<std::int64_t>(chips.size()) >= rows_max)
            continue;
        for (std::int64_t i = 0; i < std::min(each, flow.drive_cycles.size()); ++i) {
            chips.push_back(flow.driver.chip);
            east.push_back(flow.stream.direction == chip::Direction::East ? 1 : 0);
            stream.push_back(flow.stream.stream);
            from_position.push_back(flow.drive_position);
            to_position.push_back(flow.read_position);
            from_cycle.push_back(flow.drive_cycles.at(i));
            to_cycle.push_back(flow.read_cycles.at(i));
            driver.push_back(flow.driver_run);
            reader.push_back(flow.reader_run);
        }
    }
    return Dict<py::object>(
        py::arg("chip") = to_numpy(std::move(chips)), py::arg("east") = to_numpy(std::move(east)),
        py::arg("stream") = to_numpy(std::move(stream)),
        py::arg("from_position") = to_numpy(std::move(from_position)),
        py::arg("to_position") = to_numpy(std::move(to_position)),
        py::arg("from_cycle") = to_numpy(std::move(from_cycle)),
        py::arg("to_cycle") = to_numpy(std::move(to_cycle)), py::arg("driver") = to_numpy(std::move(driver)),
        py::arg("reader") = to_numpy(std::move(reader)));
}

} // namespace

Dict<py::object> accounting_rows(const chip::Accounting& accounting) {
    py::dict queues, streams, banks;
    for (const chip::QueueUse& use : accounting.queues) {
        queues[py::str(chip::to_string(use.queue))] =
            py::make_tuple(use.busy_cycles, use.parked_cycles, use.powered_superlane_cycles);
    }
    for (const chip::StreamCount& count : accounting.streams)
        streams[py::str(stream_name(count))] = py::make_tuple(count.driven_vectors, count.read_vectors);
    for (const chip::BankCount& count : accounting.banks)
        banks[py::str(bank_name(count))] = py::make_tuple(count.read_vectors, count.written_vectors);
    return Dict<py::object>(
        py::arg("queues") = queues, py::arg("streams") = streams, py::arg("banks") = banks,
        py::arg("int8_activations") = accounting.int8_activations,
        py::arg("fp8_activations") = accounting.fp8_activations,
        py::arg("fp16_activations") = accounting.fp16_activations,
        py::arg("alu_vectors") = accounting.alu_vectors, py::arg("sxm_vectors") = accounting.sxm_vectors,
        py::arg("link_vectors") = accounting.link_vectors,
        py::arg("fetched_vectors") = accounting.fetched_vectors);
}

void bind_chip_views(py::module_& room) {
    room.def("verify", &verify_program, py::arg("program"), py::arg("spec"),
             "What a legal program amounts to; raises ScheduleError with the first broken rule.");
    room.def("lint", &lint_program, py::arg("program"), py::arg("spec"),
             "What is legal but hardly meant; raises ScheduleError with the first broken rule.");
    room.def("timeline", &timeline_columns, py::arg("program"), py::arg("spec"), py::arg("spans_max"),
             "When queues work and who feeds whom, as columns for a timeline.");
    room.def("stream_paths", &stream_paths, py::arg("program"), py::arg("spec"), py::arg("rows_max"),
             "Where stream values travel, as columns for a plot.");
}

} // namespace lpusim::bind
