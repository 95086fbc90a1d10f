// Included once by the file of each instruction set, after it has defined LPUSIM_LANES_TARGET and, for
// sixteen floats, `Lanes` with load, store, set_all, larger, sum, difference, at_least, sigmoid, load_at,
// first_of, append, and `Counts` with no_counts, count_below, sum, total_of, least_of, store. No include
// guard: the functions below are compiled anew for each. What they promise is in row_kernels.h.

namespace {

/// How many of `values` are larger than each lane: its place where all differ, else the first place of its
/// equals.
template <std::size_t kValues>
LPUSIM_LANES_TARGET inline Counts count_larger(Lanes lanes, const float* values) {
    Counts even = no_counts(); // Two counters, so that neither waits for the other.
    Counts odd = no_counts();
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kValues; i += 2) {
        even = count_below(even, lanes, set_all(values[i]));
        odd = count_below(odd, lanes, set_all(values[i + 1]));
    }
    return sum(even, odd);
}

/// Nothing that is stored in parts here is loaded as a whole: that would have to wait until it has left the
/// core.
template <std::size_t kSets>
LPUSIM_LANES_TARGET inline void order_sets(const float* values, const std::int32_t* positions,
                                           std::size_t count, std::int32_t* ordered) {
    constexpr auto kSize = static_cast<std::int32_t>(kSets * kBlock);
    Lanes sets[kSets];
    alignas(64) float gathered[kSize];
    alignas(64) std::int32_t places[kSize];
    for (std::size_t set = 0; set < kSets; ++set) {
        const Lanes found = load_at(values, positions + set * kBlock);
        sets[set] = set * kBlock < count ? first_of(found, count - set * kBlock) : set_all(kPadding);
        store(gathered + set * kBlock, sets[set]);
    }
    std::int32_t total = 0;
    for (std::size_t set = 0; set < kSets; ++set) {
        const Counts larger_ones = count_larger<kSets * kBlock>(sets[set], gathered);
        store(places + set * kBlock, larger_ones);
        total += total_of(larger_ones);
    }
    const auto real = static_cast<std::int32_t>(count);
    if (total != real * (real - 1) / 2 + (kSize - real) * real) { // What 0, 1, 2, ... and the padding make.
        std::int32_t equals[kSize] = {};                          // Seen so far, by their first place.
        for (std::int32_t& place : places) {
            place += equals[place]++;
        }
    }
#pragma GCC unroll 16
    for (std::int32_t i = 0; i < kSize; ++i) {
        ordered[places[i]] = positions[i];
    }
}

LPUSIM_LANES_TARGET void order(const float* values, const std::int32_t* positions, std::size_t count,
                               std::int32_t* ordered) {
    assert(count <= kMostOrdered);
    if (count <= kBlock) {
        order_sets<1>(values, positions, count, ordered);
    } else if (count <= 2 * kBlock) {
        order_sets<2>(values, positions, count, ordered);
    } else {
        order_sets<4>(values, positions, count, ordered);
    }
}

/// The k-th largest of the largest of each lane: k different values are no smaller. More sets of lanes bring
/// it closer to the k-th largest of all.
template <std::size_t kSets>
LPUSIM_LANES_TARGET inline float bound_by_sets(const float* values, std::span<const std::int32_t> starts,
                                               std::size_t k) {
    Lanes best[kSets];
    Lanes zeros[kSets]; // NaN from the first value that is not finite.
    for (std::size_t set = 0; set < kSets; ++set) {
        best[set] = load(values + starts[set]);
        zeros[set] = difference(best[set], best[set]);
    }
    std::size_t block = kSets;
    for (; block + kSets <= starts.size(); block += kSets) {
#pragma GCC unroll 4
        for (std::size_t set = 0; set < kSets; ++set) {
            const Lanes value = load(values + starts[block + set]);
            best[set] = larger(best[set], value);
            zeros[set] = sum(zeros[set], difference(value, value));
        }
    }
    for (std::size_t set = 0; block + set < starts.size(); ++set) {
        const Lanes value = load(values + starts[block + set]);
        best[set] = larger(best[set], value);
        zeros[set] = sum(zeros[set], difference(value, value));
    }
    alignas(64) float largest[kSets * kBlock];
    std::uint32_t finite = 0xffffU;
    for (std::size_t set = 0; set < kSets; ++set) {
        finite &= at_least(zeros[set], zeros[set]);
        store(largest + set * kBlock, best[set]);
    }
    float least = -kPadding; // Of those with fewer than k larger ones.
    for (std::size_t set = 0; set < kSets; ++set) {
        const Counts larger_ones = count_larger<kSets * kBlock>(best[set], largest);
        least = std::min(least, least_of(best[set], larger_ones, k));
    }
    return finite == 0xffffU ? least : std::numeric_limits<float>::quiet_NaN();
}

LPUSIM_LANES_TARGET float bound(const float* values, std::span<const std::int32_t> starts, std::size_t k) {
    return starts.size() >= 4 && k > kBlock       ? bound_by_sets<4>(values, starts, k)
           : starts.size() >= 2 && 2 * k > kBlock ? bound_by_sets<2>(values, starts, k)
                                                  : bound_by_sets<1>(values, starts, k);
}

LPUSIM_LANES_TARGET std::size_t collect(const float* values, std::span<const std::int32_t> starts,
                                        float least, std::int32_t* positions) {
    const Lanes threshold = set_all(least);
    std::size_t count = 0;
    std::uint32_t sizes = 0; // All of them, bit by bit.
#pragma GCC unroll 4
    for (const std::int32_t& start : starts) {
        const std::uint32_t near = at_least(load(values + start), threshold);
        append(positions + count, near, &start);
        const auto size = static_cast<std::uint32_t>(std::popcount(near));
        sizes |= size;
        count += size;
    }
    return sizes <= kMostAppended ? count : kUnsure;
}

LPUSIM_LANES_TARGET bool rough_sigmoids(const float* logits, const float* bias, std::size_t blocks,
                                        float* ranks) {
    Lanes zeros = set_all(0.0F);
#pragma GCC unroll 2
    for (std::size_t block = 0; block < blocks; ++block) {
        const Lanes logit = load(logits + block * kBlock);
        zeros = sum(zeros, difference(logit, logit));
        store(ranks + block * kBlock, sum(sigmoid(logit), load(bias + block * kBlock)));
    }
    return at_least(zeros, zeros) == 0xffffU;
}

} // namespace
