#include "lpusim/chip/memory.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "lpusim/base/integers.h"

namespace lpusim::chip {

Memory::Memory(const ChipSpec& spec, std::int64_t chips)
    : lanes_(spec.lanes()), words_(spec.mem_words_per_slice),
      slices_(static_cast<std::size_t>(chips * spec.mem_slices())),
      group_slices_(std::clamp(kGroupBytes / (words_ * lanes_) + 1, std::int64_t{1}, slice_count())),
      groups_(static_cast<std::size_t>(div_ceil(slice_count(), group_slices_))),
      zeros_(static_cast<std::size_t>(kBlockWords * lanes_)) {}

Memory::Memory(const Memory& other)
    : lanes_(other.lanes_), words_(other.words_), slices_(other.slices_.size()),
      group_slices_(other.group_slices_), groups_(other.groups_.size()), zeros_(other.zeros_) {
    const auto bytes_before = static_cast<std::size_t>(kBlockWords * lanes_);
    for (std::size_t at = 0; at < slices_.size(); ++at) {
        const Slice& from = other.slices_[at];
        if (from.bytes == nullptr)
            continue;
        Slice& to = allocated(static_cast<std::int64_t>(at));
        to.written = from.written;
        for (std::size_t block = 0; block < from.written.size(); ++block) {
            if (from.written[block]) {
                std::copy_n(from.bytes + block * bytes_before, block_bytes(block),
                            to.bytes + block * bytes_before);
            }
        }
    }
}

Memory& Memory::operator=(const Memory& other) {
    Memory copy(other);
    *this = std::move(copy);
    return *this;
}

Memory::Slice& Memory::allocated(std::int64_t slice) {
    Slice& found = slices_[static_cast<std::size_t>(slice)];
    if (found.bytes == nullptr) {
        const std::int64_t first = slice / group_slices_ * group_slices_;
        auto& group = groups_[static_cast<std::size_t>(slice / group_slices_)];
        if (!group) {
            const std::int64_t words = std::min(group_slices_, slice_count() - first) * words_;
            group.reset(static_cast<std::uint8_t*>(
                std::calloc(static_cast<std::size_t>(words), static_cast<std::size_t>(lanes_))));
            if (!group)
                throw std::bad_alloc();
        }
        found.bytes = group.get() + (slice - first) * words_ * lanes_;
        found.written.resize(static_cast<std::size_t>(div_ceil(words_, kBlockWords)));
    }
    return found;
}

/// The last block of a slice may be short.
std::size_t Memory::block_bytes(std::size_t block) const {
    const std::int64_t first = static_cast<std::int64_t>(block) * kBlockWords;
    return static_cast<std::size_t>(std::min(kBlockWords, words_ - first) * lanes_);
}

const std::uint8_t* Memory::block_of(const Slice& slice, std::size_t block) const {
    const bool written = slice.bytes != nullptr && slice.written[block];
    return written ? slice.bytes + block * static_cast<std::size_t>(kBlockWords * lanes_) : zeros_.data();
}

const std::uint8_t* Memory::read(std::int64_t slice, std::int64_t address) const {
    assert(address >= 0 && address < words_);
    const Slice& found = slices_[static_cast<std::size_t>(slice)];
    return found.bytes != nullptr ? found.bytes + address * lanes_ : zeros_.data();
}

std::uint8_t* Memory::write(std::int64_t slice, std::int64_t address) {
    assert(address >= 0 && address < words_);
    Slice& found = allocated(slice);
    found.written[static_cast<std::size_t>(address / kBlockWords)] = true;
    return found.bytes + address * lanes_;
}

const std::uint8_t* Memory::whole_slice(std::int64_t slice) {
    return allocated(slice).bytes;
}

bool operator==(const Memory& a, const Memory& b) {
    if (a.lanes_ != b.lanes_ || a.words_ != b.words_ || a.slices_.size() != b.slices_.size()) {
        return false;
    }
    for (std::size_t at = 0; at < a.slices_.size(); ++at) {
        const Memory::Slice& left = a.slices_[at];
        const Memory::Slice& right = b.slices_[at];
        for (std::size_t block = 0; block < std::max(left.written.size(), right.written.size()); ++block) {
            const std::uint8_t* one = a.block_of(left, block);
            const std::uint8_t* other = b.block_of(right, block);
            if (one != other && !std::equal(one, one + a.block_bytes(block), other)) {
                return false;
            }
        }
    }
    return true;
}

} // namespace lpusim::chip
