#include "lpusim/chip/memory.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/integers.h"

namespace lpusim::chip {

Memory::Memory(const ChipSpec& spec, std::int64_t chips)
    : lanes_(spec.lanes()), words_(spec.mem_words_per_slice), pages_per_slice_(div_ceil(words_, kPageWords)),
      pages_(static_cast<std::size_t>(chips * spec.mem_slices() * pages_per_slice_)),
      zeros_(static_cast<std::size_t>(kPageWords * lanes_)) {}

Memory::Memory(const Memory& other)
    : lanes_(other.lanes_), words_(other.words_), pages_per_slice_(other.pages_per_slice_),
      pages_(other.pages_.size()), zeros_(other.zeros_) {
    for (std::size_t i = 0; i < pages_.size(); ++i) {
        if (other.pages_[i]) {
            pages_[i] = std::make_unique<std::uint8_t[]>(zeros_.size());
            std::copy_n(other.pages_[i].get(), zeros_.size(), pages_[i].get());
        }
    }
}

Memory& Memory::operator=(const Memory& other) {
    Memory copy(other);
    *this = std::move(copy);
    return *this;
}

std::int64_t Memory::slice_count() const {
    return pages_per_slice_ == 0 ? 0 : static_cast<std::int64_t>(pages_.size()) / pages_per_slice_;
}

const Memory::Page& Memory::page(std::int64_t slice, std::int64_t address) const {
    assert(address >= 0 && address < words_);
    return pages_[static_cast<std::size_t>(slice * pages_per_slice_ + address / kPageWords)];
}

const std::uint8_t* Memory::read(std::int64_t slice, std::int64_t address) const {
    const Page& found = page(slice, address);
    return found ? found.get() + address % kPageWords * lanes_ : zeros_.data();
}

std::uint8_t* Memory::write(std::int64_t slice, std::int64_t address) {
    auto& found = const_cast<Page&>(page(slice, address));
    if (!found) {
        found = std::make_unique<std::uint8_t[]>(zeros_.size());
    }
    return found.get() + address % kPageWords * lanes_;
}

bool operator==(const Memory& a, const Memory& b) {
    if (a.lanes_ != b.lanes_ || a.words_ != b.words_ || a.pages_.size() != b.pages_.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.pages_.size(); ++i) {
        if (!a.pages_[i] && !b.pages_[i]) {
            continue;
        }
        const std::uint8_t* left = a.pages_[i] ? a.pages_[i].get() : a.zeros_.data();
        const std::uint8_t* right = b.pages_[i] ? b.pages_[i].get() : b.zeros_.data();
        if (!std::equal(left, left + a.zeros_.size(), right)) {
            return false;
        }
    }
    return true;
}

} // namespace lpusim::chip
