#include "lpusim/net/move_values.h"

#include <algorithm>
#include <deque>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/base/parallel.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/wide_sum.h"
#include "lpusim/net/enum_names.h"
#include "lpusim/net/run_groups.h"
#include "lpusim/net/run_lines.h"
#include "lpusim/net/verify.h"

namespace lpusim::net {
namespace {

constexpr EnumNames<Carried, 5> kNames{"format to carry",
                                       {{{Carried::int8, "int8"},
                                         {Carried::int32, "int32"},
                                         {Carried::fp16, "fp16"},
                                         {Carried::fp32, "fp32"},
                                         {Carried::wide, "wide"}}}};

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// Each format: an element as it is given, carried, summed and handed out.
struct Int8 {
    using In = std::int8_t;
    using Wire = std::int8_t;
    using Sum = std::int8_t;
    using Out = std::int8_t;
    static Wire load(In value) { return value; }
    static Sum widen(Wire value) { return value; }
    static Sum add(Sum, Wire) { return 0; } // Refused before.
    static Wire narrow(Sum value) { return value; }
    static Out store(Wire value) { return value; }
};

struct Int32 {
    using In = std::int32_t;
    using Wire = std::int32_t;
    using Sum = std::uint32_t;
    using Out = std::int32_t;
    static Wire load(In value) { return value; }
    static Sum widen(Wire value) { return static_cast<std::uint32_t>(value); }
    static Sum add(Sum sum, Wire value) { return sum + static_cast<std::uint32_t>(value); }
    static Wire narrow(Sum value) { return static_cast<std::int32_t>(value); }
    static Out store(Wire value) { return value; }
};

struct Fp16 {
    using In = std::uint16_t;
    using Wire = std::uint16_t;
    using Sum = float;
    using Out = std::uint16_t;
    static Wire load(In value) { return value; }
    static Sum widen(Wire value) { return fp32_from_fp16(value); }
    static Sum add(Sum sum, Wire value) { return sum + fp32_from_fp16(value); }
    static Wire narrow(Sum value) { return fp16_from_fp32(value); }
    static Out store(Wire value) { return value; }
};

struct Fp32 {
    using In = float;
    using Wire = float;
    using Sum = float;
    using Out = float;
    static Wire load(In value) { return value; }
    static Sum widen(Wire value) { return value; }
    static Sum add(Sum sum, Wire value) { return sum + value; }
    static Wire narrow(Sum value) { return canonical_nan(value); }
    static Out store(Wire value) { return value; }
};

struct Wide {
    using In = std::uint16_t;
    using Wire = WideSum;
    using Sum = WideSum;
    using Out = float;
    static Wire load(In value) {
        WideSum sum;
        sum.add(static_cast<double>(fp32_from_fp16(value)));
        return sum;
    }
    static Sum widen(const Wire& value) { return value; }
    static Sum add(Sum sum, const Wire& value) {
        sum.add(value);
        return sum;
    }
    static Wire narrow(const Sum& value) { return value; }
    static Out store(const Wire& value) { return value.to_fp32(); }
};

/// Vectors that one call works through together, so that runs are taken apart once for all of them.
constexpr std::int64_t kBlockVectors = 64;

/// For each block of vectors, the transfers that carry some of it.
class TransfersByBlock {
  public:
    TransfersByBlock(std::span<const Transfer> transfers, std::int64_t vector_count) {
        const std::int64_t block_count = div_ceil(vector_count, kBlockVectors);
        begin_.assign(at(block_count) + 1, 0);
        const auto for_blocks = [&](const Transfer& row, const auto& visit) {
            const std::int64_t last = std::min(vectors_of(row).last(), vector_count - 1);
            for (std::int64_t block = row.first_vector / kBlockVectors; block * kBlockVectors <= last;
                 ++block)
                visit(block);
        };
        for (const Transfer& row : transfers)
            for_blocks(row, [&](std::int64_t block) { ++begin_[at(block) + 1]; });
        for (std::size_t block = 1; block < begin_.size(); ++block)
            begin_[block] += begin_[block - 1];
        std::vector<std::size_t> next(begin_.begin(), begin_.end() - 1);
        rows_.resize(begin_.back());
        for (std::size_t i = 0; i < transfers.size(); ++i) {
            for_blocks(transfers[i],
                       [&](std::int64_t block) { rows_[next[at(block)]++] = static_cast<std::uint32_t>(i); });
        }
    }

    [[nodiscard]] std::int64_t block_count() const { return static_cast<std::int64_t>(begin_.size()) - 1; }
    [[nodiscard]] std::span<const std::uint32_t> of(std::int64_t block) const {
        return std::span(rows_).subspan(begin_[at(block)], begin_[at(block) + 1] - begin_[at(block)]);
    }

  private:
    std::vector<std::size_t> begin_;
    std::vector<std::uint32_t> rows_;
};

/// What happens to one vector at one end of one transfer. In one cycle what arrives is there before what
/// leaves.
struct Event {
    std::int64_t cycle = 0;
    bool leaves = false;
    std::uint32_t transfer = 0;

    friend auto operator<=>(const Event&, const Event&) = default;
};

/// Everything that happens to the vectors of a block, in order.
class BlockEvents {
  public:
    BlockEvents(const Topology& topology, const Timetable& timetable, const RunsByTransfer& runs)
        : topology_(topology), timetable_(timetable), runs_(runs), events_(at(kBlockVectors)) {}

    void collect(std::int64_t block, std::span<const std::uint32_t> transfers) {
        for (auto& events : events_)
            events.clear();
        const Line vectors{block * kBlockVectors, 1, kBlockVectors};
        for (const std::uint32_t transfer : transfers) {
            for (const std::uint32_t row : runs_.hop(transfer, 0))
                add(vectors, timetable_.runs[row], true, 0);
            for (const std::uint32_t row : runs_.hop(transfer, runs_.hop_count(transfer) - 1)) {
                const Run& run = timetable_.runs[row];
                const Bundle& bundle = topology_.bundle_of_link(static_cast<std::int32_t>(run.link));
                add(vectors, run, false, bundle.timing.hop_cycles);
            }
        }
        for (auto& events : events_)
            std::ranges::sort(events);
    }

    [[nodiscard]] std::span<const Event> of(std::int64_t place) const { return events_[at(place)]; }

  private:
    void add(const Line& vectors, const Run& run, bool leaves, std::int64_t later_cycles) {
        const auto piece = common(vectors_of(run), vectors);
        if (!piece)
            return;
        for (std::int64_t i = 0; i < piece->count; ++i) {
            const std::int64_t vector = piece->first + i * piece->step;
            events_[at(vector - vectors.first)].push_back(
                {start_of(run, vector) + later_cycles, leaves, static_cast<std::uint32_t>(run.transfer)});
        }
    }

    const Topology& topology_;
    const Timetable& timetable_;
    const RunsByTransfer& runs_;
    std::vector<std::vector<Event>> events_;
};

/// Runs one vector at a time over all chips.
template <class Format>
class Memories {
  public:
    using Wire = typename Format::Wire;

    Memories(std::int64_t chip_count, std::size_t transfer_count, std::int64_t elements)
        : elements_(at(elements)), chips_(at(chip_count)), under_way_(transfer_count, nullptr) {}

    /// Forgets the last vector.
    void begin() {
        for (const std::int32_t chip : touched_) {
            put(chip, nullptr);
            chips_[at(chip)].is_touched = false;
        }
        touched_.clear();
        buffers_used_ = 0;
    }

    /// Room for a vector until the next begin().
    [[nodiscard]] Wire* new_vector() {
        if (buffers_used_ == buffers_.size())
            buffers_.emplace_back(elements_);
        return buffers_[buffers_used_++].data();
    }

    void put(std::int32_t chip, const Wire* value) {
        Memory& memory = touch(chip);
        memory.own = value;
        memory.operands.clear();
        memory.sum = nullptr;
    }

    void leave(const Transfer& transfer, std::uint32_t index) {
        const Wire* value = read(static_cast<std::int32_t>(transfer.source));
        if (value == nullptr) {
            Wire* zeros = new_vector();
            std::fill_n(zeros, elements_, Wire{});
            value = zeros;
        }
        under_way_[index] = value;
    }

    void arrive(const Transfer& transfer, std::uint32_t index) {
        const auto chip = static_cast<std::int32_t>(transfer.target);
        if (transfer.adds == 0) {
            put(chip, under_way_[index]);
            return;
        }
        Memory& memory = touch(chip);
        const Operand operand{index, under_way_[index]};
        memory.operands.insert(std::ranges::upper_bound(memory.operands, index, {}, &Operand::transfer),
                               operand);
        memory.sum = nullptr;
    }

    /// What a chip holds; null where that is nothing.
    [[nodiscard]] const Wire* read(std::int32_t chip) {
        Memory& memory = chips_[at(chip)];
        if (memory.operands.empty())
            return memory.own;
        if (memory.sum == nullptr)
            memory.sum = add_up(memory);
        return memory.sum;
    }

  private:
    struct Operand {
        std::uint32_t transfer = 0;
        const Wire* value = nullptr;
    };
    struct Memory {
        const Wire* own = nullptr;
        std::vector<Operand> operands;
        /// Of own and operands, where it has been asked for since the last change.
        const Wire* sum = nullptr;
        bool is_touched = false;
    };

    Memory& touch(std::int32_t chip) {
        Memory& memory = chips_[at(chip)];
        if (!std::exchange(memory.is_touched, true))
            touched_.push_back(chip);
        return memory;
    }

    [[nodiscard]] const Wire* add_up(const Memory& memory) {
        std::span<const Operand> left = memory.operands;
        const Wire* first = memory.own;
        if (first == nullptr) {
            first = left.front().value;
            left = left.subspan(1);
            if (left.empty())
                return first;
        }
        sum_.resize(elements_);
        std::transform(first, first + elements_, sum_.begin(), Format::widen);
        for (const Operand& operand : left)
            std::transform(sum_.begin(), sum_.end(), operand.value, sum_.begin(), Format::add);
        Wire* result = new_vector();
        std::transform(sum_.begin(), sum_.end(), result, Format::narrow);
        return result;
    }

    std::size_t elements_;
    std::vector<Memory> chips_;
    std::vector<std::int32_t> touched_;
    /// By transfer: what it carries from its start to its arrival.
    std::vector<const Wire*> under_way_;
    std::deque<std::vector<Wire>> buffers_;
    std::size_t buffers_used_ = 0;
    std::vector<typename Format::Sum> sum_;
};

/// Elements of one payload; all payloads of a call have as many.
template <class Format>
[[nodiscard]] std::int64_t checked_element_count(const Topology& topology, std::span<const ChipInput> inputs,
                                                 std::span<const ChipOutput> outputs) {
    std::vector<std::uint8_t> seen(at(topology.chip_count()), 0);
    std::int64_t element_count = -1;
    const auto check = [&](const char* what, std::int32_t chip, std::size_t bytes, std::size_t size,
                           std::uint8_t mark) {
        topology.require_chip(std::string("the chip of an ") + what, chip);
        if ((seen[at(chip)] & mark) != 0)
            throw ValueError("chip " + std::to_string(chip) + " is an " + what + " twice");
        seen[at(chip)] |= mark;
        const auto count = static_cast<std::int64_t>(bytes / size);
        if (element_count < 0)
            element_count = count;
        if (bytes % size != 0 || count != element_count) {
            throw ValueError("the " + std::string(what) + " of chip " + std::to_string(chip) + " has " +
                             std::to_string(count) + " elements, but the first payload has " +
                             std::to_string(element_count));
        }
    };
    for (const ChipInput& input : inputs)
        check("input", input.chip, input.payload.size(), sizeof(typename Format::In), 1);
    for (const ChipOutput& output : outputs)
        check("output", output.chip, output.payload.size(), sizeof(typename Format::Out), 2);
    return std::max<std::int64_t>(element_count, 0);
}

template <class Format>
void move_as(const Topology& topology, const Timetable& timetable, Carried carried,
             std::span<const ChipInput> inputs, std::span<const ChipOutput> outputs, std::int64_t threads) {
    using In = typename Format::In;
    using Wire = typename Format::Wire;
    using Out = typename Format::Out;
    const std::int64_t element_count = checked_element_count<Format>(topology, inputs, outputs);
    const std::int64_t per_vector = topology.link().vector_bytes / element_bytes(carried);
    const std::int64_t vector_count = div_ceil(element_count, per_vector);
    const RunsByTransfer runs(timetable);
    const TransfersByBlock blocks(timetable.transfers, vector_count);

    struct Worker {
        BlockEvents events;
        Memories<Format> memories;
    };
    std::vector<Worker> workers;
    for (std::int64_t i = 0; i < std::min(threads, blocks.block_count()); ++i) {
        workers.push_back({BlockEvents(topology, timetable, runs),
                           Memories<Format>(topology.chip_count(), timetable.transfers.size(), per_vector)});
    }

    const auto run_vector = [&](Memories<Format>& memories, std::span<const Event> events,
                                std::int64_t vector) {
        const std::int64_t first = vector * per_vector;
        const std::int64_t count = std::min(per_vector, element_count - first);
        memories.begin();
        for (const ChipInput& input : inputs) {
            const In* given = reinterpret_cast<const In*>(input.payload.data()) + first;
            if constexpr (std::is_same_v<In, Wire>) {
                if (count == per_vector) {
                    memories.put(input.chip, given);
                    continue;
                }
            }
            Wire* value = memories.new_vector();
            std::transform(given, given + count, value, Format::load);
            std::fill(value + count, value + per_vector, Wire{});
            memories.put(input.chip, value);
        }
        for (const Event& event : events) {
            const Transfer& transfer = timetable.transfers[event.transfer];
            if (event.leaves) {
                memories.leave(transfer, event.transfer);
            } else {
                memories.arrive(transfer, event.transfer);
            }
        }
        for (const ChipOutput& output : outputs) {
            Out* kept = reinterpret_cast<Out*>(output.payload.data()) + first;
            const Wire* value = memories.read(output.chip);
            if (value == nullptr) {
                std::fill_n(kept, count, Out{});
            } else {
                std::transform(value, value + count, kept, Format::store);
            }
        }
    };
    for_each_index(blocks.block_count(), threads, [&](std::int64_t worker_index, std::int64_t block) {
        Worker& worker = workers[at(worker_index)];
        worker.events.collect(block, blocks.of(block));
        const std::int64_t first = block * kBlockVectors;
        for (std::int64_t vector = first; vector < std::min(first + kBlockVectors, vector_count); ++vector)
            run_vector(worker.memories, worker.events.of(vector - first), vector);
    });
}

void check_formats(const Topology& topology, const Timetable& timetable, Carried carried) {
    const std::int64_t vector_bytes = topology.link().vector_bytes;
    if (vector_bytes % element_bytes(carried) != 0) {
        throw ValueError("a vector of " + std::to_string(vector_bytes) + " bytes is no whole number of " +
                         std::string(carried_name(carried)) + " elements of " +
                         std::to_string(element_bytes(carried)) + " bytes");
    }
    if (carried != Carried::int8)
        return;
    const auto adding = std::ranges::find(timetable.transfers, 1, &Transfer::adds);
    if (adding != timetable.transfers.end()) {
        throw ValueError("transfer " + std::to_string(adding - timetable.transfers.begin()) +
                         " adds, but int8 elements are only moved; carry int32 to add them exactly");
    }
}

} // namespace

std::string_view carried_name(Carried carried) {
    return kNames.name_of(carried);
}

Carried carried_named(std::string_view name) {
    return kNames.named(name);
}

std::int64_t element_bytes(Carried carried) {
    switch (carried) {
    case Carried::int8:
        return 1;
    case Carried::fp16:
        return 2;
    case Carried::wide:
        return 16;
    case Carried::int32:
    case Carried::fp32:
        break;
    }
    return 4;
}

void move_values(const Topology& topology, const Timetable& timetable, Carried carried,
                 std::span<const ChipInput> inputs, std::span<const ChipOutput> outputs,
                 std::int64_t threads) {
    if (threads < 1)
        throw ValueError("threads must be at least 1, got " + std::to_string(threads));
    (void)verify(topology, timetable);
    check_formats(topology, timetable, carried);
    switch (carried) {
    case Carried::int8:
        return move_as<Int8>(topology, timetable, carried, inputs, outputs, threads);
    case Carried::int32:
        return move_as<Int32>(topology, timetable, carried, inputs, outputs, threads);
    case Carried::fp16:
        return move_as<Fp16>(topology, timetable, carried, inputs, outputs, threads);
    case Carried::fp32:
        return move_as<Fp32>(topology, timetable, carried, inputs, outputs, threads);
    case Carried::wide:
        return move_as<Wide>(topology, timetable, carried, inputs, outputs, threads);
    }
}

} // namespace lpusim::net
