#include <pybind11/native_enum.h>
#include <pybind11/stl.h>
#include <tuple>
#include <utility>

#include "lpusim/bind/arrays.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/moe/engine/dispatch.h"
#include "lpusim/moe/engine/expert_ffn.h"
#include "lpusim/moe/engine/narrow_rows.h"
#include "lpusim/moe/traffic.h"

namespace lpusim::bind {
namespace {

using OptionalArray = std::optional<py::array>;

/// The order of a plan, seen where its arrays lie.
struct PlanView {
    PlanView(const py::array& permutation_array, const py::array& inverse_array, std::int64_t per_token)
        : permutation(
              checked<std::int32_t>("plan.permutation", permutation_array, {permutation_array.size()})),
          inverse(checked<std::int32_t>("plan.inverse", inverse_array, {permutation_array.size()})),
          experts_per_token(per_token) {
        if (per_token < 1 || permutation_array.size() % per_token != 0) {
            throw ValueError("plan: experts_per_token must divide the rows, got " +
                             std::to_string(per_token) + " and " + std::to_string(permutation_array.size()));
        }
    }

    [[nodiscard]] py::ssize_t rows() const { return static_cast<py::ssize_t>(inverse.size()); }
    [[nodiscard]] py::ssize_t tokens() const { return rows() / experts_per_token; }

    std::span<const std::int32_t> permutation;
    std::span<const std::int32_t> inverse;
    std::int64_t experts_per_token;
};

constexpr const char* kRowsOfPlan = "a row for each row of the plan";
constexpr const char* kTokensOfPlan = "a row for each token of the plan";
constexpr const char* kLikeIds = "as the ids that were planned";

constexpr std::pair<const char*, SimdLevel> kLevels[] = {
    {"portable", SimdLevel::Portable}, {"avx2", SimdLevel::Avx2}, {"avx512", SimdLevel::Avx512Vnni}};

py::typing::List<py::str> simd_levels_here() {
    py::typing::List<py::str> names;
    for (const auto& [name, level] : kLevels) {
        if (level <= best_simd_level()) {
            names.append(name);
        }
    }
    return names;
}

SimdLevel level_of(const std::optional<std::string>& simd) {
    if (!simd) {
        return best_simd_level();
    }
    std::string here;
    for (const auto& [name, level] : kLevels) {
        if (level <= best_simd_level()) {
            if (*simd == name) {
                return level;
            }
            here += (here.empty() ? "'" : ", '") + std::string(name) + "'";
        }
    }
    throw ValueError("simd must be one that this machine has (" + here + "), got '" + *simd + "'");
}

std::int64_t checked_threads(std::int64_t threads) {
    constexpr std::int64_t kThreadsMax = 1024;
    if (threads < 1 || threads > kThreadsMax) {
        throw ValueError("threads must be from 1 to 1024, got " + std::to_string(threads));
    }
    return threads;
}

void check_two_dimensions(const char* name, const py::array& array) {
    if (array.ndim() != 2) {
        throw ValueError(std::string(name) + " must have two dimensions, got shape " +
                         text_of(shape_of(array)));
    }
}

template <class Number>
void scaled_into(const PlanView& plan, const py::array& x, const py::array& scale, py::array& rows,
                 std::int64_t threads, SimdLevel level) {
    const auto from = elements_of<Number>(x);
    const auto factors = checked<float>("scale", scale, {plan.tokens(), plan.experts_per_token}, kLikeIds);
    const auto to = mutable_elements_of<Number>(rows);
    const auto width = static_cast<std::int64_t>(x.shape(1));
    const py::gil_scoped_release unlocked;
    moe::check_weights("scale", factors, plan.experts_per_token);
    moe::check_order(plan.permutation, plan.inverse);
    moe::dispatch_scaled(from, plan.inverse, factors, plan.experts_per_token, width, to, threads, level);
}

py::array dispatch(const py::array& x, const py::array& permutation, const py::array& inverse,
                   std::int64_t experts_per_token, const OptionalArray& scale, const OptionalArray& out,
                   std::int64_t threads, const std::optional<std::string>& simd) {
    const PlanView plan(permutation, inverse, experts_per_token);
    const SimdLevel level = level_of(simd);
    checked_threads(threads);
    check_two_dimensions("x", x);
    check_layout("x", x, {plan.tokens(), x.shape(1)}, kTokensOfPlan);
    if (std::string("biufc").find(x.dtype().kind()) == std::string::npos) {
        throw py::type_error("x must be an array of numbers, got " + std::string(py::str(x.dtype())));
    }
    py::array rows = output_array(out, x.dtype(), {plan.rows(), x.shape(1)}, {{"x", x}});
    if (scale) {
        if (holds<float>(x)) {
            scaled_into<float>(plan, x, *scale, rows, threads, level);
        } else if (holds<std::uint16_t>(x)) {
            scaled_into<std::uint16_t>(plan, x, *scale, rows, threads, level);
        } else {
            throw py::type_error("x must be float32 or float16 to be scaled, got " +
                                 std::string(py::str(x.dtype())));
        }
        return rows;
    }
    const std::span from(static_cast<const std::byte*>(x.data()), static_cast<std::size_t>(x.nbytes()));
    const std::span to(static_cast<std::byte*>(rows.mutable_data()), static_cast<std::size_t>(rows.nbytes()));
    const auto row_bytes = static_cast<std::int64_t>(x.shape(1) * x.itemsize());
    {
        // Safe: the spans point into arrays this frame and the caller's own; no Python object is touched
        // below.
        const py::gil_scoped_release unlocked;
        moe::check_order(plan.permutation, plan.inverse);
        moe::dispatch(from, plan.inverse, experts_per_token, row_bytes, to, threads, level);
    }
    return rows;
}

template <class Row, class Out>
void combine_into(const PlanView& plan, const py::array& rows, const OptionalArray& weights,
                  const OptionalArray& shared, moe::CombineOrder order, py::array& y, std::int64_t threads,
                  SimdLevel level) {
    const auto from = elements_of<Row>(rows);
    const auto factors =
        checked<float>("weights", weights, {plan.tokens(), plan.experts_per_token}, kLikeIds);
    const auto added = checked<float>("shared", shared, {plan.tokens(), rows.shape(1)}, kTokensOfPlan);
    const auto to = mutable_elements_of<Out>(y);
    const auto width = static_cast<std::int64_t>(rows.shape(1));
    const py::gil_scoped_release unlocked;
    moe::check_weights("weights", factors, plan.experts_per_token);
    moe::check_order(plan.permutation, plan.inverse);
    moe::combine<Row, Out>(from, plan.inverse, factors, added, plan.experts_per_token, width, order, to,
                           threads, level);
}

py::array combine(const py::array& rows, const py::array& permutation, const py::array& inverse,
                  std::int64_t experts_per_token, const OptionalArray& weights, const OptionalArray& shared,
                  moe::CombineOrder order, const std::string& dtype, const OptionalArray& out,
                  std::int64_t threads, const std::optional<std::string>& simd) {
    const PlanView plan(permutation, inverse, experts_per_token);
    const SimdLevel level = level_of(simd);
    checked_threads(threads);
    check_two_dimensions("rows", rows);
    check_layout("rows", rows, {plan.rows(), rows.shape(1)}, kRowsOfPlan);
    const bool half_out = dtype == "float16", half_rows = holds<std::uint16_t>(rows);
    if (!half_out && dtype != "float32") {
        throw ValueError("dtype must be 'float32' or 'float16', got '" + dtype + "'");
    }
    if (!half_rows && !holds<float>(rows)) {
        throw py::type_error("rows must be an array of float32 or float16, got " +
                             std::string(py::str(rows.dtype())));
    }
    std::vector<std::pair<const char*, py::array>> inputs{{"rows", rows}};
    if (shared) {
        inputs.emplace_back("shared", *shared);
    }
    py::array y = output_array(out, py::dtype(dtype), {plan.tokens(), rows.shape(1)}, inputs);
    const auto run =
        half_rows
            ? (half_out ? combine_into<std::uint16_t, std::uint16_t> : combine_into<std::uint16_t, float>)
            : (half_out ? combine_into<float, std::uint16_t> : combine_into<float, float>);
    run(plan, rows, weights, shared, order, y, threads, level);
    return y;
}

/// Rows of each expert, checked: from 0 upwards, never decreasing.
std::span<const std::int64_t> offsets_of(const py::array& offsets) {
    const auto values = checked<std::int64_t>("plan.offsets", offsets, {offsets.size()});
    if (values.size() < 2 || values.front() != 0 || !std::is_sorted(values.begin(), values.end())) {
        throw ValueError("plan.offsets must hold one value an expert plus one, from 0 and never decreasing");
    }
    return values;
}

/// Calls run.operator()<Element>() for the number format of `array`.
template <class Run>
auto with_format(const char* name, const py::array& array, const Run& run) {
    if (holds<float>(array)) {
        return run.template operator()<float>();
    }
    if (holds<std::uint16_t>(array)) {
        return run.template operator()<std::uint16_t>();
    }
    if (holds<std::int8_t>(array)) {
        return run.template operator()<std::int8_t>();
    }
    if (holds<std::uint8_t>(array)) {
        return run.template operator()<std::uint8_t>();
    }
    throw py::type_error(std::string(name) +
                         " must be an array of float32, float16, int8 or uint8 (fp8 e4m3 bits), got " +
                         std::string(py::str(array.dtype())));
}

template <class Element>
moe::ComputeOptions options_of(std::int64_t depth, std::optional<std::int64_t> sum_length,
                               std::int64_t threads, const std::optional<std::string>& simd) {
    if (depth < 1 || depth > moe::depth_max<Element>()) {
        throw ValueError("a sum must have from 1 to " + std::to_string(moe::depth_max<Element>()) +
                         " products of " + dtype_name<Element>() + ", got " + std::to_string(depth));
    }
    // fp8 sums are exact as long as they can be; fp16 ones are those of a 320-lane plane.
    constexpr bool kFp8 = std::same_as<Element, std::uint8_t>;
    const std::int64_t length = sum_length.value_or(kFp8 ? moe::sum_length_max<Element>() : 320);
    if (length < 1 || length > moe::sum_length_max<Element>()) {
        throw ValueError("sum_length must be from 1 to " + std::to_string(moe::sum_length_max<Element>()) +
                         " for " + dtype_name<Element>() + ", got " + std::to_string(length));
    }
    return {.sum_length = length,
            .threads = checked_threads(threads),
            .level = level_of(simd),
            .progress = make_progress(py::none())};
}

py::array expert_gemm(const py::array& rows, const py::array& offsets, const py::array& matrices,
                      std::optional<std::int64_t> sum_length, const OptionalArray& out, std::int64_t threads,
                      const std::optional<std::string>& simd) {
    return with_format("rows", rows, [&]<class Element>() {
        using Result = typename moe::ProductResult<Element>::Type;
        const auto of_experts = offsets_of(offsets);
        if (matrices.ndim() != 3) {
            throw ValueError("w must have shape (experts, depth, columns), got " +
                             text_of(shape_of(matrices)));
        }
        const auto experts = static_cast<py::ssize_t>(of_experts.size()) - 1;
        const py::ssize_t depth = matrices.shape(1), columns = matrices.shape(2);
        const auto w = checked<Element>("w", matrices, {experts, depth, columns}, "a matrix for each expert");
        const auto a = checked<Element>("rows", rows, {of_experts.back(), depth}, kRowsOfPlan);
        if (columns < 1) {
            throw ValueError("w must have at least one column");
        }
        const auto options = options_of<Element>(depth, sum_length, threads, simd);
        py::array result = output_array(out, py::dtype(dtype_name<Result>()), {of_experts.back(), columns},
                                        {{"rows", rows}, {"w", matrices}});
        const auto c = mutable_elements_of<Result>(result);
        {
            const py::gil_scoped_release unlocked;
            moe::expert_gemm<Element>(a, of_experts, {w, depth, columns}, c, options);
        }
        return result;
    });
}

/// The arrays of a layer's experts by name; some may be None.
class WeightArrays {
  public:
    explicit WeightArrays(const py::dict& arrays) : arrays_(arrays) {}

    [[nodiscard]] py::array matrix(const char* name) const {
        const OptionalArray array = optional(name);
        if (!array || array->ndim() != 3) {
            throw ValueError(std::string(name) + " must have shape (experts, depth, columns)" +
                             (array ? ", got " + text_of(shape_of(*array)) : ""));
        }
        return *array;
    }

    [[nodiscard]] OptionalArray optional(const std::string& name) const {
        const py::object value = arrays_.contains(name) ? py::object(arrays_[name.c_str()]) : py::none();
        if (value.is_none()) {
            return std::nullopt;
        }
        if (!py::isinstance<py::array>(value)) {
            throw py::type_error(name + " must be a NumPy array, got " +
                                 std::string(py::str(py::type::of(value).attr("__name__"))));
        }
        return py::reinterpret_borrow<py::array>(value);
    }

    template <class Element>
    [[nodiscard]] moe::ExpertProjection<Element> projection(const std::string& name,
                                                            const Shape& shape) const {
        constexpr bool kScaled = sizeof(Element) == 1;
        const OptionalArray scale = optional(name + "_scale");
        if (scale && !kScaled) {
            throw ValueError(name + "_scale: only int8 and fp8 weights have scales");
        }
        const Shape columns{shape[0], shape[2]};
        return {checked<Element>(name, matrix(name.c_str()), shape),
                checked<float>(name + "_scale", scale, columns),
                checked<float>(name + "_bias", optional(name + "_bias"), columns)};
    }

  private:
    const py::dict& arrays_;
};

template <class Element>
moe::ExpertWeights<Element> weights_of(const WeightArrays& arrays, moe::Activation activation, float limit) {
    const Shape gate = shape_of(arrays.matrix("gate"));
    const py::ssize_t experts = gate[0], width = gate[1], hidden = gate[2];
    if (experts < 1 || width < 1 || hidden < 1) {
        throw ValueError("gate must have at least one expert, row and column, got shape " + text_of(gate));
    }
    const OptionalArray hidden_scale = arrays.optional("hidden_scale");
    if (hidden_scale && sizeof(Element) != 1) {
        throw ValueError("hidden_scale: only int8 and fp8 weights have scales");
    }
    moe::ExpertWeights<Element> weights{
        .experts = experts,
        .width = width,
        .hidden = hidden,
        .gate = arrays.projection<Element>("gate", gate),
        .up = arrays.projection<Element>("up", gate),
        .down = arrays.projection<Element>("down", {experts, hidden, width}),
        .hidden_scale = checked<float>("hidden_scale", hidden_scale, {experts}),
        .activation = activation,
        .limit = limit,
    };
    for (std::size_t expert = 0; expert < weights.hidden_scale.size(); ++expert) {
        const float scale = weights.hidden_scale[expert];
        if (!(scale > 0.0F) || scale - scale != 0.0F) {
            throw ValueError("hidden_scale[" + std::to_string(expert) +
                             "] must be positive and finite, got " + std::to_string(scale));
        }
    }
    return weights;
}

std::tuple<const char*, std::int64_t, std::int64_t, std::int64_t>
check_expert_weights(const Dict<py::object>& arrays) {
    const WeightArrays named(arrays);
    return with_format("gate", named.matrix("gate"), [&]<class Element>() {
        const auto weights = weights_of<Element>(named, moe::Activation::swiglu, moe::kGptOssLimit);
        options_of<Element>(std::max(weights.width, weights.hidden), std::nullopt, 1, std::nullopt);
        const char* dtype = std::same_as<Element, std::uint8_t>    ? "fp8"
                            : std::same_as<Element, std::uint16_t> ? "fp16"
                            : std::same_as<Element, float>         ? "fp32"
                                                                   : "int8";
        return std::tuple(dtype, weights.experts, weights.width, weights.hidden);
    });
}

py::array expert_ffn(const py::array& rows, const py::array& offsets, const Dict<py::object>& arrays,
                     moe::Activation activation, double limit, const OptionalArray& row_scale,
                     std::optional<std::int64_t> sum_length, const OptionalArray& out, std::int64_t threads,
                     const std::optional<std::string>& simd) {
    const WeightArrays named(arrays);
    return with_format("gate", named.matrix("gate"), [&]<class Element>() {
        const auto of_experts = offsets_of(offsets);
        const auto weights = weights_of<Element>(named, activation, static_cast<float>(limit));
        if (static_cast<std::int64_t>(of_experts.size()) - 1 != weights.experts) {
            throw ValueError("weights must have the plan's " + std::to_string(of_experts.size() - 1) +
                             " experts, got " + std::to_string(weights.experts));
        }
        const py::ssize_t count = of_experts.back();
        const auto a = checked<Element>("rows", rows, {count, weights.width}, kRowsOfPlan);
        if (row_scale && sizeof(Element) != 1) {
            throw ValueError("row_scale: only int8 and fp8 rows have scales");
        }
        const auto scale = checked<float>("row_scale", row_scale, {count}, "one for each row of the plan");
        const auto options =
            options_of<Element>(std::max(weights.width, weights.hidden), sum_length, threads, simd);
        py::array result = output_array(out, py::dtype("float32"), {count, weights.width},
                                        {{"rows", rows},
                                         {"gate", named.matrix("gate")},
                                         {"up", named.matrix("up")},
                                         {"down", named.matrix("down")}});
        const auto y = mutable_elements_of<float>(result);
        {
            const py::gil_scoped_release unlocked;
            moe::expert_ffn<Element>(a, scale, of_experts, weights, y, options);
        }
        return result;
    });
}

template <class Element>
std::pair<py::array, py::array> quantised(const py::array& x) {
    constexpr bool kInt8 = std::same_as<Element, std::int8_t>;
    const auto from = elements_of<float>(x);
    py::array numbers(py::dtype(dtype_name<Element>()), shape_of(x));
    py::array scales(py::dtype("float32"), Shape{x.shape(0)});
    const auto to = mutable_elements_of<Element>(numbers);
    const auto scale = mutable_elements_of<float>(scales);
    const auto width = static_cast<std::int64_t>(x.shape(1));
    {
        const py::gil_scoped_release unlocked;
        for (std::size_t row = 0; row < scale.size(); ++row) {
            const std::size_t at = row * static_cast<std::size_t>(width);
            if constexpr (kInt8) {
                scale[row] = moe::row_scale_int8(from.data() + at, width);
                moe::narrow_int8(from.data() + at, scale[row], width, to.data() + at);
            } else {
                scale[row] = moe::row_scale_fp8(from.data() + at, width);
                moe::narrow_fp8(from.data() + at, scale[row], width, to.data() + at);
            }
        }
    }
    return {std::move(numbers), std::move(scales)};
}

std::pair<py::array, py::array> quantise(const py::array& x, const std::string& dtype) {
    check_two_dimensions("x", x);
    check_dtype<float>("x", x);
    check_layout("x", x, shape_of(x));
    if (dtype == "int8") {
        return quantised<std::int8_t>(x);
    }
    if (dtype == "fp8") {
        return quantised<std::uint8_t>(x);
    }
    throw ValueError("dtype must be 'int8' or 'fp8', got '" + dtype + "'");
}

template <class T>
std::vector<T> copied(std::span<const T> values) {
    return {values.begin(), values.end()};
}

/// row_chip, row_slot, chip_rows; source, target, rows and copies of each link.
using TrafficColumns =
    std::tuple<Column<std::int32_t>, Column<std::int64_t>, Column<std::int64_t>, Column<std::int32_t>,
               Column<std::int32_t>, Column<std::int64_t>, Column<std::int64_t>>;

TrafficColumns traffic(const py::array& permutation, const py::array& inverse, const py::array& offsets,
                       std::int64_t experts_per_token, const py::array& token_chip,
                       const py::array& expert_chip, std::int64_t chips, moe::ReplicaRule rule) {
    const PlanView plan(permutation, inverse, experts_per_token);
    check_two_dimensions("expert_chip", expert_chip);
    check_layout("expert_chip", expert_chip, shape_of(expert_chip));
    check_dtype<std::int32_t>("expert_chip", expert_chip);
    if (chips < 1 || expert_chip.shape(1) < 1) {
        throw ValueError("chips and replicas must be at least 1, got " + std::to_string(chips) + " and " +
                         std::to_string(expert_chip.shape(1)));
    }
    const moe::Placement placement{
        .chips = chips,
        .token_chip = checked<std::int32_t>("token_chip", token_chip, {token_chip.size()}),
        .expert_chip = elements_of<std::int32_t>(expert_chip),
        .replicas = expert_chip.shape(1),
        .rule = rule,
    };
    const moe::ExpertOrder order{copied(plan.permutation), copied(plan.inverse), copied(offsets_of(offsets))};
    if (order.offsets.back() != plan.rows()) {
        throw ValueError("plan.offsets must end with " + std::to_string(plan.rows()) + ", the rows, got " +
                         std::to_string(order.offsets.back()));
    }
    moe::PlacedRows placed;
    moe::LinkTraffic links;
    {
        const py::gil_scoped_release unlocked;
        moe::check_order(order.permutation, order.inverse);
        placed = moe::place_rows(order, experts_per_token, placement);
        links = moe::link_traffic(order, experts_per_token, placement, placed);
    }
    return {to_numpy(std::move(placed.row_chip)),  to_numpy(std::move(placed.row_slot)),
            to_numpy(std::move(placed.chip_rows)), to_numpy(std::move(links.source)),
            to_numpy(std::move(links.target)),     to_numpy(std::move(links.rows)),
            to_numpy(std::move(links.copies))};
}

void bind_choices(py::module_& m) {
    py::native_enum<moe::CombineOrder>(m, "CombineOrder", "enum.Enum",
                                       "In which order a token's rows are added.")
        .value("slot", moe::CombineOrder::slot)
        .value("expert", moe::CombineOrder::expert)
        .finalize();
    py::native_enum<moe::Activation>(m, "Activation", "enum.Enum",
                                     "What an expert does between its products.")
        .value("swiglu", moe::Activation::swiglu)
        .value("gpt_oss", moe::Activation::gpt_oss)
        .finalize();
    py::native_enum<moe::ReplicaRule>(m, "ReplicaRule", "enum.Enum", "Which replica takes an assignment.")
        .value("token_mod", moe::ReplicaRule::token_mod)
        .value("source_local", moe::ReplicaRule::source_local)
        .finalize();
    m.def("simd_levels", &simd_levels_here, "The instruction sets this machine has, lowest first.");
}

} // namespace

void bind_moe_engine(py::module_& m) {
    bind_choices(m);
    m.def("dispatch", &dispatch, py::arg("x"), py::arg("permutation"), py::arg("inverse"),
          py::arg("experts_per_token"), py::kw_only(), py::arg("scale"), py::arg("out"), py::arg("threads"),
          py::arg("simd"), "Token rows in the order of a plan.");
    m.def("combine", &combine, py::arg("rows"), py::arg("permutation"), py::arg("inverse"),
          py::arg("experts_per_token"), py::kw_only(), py::arg("weights"), py::arg("shared"),
          py::arg("order"), py::arg("dtype"), py::arg("out"), py::arg("threads"), py::arg("simd"),
          "Weighted sums of the rows of each token.");
    m.def("expert_gemm", &expert_gemm, py::arg("rows"), py::arg("offsets"), py::arg("w"), py::kw_only(),
          py::arg("sum_length"), py::arg("out"), py::arg("threads"), py::arg("simd"),
          "Each row times the matrix of its expert.");
    m.def("check_expert_weights", &check_expert_weights, py::arg("arrays"),
          "(dtype, experts, width, hidden), or an error naming the array.");
    m.def("expert_ffn", &expert_ffn, py::arg("rows"), py::arg("offsets"), py::arg("arrays"), py::kw_only(),
          py::arg("activation"), py::arg("limit"), py::arg("row_scale"), py::arg("sum_length"),
          py::arg("out"), py::arg("threads"), py::arg("simd"), "Each row through the FFN of its expert.");
    m.def("quantise", &quantise, py::arg("x"), py::arg("dtype"), "(numbers, one scale a row).");
    m.def("traffic", &traffic, py::arg("permutation"), py::arg("inverse"), py::arg("offsets"),
          py::arg("experts_per_token"), py::kw_only(), py::arg("token_chip"), py::arg("expert_chip"),
          py::arg("chips"), py::arg("rule"),
          "(row_chip, row_slot, chip_rows, source, target, rows, copies).");
}

} // namespace lpusim::bind
