#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

/// Composition of pieces of work whose inside is already known to be legal (DESIGN: max-plus, legal by
/// construction).
namespace lpusim::lower {

/// A closed interval of cycles (of stream keys, for a stream), relative to the start of its segment, in which
/// one resource is in use. A resource is whatever two segments must not use at once: a queue, a stream, a
/// weight buffer.
struct ResourceUse {
    std::int32_t resource = 0;
    std::int64_t first_cycle = 0;
    std::int64_t last_cycle = 0;
};

/// When a segment touches one tensor, relative to its own start.
struct TensorUse {
    std::int32_t tensor = 0;
    std::int64_t first_cycle = 0;
    std::int64_t last_cycle = 0;
};

/// How the cycles of a segment came about; results list every kind they contain.
enum class Origin : std::uint8_t {
    verified_program, ///< A chip program that passed the verifier.
    timetable,        ///< A verified link timetable.
    stated_bound,     ///< A closed form that no legal schedule of the operator should exceed;
                      ///< docs/model-status.md lists it.
};

/// Everything of the chip that a program uses. Segments of equal shape share one.
struct Occupancy {
    std::vector<ResourceUse> resources;
    /// SRAM banks, as tensors: a later read must not pass an earlier write, nor a write what went before.
    std::vector<TensorUse> bank_reads;
    std::vector<TensorUse> bank_writes;
};

/// What composition sees of a piece of work.
struct Segment {
    Origin origin = Origin::stated_bound;
    std::int64_t cycles = 0;
    /// Null: the segment has the chip to itself, as work without a program must.
    std::shared_ptr<const Occupancy> occupancy;
    std::vector<TensorUse> reads;
    std::vector<TensorUse> writes;
};

/// The running frontier of a step. Every segment is placed at the least start at which all its resources are
/// free, every tensor it reads is written, and every tensor it writes is no longer read.
class Composer {
  public:
    /// No segment starts more than `slip_cycles` before the end of what is already placed. The limit makes
    /// the frontier finite, so that equal repeats are recognised exactly.
    Composer(std::int32_t resource_count, std::int32_t tensor_count, std::int64_t slip_cycles);

    /// Places `segment` and returns its start. Starts need not increase: a later segment may slip under an
    /// earlier one that uses other resources. Cost: one pass over its uses.
    std::int64_t place(const Segment& segment);

    /// The first cycle by which everything placed so far is over.
    [[nodiscard]] std::int64_t end_cycle() const { return end_cycle_; }

    /// The frontier relative to `end_cycle()`; entries too old to matter are equal. Equal frontiers behave
    /// equally for ever after.
    [[nodiscard]] std::vector<std::int64_t> frontier() const;

    /// Moves the whole frontier later by `cycles`: what placing work that repeats exactly would have done.
    void advance(std::int64_t cycles);

  private:
    struct TensorState {
        std::int64_t written_cycle = kNever;
        std::int64_t read_cycle = kNever;
    };
    /// Before anything that a segment can name: keys of westward streams begin below zero.
    static constexpr std::int64_t kNever = -(std::int64_t{1} << 40U);

    [[nodiscard]] std::int64_t earliest_read(const TensorUse& use) const;
    [[nodiscard]] std::int64_t earliest_write(const TensorUse& use) const;
    void mark_read(const TensorUse& use, std::int64_t start);
    void mark_written(const TensorUse& use, std::int64_t start);

    std::vector<std::int64_t> resource_last_cycle_;
    std::vector<TensorState> tensors_;
    std::int64_t slip_cycles_;
    std::int64_t end_cycle_ = 0;
    /// End of the last segment that had the chip to itself: nothing starts before it.
    std::int64_t floor_cycle_ = 0;
};

/// What composing a list of segments `repeat_count` times in a row costs.
struct RepeatedCost {
    std::int64_t cycles = 0;
    /// Repeats that were placed one by one before the distance between repeats stopped changing.
    std::int64_t placed_count = 0;
};

/// Places `segments` in order, `repeat_count` times. Equal repeats converge to a fixed offset: from then on
/// the rest is added at once. Exact: the same end as placing every repeat.
RepeatedCost place_repeated(Composer& composer, std::span<const Segment* const> segments,
                            std::int64_t repeat_count);

} // namespace lpusim::lower
