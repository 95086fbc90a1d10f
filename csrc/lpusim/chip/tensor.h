#pragma once

#include <cstdint>
#include <string_view>

#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Matrices between a row-major array and the SRAM vectors that a program's tensors name.
namespace lpusim::chip {

/// Copies a row-major matrix of the tensor's type (rows x columns elements, little-endian) into SRAM, padding
/// included, and back. Throws ValueError unless `size_bytes` is rows * columns * dtype_bytes.
void store_tensor(const Tensor& tensor, const ChipSpec& spec, Memory& memory, const std::uint8_t* matrix,
                  std::int64_t size_bytes);
void fetch_tensor(const Tensor& tensor, const ChipSpec& spec, const Memory& memory, std::uint8_t* matrix,
                  std::int64_t size_bytes);

/// The SRAM in which a program with values starts: `initial` (if empty: all zeros) with the program's
/// constants in place. Precondition: the program is valid.
[[nodiscard]] Memory starting_memory(const Program& program, const ChipSpec& spec, Memory initial);

/// Throws ValueError that lists the program's tensors when there is none of that name.
[[nodiscard]] const Tensor& find_tensor(const Program& program, std::string_view name);

} // namespace lpusim::chip
