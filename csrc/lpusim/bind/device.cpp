#include "lpusim/device/gpu.h"

#include <algorithm>
#include <memory>
#include <pybind11/stl.h>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/device/timing.h"

namespace lpusim::bind {

namespace {

void bind_pipeline_timing(py::module_& device) {
    using device::PipelineTiming;
    py::class_<PipelineTiming>(
        device, "PipelineTiming",
        "Occupancy and latency of the items of a pipelined machine, one row a KV page.")
        .def(py::init([](std::int64_t stage_count, std::int64_t page_tokens, std::int64_t kv_page_count,
                         std::int64_t chunk_tokens, std::vector<std::int64_t> decode_occupancy_ps,
                         std::vector<std::int64_t> decode_latency_ps,
                         std::vector<std::int64_t> prefill_occupancy_ps,
                         std::vector<std::int64_t> prefill_latency_ps) {
                 return PipelineTiming{stage_count,
                                       page_tokens,
                                       kv_page_count,
                                       chunk_tokens,
                                       std::move(decode_occupancy_ps),
                                       std::move(decode_latency_ps),
                                       std::move(prefill_occupancy_ps),
                                       std::move(prefill_latency_ps)};
             }),
             py::kw_only(), py::arg("stage_count"), py::arg("page_tokens"), py::arg("kv_page_count"),
             py::arg("chunk_tokens"), py::arg("decode_occupancy_ps"), py::arg("decode_latency_ps"),
             py::arg("prefill_occupancy_ps"), py::arg("prefill_latency_ps"))
        .def_readonly("stage_count", &PipelineTiming::stage_count)
        .def_readonly("page_tokens", &PipelineTiming::page_tokens)
        .def_readonly("kv_page_count", &PipelineTiming::kv_page_count)
        .def_readonly("chunk_tokens", &PipelineTiming::chunk_tokens)
        .def_readonly("decode_occupancy_ps", &PipelineTiming::decode_occupancy_ps)
        .def_readonly("decode_latency_ps", &PipelineTiming::decode_latency_ps)
        .def_readonly("prefill_occupancy_ps", &PipelineTiming::prefill_occupancy_ps)
        .def_readonly("prefill_latency_ps", &PipelineTiming::prefill_latency_ps);
}

void bind_gpu(py::module_& device) {
    using device::BatchStep;
    using device::BatchTiming;
    using device::GpuSpec;
    using device::GpuTiming;
    auto spec = py::class_<GpuSpec>(device, "GpuSpec", "One GPU: peaks, memory, links, reached efficiencies.")
                    .def(py::init<>())
                    .def("validate", [](const GpuSpec& self) { validate(self); });
    bind_fields<GpuSpec>(spec, device::gpu_spec_fields());

    py::class_<BatchTiming, std::shared_ptr<BatchTiming>>(device, "BatchTiming",
                                                          "Iteration times of a batching machine.")
        .def(
            "step_ps",
            [](const BatchTiming& self, std::int64_t prefill_tokens, std::int64_t prefill_context_tokens,
               std::int64_t decode_sequences, std::int64_t decode_context_tokens) {
                if (prefill_tokens < 0 || prefill_context_tokens < 0 || decode_sequences < 0 ||
                    decode_context_tokens < 0 || prefill_tokens + decode_sequences < 1) {
                    throw ValueError("a step needs counts of 0 or more and at least one token");
                }
                return self.step_ps(
                    {prefill_tokens, prefill_context_tokens, decode_sequences, decode_context_tokens});
            },
            py::kw_only(), py::arg("prefill_tokens") = 0, py::arg("prefill_context_tokens") = 0,
            py::arg("decode_sequences") = 0, py::arg("decode_context_tokens") = 0,
            "Picoseconds of one iteration.")
        .def_property_readonly("kv_token_capacity", &BatchTiming::kv_token_capacity);

    py::class_<GpuTiming, BatchTiming, std::shared_ptr<GpuTiming>>(
        device, "GpuTiming", "Roofline iteration times of `chip_count` GPUs that share one model.")
        .def(py::init<const GpuSpec&, std::int64_t, const model::Load&, std::string_view>(), py::arg("spec"),
             py::kw_only(), py::arg("chip_count"), py::arg("load"), py::arg("weights"))
        .def_property_readonly("chip_count", &GpuTiming::chip_count)
        .def_property_readonly("stage_count", &GpuTiming::stage_count)
        .def(
            "decode_parts_s",
            [](const GpuTiming& self, std::int64_t sequences, std::int64_t context_tokens) {
                if (sequences < 1 || context_tokens < 0) {
                    throw ValueError(
                        "a decode step needs at least 1 sequence and a context of at least 0, got " +
                        std::to_string(sequences) + " and " + std::to_string(context_tokens));
                }
                const device::GpuStepParts parts = self.parts({0, 0, sequences, context_tokens});
                Dict<py::float_> result;
                const bool is_memory_bound = parts.memory_s >= parts.compute_s;
                result[is_memory_bound ? "memory" : "compute"] = std::max(parts.memory_s, parts.compute_s);
                result["all_reduce"] = parts.all_reduce_s;
                result["overhead"] = parts.fixed_s;
                return result;
            },
            py::kw_only(), py::arg("sequences"), py::arg("context_tokens"),
            "Seconds of one decode step by what binds: memory or compute, all_reduce, overhead. "
            "`context_tokens` is the "
            "sum over the sequences.");
}

} // namespace

void bind_device(py::module_& core) {
    auto device = core.def_submodule("device", "Time of a step on a machine.");
    bind_pipeline_timing(device);
    bind_gpu(device);
}

} // namespace lpusim::bind
