#include "lpusim/chip/kernels/kernel_parts.h"

#include <algorithm>
#include <limits>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::chip {

void check_sizes(const ChipSpec& spec, std::initializer_list<std::pair<const char*, std::int64_t>> sizes) {
    validate(spec);
    constexpr std::int64_t kSizeMax = std::int64_t{1} << 31;
    for (const auto& [name, size] : sizes) {
        if (size < 1 || size > kSizeMax) {
            throw ValueError(std::string(name) + " must be from 1 to 2147483648, got " +
                             std::to_string(size));
        }
    }
}

void check_fits(const ChipSpec& spec, const std::string& what, std::initializer_list<MatrixSize> matrices) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    std::int64_t needed = 0;
    for (const MatrixSize& matrix : matrices) {
        const std::int64_t bytes =
            saturating_multiply(saturating_multiply(matrix.rows, matrix.columns),
                                saturating_multiply(matrix.element_bytes, matrix.count));
        needed = bytes > kMax - needed ? kMax : needed + bytes;
    }
    if (needed > spec.mem_bytes()) {
        throw CapacityError(what + " needs " + (needed == kMax ? "more than " : "at least ") +
                                std::to_string(needed == kMax ? kMax - 1 : needed) +
                                " bytes of SRAM; the chip has " + std::to_string(spec.mem_bytes()),
                            needed, spec.mem_bytes());
    }
}

std::vector<Level> joined(const std::vector<Level>& levels) {
    std::vector<Level> result;
    for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
        if (level->count == 1) {
            continue;
        }
        if (!result.empty()) {
            Level& inner = result.back();
            if (level->cycles == inner.count * inner.cycles &&
                level->address_stride == inner.count * inner.address_stride &&
                level->write_address_stride == inner.count * inner.write_address_stride) {
                inner.count *= level->count;
                continue;
            }
        }
        result.push_back(*level);
    }
    std::reverse(result.begin(), result.end());
    return result;
}

LaneMap rotation(std::int64_t lanes, std::int64_t by) {
    LaneMap map{"rotate" + std::to_string(by), {}};
    map.lanes.reserve(static_cast<std::size_t>(lanes));
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        map.lanes.push_back(static_cast<std::int16_t>((lane + by) % lanes));
    }
    return map;
}

} // namespace lpusim::chip
