#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// What a legal program did to every part of the chip, counted.
namespace lpusim::chip {

/// One queue. Idle is the rest of the program's cycles.
struct QueueUse {
    QueueId queue;
    std::int64_t busy_cycles = 0;   ///< instances issued, one cycle each
    std::int64_t parked_cycles = 0; ///< behind a Sync or Deskew, until the program ends
    /// Superlanes powered while busy, summed over the busy cycles: all of them, or as Config says.
    std::int64_t powered_superlane_cycles = 0;

    friend bool operator==(const QueueUse&, const QueueUse&) = default;
};

struct StreamCount {
    std::int64_t chip = 0;
    StreamRef stream;
    std::int64_t driven_vectors = 0;
    std::int64_t read_vectors = 0;

    friend bool operator==(const StreamCount&, const StreamCount&) = default;
};

/// A window of Gather or Scatter counts as one vector.
struct BankCount {
    std::int64_t chip = 0;
    Hemisphere hemisphere = Hemisphere::West;
    std::int64_t slice = 0;
    std::int64_t bank = 0;
    std::int64_t read_vectors = 0;
    std::int64_t written_vectors = 0;

    friend bool operator==(const BankCount&, const BankCount&) = default;
};

/// Rows in order, only those that were used.
struct Accounting {
    std::vector<QueueUse> queues;
    std::vector<StreamCount> streams;
    std::vector<BankCount> banks;
    /// Activations, lanes x lanes multiply-adds each.
    std::int64_t int8_activations = 0;
    std::int64_t fp8_activations = 0;
    std::int64_t fp16_activations = 0;
    std::int64_t alu_vectors = 0;     ///< computed by the VXM
    std::int64_t sxm_vectors = 0;     ///< driven by the SXM
    std::int64_t link_vectors = 0;    ///< sent
    std::int64_t fetched_vectors = 0; ///< instruction text taken by Ifetch

    friend bool operator==(const Accounting&, const Accounting&) = default;
};

/// Collects counts by ordinal; the order of calls does not matter.
class AccountingBook {
  public:
    AccountingBook(const Program& program, const ChipSpec& spec);

    void issued(const QueueId& queue, std::int64_t instances);
    void drove(std::int64_t chip, const StreamRef& stream, std::int64_t vectors);
    void read(std::int64_t chip, const StreamRef& stream, std::int64_t vectors);
    void read_bank(std::int64_t slice, std::int64_t bank, std::int64_t vectors);
    void wrote_bank(std::int64_t slice, std::int64_t bank, std::int64_t vectors);
    /// What the unit itself did: multiply-adds, lane operations, vectors moved or sent.
    void worked(const Instruction& instruction, std::int64_t instances);

    /// The rows, with what queues waited and how much of them was powered.
    [[nodiscard]] Accounting close() const;

  private:
    struct InAndOut {
        std::int64_t in = 0;
        std::int64_t out = 0;
    };

    [[nodiscard]] std::vector<QueueUse> queue_rows() const;
    [[nodiscard]] InAndOut& counts_of(std::int64_t chip, const StreamRef& stream);

    const Program& program_;
    const ChipSpec& spec_;
    QueueNumbers numbers_;
    std::vector<std::int64_t> issued_; ///< by queue number
    std::vector<InAndOut> streams_;    ///< driven in, read out
    std::vector<InAndOut> banks_;      ///< written in, read out
    Accounting counts_;
};

/// The same from whole runs: constant in repeat counts, but a run that walks through several banks is
/// followed level by level. Preconditions: the program is legal; `runs` are its queue runs.
[[nodiscard]] Accounting account(const Program& program, const std::vector<QueueRun>& runs,
                                 const ChipSpec& spec);

} // namespace lpusim::chip
