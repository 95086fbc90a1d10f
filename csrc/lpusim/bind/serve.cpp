#include "lpusim/serve/serve.h"

#include <array>
#include <pybind11/stl.h>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/serve/generate.h"

namespace lpusim::bind {

namespace {

void bind_pool(py::module_& room) {
    using serve::PoolSpec;
    py::class_<PoolSpec>(room, "PoolSpec", "Equal machines behind one name.")
        .def_static(
            "pipeline",
            [](std::string name, const device::PipelineTiming& timing, std::int64_t replicas,
               std::int64_t max_sequences, bool prefill_first, double usd_in, double usd_out) {
                return PoolSpec{std::move(name),
                                serve::PipelineMachine{timing, {max_sequences, prefill_first}}, replicas,
                                usd_in, usd_out};
            },
            py::kw_only(), py::arg("name"), py::arg("timing"), py::arg("replicas") = 1,
            py::arg("max_sequences") = 0, py::arg("prefill_first") = false,
            py::arg("usd_per_input_token") = 0.0, py::arg("usd_per_output_token") = 0.0)
        .def_static(
            "batch",
            [](std::string name, const std::shared_ptr<device::BatchTiming>& timing, std::int64_t replicas,
               std::int64_t max_batch_tokens, std::int64_t max_sequences, std::int64_t block_tokens,
               double usd_in, double usd_out) {
                return PoolSpec{std::move(name),
                                serve::BatchMachine{timing, {max_batch_tokens, max_sequences, block_tokens}},
                                replicas, usd_in, usd_out};
            },
            py::kw_only(), py::arg("name"), py::arg("timing"), py::arg("replicas") = 1,
            py::arg("max_batch_tokens") = serve::BatchOptions{}.batch_tokens_max,
            py::arg("max_sequences") = serve::BatchOptions{}.sequence_count_max,
            py::arg("block_tokens") = serve::BatchOptions{}.block_tokens,
            py::arg("usd_per_input_token") = 0.0, py::arg("usd_per_output_token") = 0.0)
        .def_static(
            "api",
            [](std::string name, std::int64_t time_to_first_token_ps, std::int64_t time_per_output_token_ps,
               std::int64_t max_context_tokens, double usd_in, double usd_out) {
                return PoolSpec{
                    std::move(name),
                    serve::ApiMachine{{time_to_first_token_ps, time_per_output_token_ps, max_context_tokens}},
                    1, usd_in, usd_out};
            },
            py::kw_only(), py::arg("name"), py::arg("time_to_first_token_ps"),
            py::arg("time_per_output_token_ps"), py::arg("max_context_tokens") = 0,
            py::arg("usd_per_input_token") = 0.0, py::arg("usd_per_output_token") = 0.0)
        .def_readonly("name", &PoolSpec::name);
}

Dict<py::object> pool_columns(const std::vector<serve::EngineStatistics>& pools) {
    using serve::EngineStatistics;
    using Row = std::pair<const char*, std::int64_t EngineStatistics::*>;
    constexpr std::array<Row, 11> rows{{
        {"finished", &EngineStatistics::finished},
        {"input_tokens", &EngineStatistics::input_tokens},
        {"output_tokens", &EngineStatistics::output_tokens},
        {"prefill_items", &EngineStatistics::prefill_items},
        {"prefill_tokens", &EngineStatistics::prefill_tokens},
        {"decode_items", &EngineStatistics::decode_items},
        {"steps", &EngineStatistics::steps},
        {"busy_ps", &EngineStatistics::busy_ps},
        {"kv_unit_tokens", &EngineStatistics::kv_unit_tokens},
        {"kv_units", &EngineStatistics::kv_units},
        {"kv_units_peak", &EngineStatistics::kv_units_peak},
    }};
    Dict<py::object> columns;
    for (const auto& [name, member] : rows) {
        std::vector<std::int64_t> column;
        column.reserve(pools.size());
        for (const EngineStatistics& pool : pools) {
            column.push_back(pool.*member);
        }
        columns[name] = to_numpy(std::move(column));
    }
    std::vector<double> kv_unit_ps;
    kv_unit_ps.reserve(pools.size());
    for (const EngineStatistics& pool : pools) {
        kv_unit_ps.push_back(pool.kv_unit_ps.to_double());
    }
    columns["kv_unit_ps"] = to_numpy(std::move(kv_unit_ps));
    return columns;
}

Dict<py::object> run(const std::vector<serve::PoolSpec>& pools, const Column<std::int64_t>& arrival_ps,
                     const Column<std::int64_t>& input_tokens, const Column<std::int64_t>& output_tokens,
                     std::string_view policy, std::int64_t slo_ttft_ps, std::int64_t slo_tpot_ps,
                     std::uint64_t seed, py::object progress) {
    const serve::RequestColumns requests{column_view("arrival_ps", arrival_ps),
                                         column_view("input_tokens", input_tokens),
                                         column_view("output_tokens", output_tokens)};
    const serve::RouterOptions router{serve::parse_policy(policy), slo_ttft_ps, slo_tpot_ps, seed};
    const Progress report = make_progress(std::move(progress));
    serve::ServeOutcome outcome;
    {
        // Safe: the spans point into arrays the caller's frame owns; only `report` takes the lock again.
        const py::gil_scoped_release unlocked;
        outcome = serve::serve(pools, requests, router, report);
    }
    Dict<py::object> result;
    result["first_token_ps"] = to_numpy(std::move(outcome.first_token_ps));
    result["finish_ps"] = to_numpy(std::move(outcome.finish_ps));
    result["pool"] = to_numpy(std::move(outcome.pool));
    result["status"] = to_numpy(std::move(outcome.status));
    result["pools"] = pool_columns(outcome.pools);
    result["start_ps"] = outcome.start_ps;
    result["end_ps"] = outcome.end_ps;
    return result;
}

Columns generate(std::int64_t requests, std::uint64_t seed, std::string_view arrivals, double requests_per_s,
                 double gap_cv, std::vector<double> input_shares, std::vector<double> input_tokens,
                 std::vector<double> output_shares, std::vector<double> output_tokens) {
    serve::GeneratedRequests columns =
        serve::generate({requests,
                         seed,
                         serve::parse_arrivals(arrivals),
                         requests_per_s,
                         gap_cv,
                         {std::move(input_shares), std::move(input_tokens)},
                         {std::move(output_shares), std::move(output_tokens)}});
    Columns result;
    result["arrival_ps"] = to_numpy(std::move(columns.arrival_ps));
    result["input_tokens"] = to_numpy(std::move(columns.input_tokens));
    result["output_tokens"] = to_numpy(std::move(columns.output_tokens));
    return result;
}

} // namespace

void bind_serve(py::module_& core) {
    auto room = core.def_submodule("serve", "The event clock: pools, admission, routing.");
    room.attr("NEVER_PS") = serve::kNever;
    room.attr("ARRIVAL_PS_MAX") = serve::kLatestPs / 2;
    room.attr("TOKENS_MAX") = serve::kTokensMax;
    bind_pool(room);
    room.def("run", &run, py::arg("pools"), py::kw_only(), py::arg("arrival_ps").noconvert(),
             py::arg("input_tokens").noconvert(), py::arg("output_tokens").noconvert(), py::arg("policy"),
             py::arg("slo_ttft_ps") = serve::kNever, py::arg("slo_tpot_ps") = serve::kNever,
             py::arg("seed") = 0, py::arg("progress") = py::none(),
             "Runs requests through pools; returns columns, one row a request, and `pools`, one row a pool.");
    room.def("generate", &generate, py::kw_only(), py::arg("requests"), py::arg("seed"), py::arg("arrivals"),
             py::arg("requests_per_s"), py::arg("gap_cv"), py::arg("input_shares"), py::arg("input_tokens"),
             py::arg("output_shares"), py::arg("output_tokens"),
             "Requests drawn from stated statistics, as int64 columns.");
}

} // namespace lpusim::bind
