#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace lpusim::moe {

/// The best `ids.size()` of the candidates offered so far: higher score first, equal scores in the order
/// offered.
///
/// Works in memory that the caller lends. Offer candidates by ascending id and ties fall to the lower id.
/// Cost: a vector compare for most candidates, an insertion for about k (1 + ln(n / k)) of n in random order.
template <class Real>
class TopList {
  public:
    TopList(std::span<Real> scores, std::span<std::int32_t> ids) : scores_(scores), ids_(ids) {
        assert(!ids.empty() && scores.size() == ids.size());
        for (auto& score : scores_) {
            score = -std::numeric_limits<Real>::infinity();
        }
    }

    /// Offers candidates `first_id`, `first_id + 1`, ...; every score must be finite.
    void offer(std::span<const Real> candidates, std::int32_t first_id) {
        constexpr std::size_t kStride = 16;
        std::size_t i = 0;
        for (; i + kStride <= candidates.size(); i += kStride) {
            const Real* block = candidates.data() + i;
            const Real threshold = scores_.back();
            int better = 0;
            for (std::size_t j = 0; j < kStride; ++j) {
                better |= static_cast<int>(block[j] > threshold);
            }
            if (better != 0) {
                offer_each(block, kStride, first_id + static_cast<std::int32_t>(i));
            }
        }
        offer_each(candidates.data() + i, candidates.size() - i, first_id + static_cast<std::int32_t>(i));
    }

  private:
    void offer_each(const Real* candidates, std::size_t count, std::int32_t first_id) {
        for (std::size_t i = 0; i < count; ++i) {
            if (candidates[i] > scores_.back()) {
                insert(candidates[i], first_id + static_cast<std::int32_t>(i));
            }
        }
    }

    void insert(Real score, std::int32_t id) {
        std::size_t place = ids_.size() - 1;
        for (; place > 0 && scores_[place - 1] < score; --place) {
            scores_[place] = scores_[place - 1];
            ids_[place] = ids_[place - 1];
        }
        scores_[place] = score;
        ids_[place] = id;
    }

    std::span<Real> scores_;
    std::span<std::int32_t> ids_;
};

} // namespace lpusim::moe
