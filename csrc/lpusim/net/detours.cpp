#include "lpusim/net/detours.h"

#include <algorithm>

#include "lpusim/base/integers.h"
#include "lpusim/base/rng.h"

namespace lpusim::net {
namespace {

constexpr int kRounds = 3;
constexpr std::uint64_t kTries = 4;

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

class Detours {
  public:
    Detours(const Topology& topology, const RouteTable& routes)
        : topology_(topology), routes_(routes), load_(routes.load().begin(), routes.load().end()) {}

    /// Did it move?
    bool improve(Message& message, std::uint64_t stream, std::uint64_t index) {
        const std::int64_t now = busiest(message, 0);
        add(message, -message.vector_count);
        Message best = message;
        std::int64_t best_cycles = now;
        for (std::uint64_t attempt = 0; attempt < kTries; ++attempt) {
            Message other = message;
            const auto chips = static_cast<std::uint64_t>(topology_.chip_count());
            other.via = static_cast<std::int32_t>(random_bits(0, stream, index * kTries + attempt) % chips);
            if (routes_.row_of(other.via) < 0 || other.via == message.source || other.via == message.target)
                continue;
            const std::int64_t cycles = busiest(other, message.vector_count);
            if (cycles < best_cycles) {
                best = other;
                best_cycles = cycles;
            }
        }
        const bool moved = best.via != message.via;
        message = best;
        add(message, message.vector_count);
        return moved;
    }

  private:
    template <class Visit>
    void for_each_bundle(const Message& message, const Visit& visit) const {
        std::int32_t chip = message.source;
        const auto go_to = [&](std::int32_t target) {
            const std::int32_t row = routes_.row_of(target);
            while (chip != target) {
                const std::int32_t bundle = routes_.next_bundle(row, chip);
                visit(at(bundle));
                chip = topology_.bundles()[at(bundle)].to;
            }
        };
        if (message.via >= 0)
            go_to(message.via);
        go_to(message.target);
    }

    /// Cycles that the busiest link on the way is needed, with `more` vectors on it.
    [[nodiscard]] std::int64_t busiest(const Message& message, std::int64_t more) const {
        std::int64_t cycles = 0;
        for_each_bundle(message, [&](std::size_t bundle) {
            const Bundle& link = topology_.bundles()[bundle];
            cycles = std::max(cycles, div_ceil(load_[bundle] + more, link.width) * link.timing.vector_cycles);
        });
        return cycles;
    }

    void add(const Message& message, std::int64_t vector_count) {
        for_each_bundle(message, [&](std::size_t bundle) { load_[bundle] += vector_count; });
    }

    const Topology& topology_;
    const RouteTable& routes_;
    std::vector<std::int64_t> load_;
};

} // namespace

void choose_detours(const Topology& topology, const RouteTable& routes, std::span<Message> messages) {
    Detours detours(topology, routes);
    for (int round = 0; round < kRounds; ++round) {
        bool moved = false;
        for (std::size_t i = 0; i < messages.size(); ++i)
            moved |= detours.improve(messages[i], static_cast<std::uint64_t>(round), i);
        if (!moved)
            return;
    }
}

} // namespace lpusim::net
