#include <doctest/doctest.h>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/matmul_test.h"
#include "lpusim/chip/tick/tick.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

void check_resident(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k) {
    check_int8_product(gemm_resident(spec, m, n, k), plan_gemm_resident(spec, m, n, k).cycles, spec,
                       {m, n, k});
}

} // namespace

TEST_CASE("a product with resident weights is legal and exact for every arrangement of tiles") {
    ChipSpec spec = small_matmul_spec();
    spec.mem_slices_per_hemisphere = 32;
    for (const std::int64_t m : {1, 2, 7, 64, 100}) {
        for (const std::int64_t n : {1, 8, 9, 24, 31, 32}) // 1 to 4 columns of tiles
            check_resident(spec, m, n, 7);
        for (const std::int64_t k : {9, 16, 24, 30}) // 2 to 4 rows of tiles
            check_resident(spec, m, 5, k);
        check_resident(spec, m, 16, 16);
    }
    spec.mxm_install_latency_cycles = 0;
    spec.vxm_alu_latency_cycles = 4;
    spec.mem_write_latency_cycles = 3;
    check_resident(spec, 30, 5, 30);
    spec.mxm_planes_per_hemisphere = 3;
    spec.streams_per_direction = 16;
    spec.mem_slices_per_hemisphere = 60;
    check_resident(spec, 30, 16, 24);
    check_resident(spec, 30, 8, 41); // six rows of tiles
}

TEST_CASE("resident weights keep every plane busy from the first row to the last") {
    const ChipSpec spec;
    const auto check = [&](std::int64_t n, std::int64_t k, std::int64_t copies, DType dtype) {
        const std::int64_t m = 6000;
        const ResidentPlan plan = plan_gemm_resident(spec, m, n, k, dtype);
        CHECK(plan.copies == copies);
        const Run timed = fold(gemm_resident(spec, m, n, k, dtype), spec, {}, false);
        REQUIRE(!timed.error);
        CHECK(timed.cycles == plan.cycles);
        const std::int64_t rows = m / copies * (dtype == DType::Fp16 ? 2 : 1);
        CHECK(timed.cycles >= rows);
        CHECK(timed.cycles <= rows + 140);
    };
    check(320, 320, 4, DType::Int8);
    check(640, 320, 2, DType::Int8);
    check(640, 640, 1, DType::Int8);
    check(320, 1280, 1, DType::Int8);
    check(320, 640, 2, DType::Fp8);
    check(320, 320, 2, DType::Fp16);
    check(300, 600, 1, DType::Fp16);
}

TEST_CASE("weights that the planes cannot hold, and rows that SRAM cannot, are refused") {
    const ChipSpec spec;
    CHECK_NOTHROW((void)plan_gemm_resident(spec, 10, 1280, 320));
    CHECK_THROWS_AS((void)plan_gemm_resident(spec, 10, 1281, 320), ValueError);
    CHECK_THROWS_AS((void)plan_gemm_resident(spec, 10, 641, 640), ValueError);
    CHECK_THROWS_AS((void)plan_gemm_resident(spec, 10, 640, 640, DType::Fp16), ValueError);
    CHECK_THROWS_AS((void)plan_gemm_resident(spec, 1'000'000, 320, 320), CapacityError);
    ChipSpec few = spec;
    few.vxm_alus = 2;
    CHECK_THROWS_AS((void)plan_gemm_resident(few, 10, 320, 1280), ValueError);
}
