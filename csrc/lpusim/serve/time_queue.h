#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lpusim::serve {

/// A queue in order of time; equal times leave in the order they came.
///
/// `push` is O(1) when times come in order, and otherwise steps back over the later ones: made for events
/// that are almost sorted, such as the exits of a pipeline that nothing overtakes. `pop` is O(1).
class TimeQueue {
  public:
    struct Item {
        std::int64_t time_ps = 0;
        std::size_t value = 0;
    };

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] const Item& front() const {
        assert(size_ > 0);
        return ring_[head_];
    }

    void push(std::int64_t time_ps, std::size_t value) {
        if (size_ == ring_.size()) {
            grow();
        }
        const std::size_t mask = ring_.size() - 1;
        std::size_t place = head_ + size_;
        for (; place > head_ && ring_[(place - 1) & mask].time_ps > time_ps; --place) {
            ring_[place & mask] = ring_[(place - 1) & mask];
        }
        ring_[place & mask] = {time_ps, value};
        ++size_;
    }

    Item pop() {
        const Item item = front();
        head_ = (head_ + 1) & (ring_.size() - 1);
        --size_;
        return item;
    }

  private:
    void grow() {
        std::vector<Item> larger(ring_.size() * 2);
        for (std::size_t i = 0; i < size_; ++i) {
            larger[i] = ring_[(head_ + i) & (ring_.size() - 1)];
        }
        ring_.swap(larger);
        head_ = 0;
    }

    std::vector<Item> ring_ = std::vector<Item>(16);
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

} // namespace lpusim::serve
