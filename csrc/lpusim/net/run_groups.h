#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/timetable.h"

namespace lpusim::net {

/// The rows of a timetable's runs in order of transfer, then hop, then row. 4 bytes a run.
class RunsByTransfer {
  public:
    explicit RunsByTransfer(const Timetable& timetable);

    /// Rows of `transfer`'s runs over `hop`.
    [[nodiscard]] std::span<const std::uint32_t> hop(std::int64_t transfer, std::int64_t hop) const;
    /// One more than the last hop of `transfer`; 0 where it has no runs.
    [[nodiscard]] std::int64_t hop_count(std::int64_t transfer) const;

  private:
    [[nodiscard]] std::span<const std::uint32_t> of(std::int64_t transfer) const;

    std::span<const Run> runs_;
    std::vector<std::uint32_t> begin_; // Filled while order_ is made.
    std::vector<std::uint32_t> order_;
};

/// The rows of a timetable's runs in order of link, then start, then row. 4 bytes a run.
class RunsByLink {
  public:
    RunsByLink(const Timetable& timetable, std::int64_t link_count);

    [[nodiscard]] std::span<const std::uint32_t> of(std::int64_t link) const;
    [[nodiscard]] std::int64_t link_count() const { return static_cast<std::int64_t>(begin_.size()) - 1; }

  private:
    std::vector<std::uint32_t> begin_; // Filled while order_ is made.
    std::vector<std::uint32_t> order_;
};

} // namespace lpusim::net
