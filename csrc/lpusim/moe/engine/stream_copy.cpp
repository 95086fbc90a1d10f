#include "lpusim/moe/engine/stream_copy.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

namespace lpusim::moe {
namespace {

constexpr std::size_t kLine = 64;

[[gnu::target("avx2")]] void copy_lines(std::byte* to, const std::byte* from, std::size_t lines) {
    for (; lines > 0; --lines, to += kLine, from += kLine) {
        const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
        const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32));
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to), first);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to + 32), second);
    }
}

} // namespace

void stream_copy(std::byte* to, const std::byte* from, std::size_t size_bytes, SimdLevel level) {
    const std::size_t head = (kLine - reinterpret_cast<std::uintptr_t>(to) % kLine) % kLine;
    if (level < SimdLevel::Avx2 || size_bytes < head + kLine) {
        std::memcpy(to, from, size_bytes);
        return;
    }
    const std::size_t lines = (size_bytes - head) / kLine;
    const std::size_t done = head + lines * kLine;
    std::memcpy(to, from, head);
    copy_lines(to + head, from + head, lines);
    std::memcpy(to + done, from + done, size_bytes - done);
}

void finish_streams() {
    _mm_sfence();
}

} // namespace lpusim::moe

#else

namespace lpusim::moe {

void stream_copy(std::byte* to, const std::byte* from, std::size_t size_bytes, SimdLevel) {
    std::memcpy(to, from, size_bytes);
}

void finish_streams() {}

} // namespace lpusim::moe

#endif
