#include "lpusim/base/values/simd_level.h"

namespace lpusim {

namespace {

SimdLevel ask_processor() {
#if defined(__x86_64__) && defined(__GNUC__)
    const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") != 0 &&
                        __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                        __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
    return avx512 ? SimdLevel::Avx512Vnni : avx2 ? SimdLevel::Avx2 : SimdLevel::Portable;
#else
    return SimdLevel::Portable;
#endif
}

} // namespace

SimdLevel best_simd_level() {
    static const SimdLevel level = ask_processor();
    return level;
}

std::vector<SimdLevel> simd_levels() {
    std::vector<SimdLevel> levels;
    for (const SimdLevel level : {SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512Vnni}) {
        if (level <= best_simd_level()) {
            levels.push_back(level);
        }
    }
    return levels;
}

} // namespace lpusim
