#include "lpusim/lower/matmul.h"

#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/proof/footprint.h"
#include "lpusim/chip/proof/verify.h"

namespace lpusim::lower {
namespace {

/// Footprints name what they use by its place in one of several lists; here all of it has one numbering.
template <class Add>
std::int32_t for_each_span(const std::vector<chip::UseSpan>& spans, std::int32_t first_id, Add add) {
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if (spans[i].used()) {
            add(first_id + static_cast<std::int32_t>(i), spans[i].first, spans[i].last);
        }
    }
    return first_id + static_cast<std::int32_t>(spans.size());
}

Occupancy occupancy_of(const chip::Footprint& footprint) {
    Occupancy result;
    const auto add_to = [](auto& list) {
        return [&list](std::int32_t id, std::int64_t first, std::int64_t last) {
            list.push_back({id, first, last});
        };
    };
    std::int32_t next = 0;
    for (const auto* spans :
         {&footprint.queues, &footprint.streams, &footprint.shadows, &footprint.weights}) {
        next = for_each_span(*spans, next, add_to(result.resources));
    }
    for_each_span(footprint.bank_reads, 0, add_to(result.bank_reads));
    for_each_span(footprint.bank_writes, 0, add_to(result.bank_writes));
    return result;
}

} // namespace

MatmulLibrary::MatmulLibrary(const chip::ChipSpec& spec) : spec_(spec) {
    // Every footprint of one chip has lists of the same lengths.
    const chip::Footprint any = chip::footprint(chip::gemm(spec_, 1, 1, 1), spec_);
    resource_count_ = static_cast<std::int32_t>(any.queues.size() + any.streams.size() + any.shadows.size() +
                                                any.weights.size());
    bank_count_ = static_cast<std::int32_t>(any.bank_reads.size());
}

const MatmulProfile& MatmulLibrary::get(const MatmulShape& shape) {
    const auto found = profiles_.find(shape);
    return found != profiles_.end() ? found->second : profiles_.emplace(shape, build(shape)).first->second;
}

MatmulProfile MatmulLibrary::build(const MatmulShape& shape) const {
    std::int64_t part_count = 1;
    for (;; part_count *= 2) {
        const std::int64_t columns = div_ceil(shape.n, part_count);
        try {
            (void)chip::plan_gemm(spec_, shape.m, columns, shape.k);
        } catch (const CapacityError&) {
            if (columns == 1) {
                throw;
            }
            continue;
        }
        const chip::Program program = chip::gemm(spec_, shape.m, columns, shape.k);
        chip::require_legal(program, spec_);
        const chip::Footprint footprint = chip::footprint(program, spec_);
        MatmulProfile profile{.part_count = part_count,
                              .cycles = footprint.cycles,
                              .occupancy = std::make_shared<const Occupancy>(occupancy_of(footprint)),
                              .input = {},
                              .output = {}};
        for (const chip::TensorUse& tensor : footprint.tensors) {
            if (tensor.name == "a") {
                profile.input = {0, tensor.reads.first, tensor.reads.last};
            } else if (tensor.name == "c") {
                profile.output = {0, tensor.writes.first, tensor.writes.last};
            }
        }
        return profile;
    }
}

MatmulShape MatmulLibrary::one_byte_shape(const MatmulShape& shape, std::int64_t weight_bits) {
    return weight_bits <= 8 ? shape : MatmulShape{2 * shape.m, 2 * shape.k, shape.n};
}

} // namespace lpusim::lower
