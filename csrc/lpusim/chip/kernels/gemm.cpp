#include "lpusim/chip/kernels/product_builder.h"

namespace lpusim::chip {

Program gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k, DType dtype) {
    const GemmPlan plan = plan_gemm(spec, m, n, k, dtype);
    return ProductBuilder(spec, plan).build(m, n, k);
}

Program expert_gemm(const ChipSpec& spec, const ExpertShape& shape) {
    const GemmPlan plan = plan_expert_gemm(spec, shape);
    return ProductBuilder(spec, plan).build(shape.rows, shape.n, shape.k);
}

} // namespace lpusim::chip
