#include "lpusim/moe/engine/expert_ffn.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <type_traits>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/base/line_vector.h"
#include "lpusim/base/parallel.h"
#include "lpusim/moe/engine/expert_blocks.h"
#include "lpusim/moe/engine/narrow_rows.h"
#include "lpusim/moe/engine/products.h"

namespace lpusim::moe {
namespace {

constexpr std::int64_t kBlockRows = 224;
constexpr std::int64_t kHiddenBytes = std::int64_t{16} << 20U;

template <class Element>
using FloatOrInt8Product =
    std::conditional_t<std::is_same_v<Element, std::int8_t>, Int8Product, FloatProduct<Element>>;
template <class Element>
using ProductOf = typename std::conditional_t<std::is_same_v<Element, float>, std::type_identity<Fp32Product>,
                                              std::type_identity<FloatOrInt8Product<Element>>>::type;

/// What one thread works with.
template <class Element>
struct Worker {
    using Sum = typename ProductResult<Element>::Type;

    explicit Worker(const ComputeOptions& options) : product(options.sum_length, options.level) {}

    ProductOf<Element> product;
    LineVector<Sum> sums, up_sums; ///< of one part of a block
    std::vector<float> up;         ///< of one row
};

template <class Element>
std::vector<Worker<Element>> workers_of(const ComputeOptions& options) {
    std::vector<Worker<Element>> workers;
    workers.reserve(static_cast<std::size_t>(options.threads));
    for (std::int64_t i = 0; i < options.threads; ++i) {
        workers.emplace_back(options);
    }
    return workers;
}

/// Some columns of a block.
struct Part {
    ExpertBlock block;
    std::int64_t first = 0;
    std::int64_t columns = 0;
};

/// Calls work(worker number, part) for every part of every block, all `columns` wide together.
template <class Work>
void for_parts(std::span<const ExpertBlock> blocks, std::int64_t columns, const ComputeOptions& options,
               const Work& work) {
    const auto highest = std::ranges::max(blocks, {}, &ExpertBlock::rows);
    const auto count = static_cast<std::int64_t>(blocks.size());
    const std::int64_t width = part_columns(columns, highest.rows, count, options.threads);
    const std::int64_t parts = div_ceil(columns, width);
    for_each_index(count * parts, options.threads, [&](std::int64_t worker, std::int64_t index) {
        const std::int64_t first = index % parts * width;
        work(worker,
             Part{blocks[static_cast<std::size_t>(index / parts)], first, std::min(width, columns - first)});
        if (worker == 0 && options.progress) {
            options.progress(index, count * parts);
        }
    });
}

/// The sums of one part, rows sums_stride(columns) apart. `a` are the rows of the block.
template <class Element, class Sum>
void multiply(ProductOf<Element>& product, const Part& part, const Element* a, std::int64_t depth,
              std::span<const Element> matrices, std::int64_t all_columns, LineVector<Sum>& sums) {
    const std::int64_t stride = sums_stride(part.columns);
    sums.resize(static_cast<std::size_t>(part.block.rows * stride));
    const Element* w = matrices.data() + part.block.expert * depth * all_columns + part.first;
    product.multiply({a, depth, w, all_columns, {part.block.rows, depth, part.columns}}, sums.data(), stride);
}

/// A few blocks whose hidden rows are kept at the same time.
template <class Element>
class FfnWave {
  public:
    FfnWave(std::span<const Element> rows, std::span<const float> row_scale,
            const ExpertWeights<Element>& weights, std::span<float> out, const ComputeOptions& options)
        : rows_(rows), row_scale_(row_scale), weights_(weights), out_(out), options_(options),
          workers_(workers_of<Element>(options)) {}

    void run(std::span<const ExpertBlock> blocks) {
        first_row_ = blocks.front().first_row;
        const std::int64_t rows = blocks.back().first_row + blocks.back().rows - first_row_;
        hidden_.resize(static_cast<std::size_t>(rows * weights_.hidden));
        for_parts(blocks, weights_.hidden, options_,
                  [&](std::int64_t worker, const Part& part) { enter(worker_at(worker), part); });
        if constexpr (!std::is_same_v<Element, float>) {
            narrowed_.resize(hidden_.size());
            narrowed_scale_.resize(static_cast<std::size_t>(rows));
            for_each_index(static_cast<std::int64_t>(blocks.size()), options_.threads,
                           [&](std::int64_t, std::int64_t index) {
                               const ExpertBlock& block = blocks[static_cast<std::size_t>(index)];
                               for (std::int64_t row = 0; row < block.rows; ++row) {
                                   narrow(block.first_row - first_row_ + row, block.expert);
                               }
                           });
        }
        for_parts(blocks, weights_.width, options_,
                  [&](std::int64_t worker, const Part& part) { leave(worker_at(worker), part); });
    }

  private:
    Worker<Element>& worker_at(std::int64_t worker) { return workers_[static_cast<std::size_t>(worker)]; }

    static RowMeaning meaning_of(const ExpertProjection<Element>& projection, const Part& part,
                                 std::int64_t all_columns, float row_scale) {
        const std::int64_t at = part.block.expert * all_columns + part.first;
        return {projection.scale.empty() ? nullptr : projection.scale.data() + at, row_scale,
                projection.bias.empty() ? nullptr : projection.bias.data() + at};
    }

    /// Gate, up and activation.
    void enter(Worker<Element>& worker, const Part& part) {
        const ExpertBlock& block = part.block;
        const Element* a = rows_.data() + block.first_row * weights_.width;
        multiply<Element>(worker.product, part, a, weights_.width, weights_.gate.values, weights_.hidden,
                          worker.sums);
        multiply<Element>(worker.product, part, a, weights_.width, weights_.up.values, weights_.hidden,
                          worker.up_sums);
        worker.up.resize(static_cast<std::size_t>(part.columns));
        const std::int64_t stride = sums_stride(part.columns);
        for (std::int64_t row = 0; row < block.rows; ++row) {
            const std::int64_t of = block.first_row + row;
            const float scale = row_scale_.empty() ? 1.0F : row_scale_[static_cast<std::size_t>(of)];
            float* hidden = hidden_.data() + (of - first_row_) * weights_.hidden + part.first;
            finish_row(worker.sums.data() + row * stride,
                       meaning_of(weights_.gate, part, weights_.hidden, scale), part.columns, hidden,
                       options_.level);
            finish_row(worker.up_sums.data() + row * stride,
                       meaning_of(weights_.up, part, weights_.hidden, scale), part.columns, worker.up.data(),
                       options_.level);
            activate(weights_.activation, weights_.limit, hidden, worker.up.data(), part.columns, hidden,
                     options_.level);
        }
    }

    /// A hidden row to the format of the weights.
    void narrow(std::int64_t row, std::int64_t expert) {
        const float* from = hidden_.data() + row * weights_.hidden;
        Element* to = narrowed_.data() + row * weights_.hidden;
        float& scale = narrowed_scale_[static_cast<std::size_t>(row)];
        scale =
            weights_.hidden_scale.empty() ? 1.0F : weights_.hidden_scale[static_cast<std::size_t>(expert)];
        if constexpr (std::is_same_v<Element, std::uint16_t>) {
            narrow_fp16(from, weights_.hidden, to, options_.level);
        } else if constexpr (std::is_same_v<Element, std::int8_t>) {
            if (weights_.hidden_scale.empty()) {
                scale = row_scale_int8(from, weights_.hidden, options_.level);
            }
            narrow_int8(from, scale, weights_.hidden, to, options_.level);
        } else if constexpr (std::is_same_v<Element, std::uint8_t>) {
            if (weights_.hidden_scale.empty()) {
                scale = row_scale_fp8(from, weights_.hidden, options_.level);
            }
            narrow_fp8(from, scale, weights_.hidden, to, options_.level);
        }
    }

    /// Down.
    void leave(Worker<Element>& worker, const Part& part) {
        const ExpertBlock& block = part.block;
        const std::int64_t wave_row = block.first_row - first_row_;
        const Element* a = nullptr;
        if constexpr (std::is_same_v<Element, float>) {
            a = hidden_.data() + wave_row * weights_.hidden;
        } else {
            a = narrowed_.data() + wave_row * weights_.hidden;
        }
        multiply<Element>(worker.product, part, a, weights_.hidden, weights_.down.values, weights_.width,
                          worker.sums);
        const std::int64_t stride = sums_stride(part.columns);
        for (std::int64_t row = 0; row < block.rows; ++row) {
            const float scale =
                narrowed_scale_.empty() ? 1.0F : narrowed_scale_[static_cast<std::size_t>(wave_row + row)];
            finish_row(worker.sums.data() + row * stride,
                       meaning_of(weights_.down, part, weights_.width, scale), part.columns,
                       out_.data() + (block.first_row + row) * weights_.width + part.first, options_.level);
        }
    }

    std::span<const Element> rows_;
    std::span<const float> row_scale_;
    const ExpertWeights<Element>& weights_;
    std::span<float> out_;
    const ComputeOptions& options_;
    std::vector<Worker<Element>> workers_;

    std::int64_t first_row_ = 0;
    std::vector<float> hidden_; ///< [rows of the wave, hidden]
    std::vector<Element> narrowed_;
    std::vector<float> narrowed_scale_;
};

} // namespace

template <class Element>
std::int64_t depth_max() {
    return std::is_same_v<Element, std::int8_t> ? 131'071 : std::numeric_limits<std::int32_t>::max();
}

template <class Element>
std::int64_t sum_length_max() {
    return std::is_same_v<Element, std::uint8_t>    ? std::int64_t{1} << 17U
           : std::is_same_v<Element, std::uint16_t> ? std::int64_t{1} << 20U
                                                    : std::numeric_limits<std::int32_t>::max();
}

template <class Element>
void expert_gemm(std::span<const Element> rows, std::span<const std::int64_t> offsets,
                 const ExpertMatrix<Element>& matrix, std::span<typename ProductResult<Element>::Type> out,
                 const ComputeOptions& options) {
    assert(rows.size() == static_cast<std::size_t>(offsets.back() * matrix.depth));
    assert(out.size() == static_cast<std::size_t>(offsets.back() * matrix.columns));
    assert(matrix.depth >= 1 && matrix.depth <= depth_max<Element>() && matrix.columns >= 1);
    const std::vector<ExpertBlock> blocks = expert_blocks(offsets, kBlockRows);
    if (blocks.empty()) {
        return;
    }
    auto workers = workers_of<Element>(options);
    for_parts(blocks, matrix.columns, options, [&](std::int64_t index, const Part& part) {
        Worker<Element>& worker = workers[static_cast<std::size_t>(index)];
        const ExpertBlock& block = part.block;
        multiply<Element>(worker.product, part, rows.data() + block.first_row * matrix.depth, matrix.depth,
                          matrix.values, matrix.columns, worker.sums);
        for (std::int64_t row = 0; row < block.rows; ++row) {
            const auto* sums = worker.sums.data() + row * sums_stride(part.columns);
            auto* to = out.data() + (block.first_row + row) * matrix.columns + part.first;
            if constexpr (std::is_same_v<Element, std::int8_t>) {
                std::copy_n(sums, part.columns, to);
            } else {
                finish_row(sums, {}, part.columns, to, options.level);
            }
        }
    });
}

template <class Element>
void expert_ffn(std::span<const Element> rows, std::span<const float> row_scale,
                std::span<const std::int64_t> offsets, const ExpertWeights<Element>& weights,
                std::span<float> out, const ComputeOptions& options) {
    assert(rows.size() == static_cast<std::size_t>(offsets.back() * weights.width));
    assert(row_scale.empty() || row_scale.size() == static_cast<std::size_t>(offsets.back()));
    assert(out.size() == rows.size());
    assert(weights.width >= 1 && weights.hidden >= 1);
    assert(std::max(weights.width, weights.hidden) <= depth_max<Element>());
    const std::vector<ExpertBlock> blocks = expert_blocks(offsets, kBlockRows);
    const std::int64_t wave_rows =
        std::max(kBlockRows, kHiddenBytes / (weights.hidden * static_cast<std::int64_t>(sizeof(float))));
    FfnWave<Element> wave(rows, row_scale, weights, out, options);
    for (std::size_t first = 0, last = 0; first < blocks.size(); first = last) {
        for (std::int64_t taken = 0; last < blocks.size() && taken + blocks[last].rows <= wave_rows; ++last) {
            taken += blocks[last].rows;
        }
        wave.run(std::span(blocks).subspan(first, last - first));
    }
}

#define LPUSIM_FOR_ELEMENT(Element)                                                                          \
    template std::int64_t depth_max<Element>();                                                              \
    template std::int64_t sum_length_max<Element>();                                                         \
    template void expert_gemm<Element>(std::span<const Element>, std::span<const std::int64_t>,              \
                                       const ExpertMatrix<Element>&,                                         \
                                       std::span<ProductResult<Element>::Type>, const ComputeOptions&);      \
    template void expert_ffn<Element>(std::span<const Element>, std::span<const float>,                      \
                                      std::span<const std::int64_t>, const ExpertWeights<Element>&,          \
                                      std::span<float>, const ComputeOptions&)

LPUSIM_FOR_ELEMENT(float);
LPUSIM_FOR_ELEMENT(std::int8_t);
LPUSIM_FOR_ELEMENT(std::uint16_t);
LPUSIM_FOR_ELEMENT(std::uint8_t);

} // namespace lpusim::moe
