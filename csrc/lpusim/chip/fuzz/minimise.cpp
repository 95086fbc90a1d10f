#include "lpusim/chip/fuzz/minimise.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"

namespace lpusim::chip {
namespace {

/// The run without the first `steps` of one of its levels.
void cut_front(InstructionRun& run, std::size_t at, std::int64_t steps) {
    Level& level = run.repeat[at];
    level.count -= steps;
    run.issue += steps * level.cycles;
    if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
        if (access->read)
            access->read->address += steps * level.address_stride;
        if (access->write)
            access->write->address += steps * level.write_address_stride;
    } else if (auto* load = std::get_if<MxmLoad>(&run.instruction)) {
        load->column += steps * level.address_stride;
    } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
        add->slot += steps * level.address_stride;
    }
}

/// The run without the first of its slices. One that follows a stream starts later with the next slice: not
/// by how much is for the spec to say, so such a range is cut at its end only.
void cut_first_slice(InstructionRun& run) {
    SliceRange& slices = run.slices;
    --slices.count;
    ++run.queue.index;
    run.issue += slices.cycles;
    if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
        if (access->read) {
            access->read->address += slices.address_stride;
            access->read->to.stream += slices.stream_stride;
        }
        if (access->write) {
            access->write->address += slices.write_address_stride;
            access->write->from.stream += slices.write_stream_stride;
        }
    }
}

/// Numbers of an instruction that may become smaller, each with the least it may be.
std::vector<std::pair<std::int64_t*, std::int64_t>> numbers_of(Instruction& instruction) {
    std::vector<std::pair<std::int64_t*, std::int64_t>> numbers;
    if (auto* access = std::get_if<MemAccess>(&instruction)) {
        if (access->read) {
            numbers.emplace_back(&access->read->address, 0);
            if (access->read->gather)
                numbers.emplace_back(&access->read->gather->window_words, 1);
        }
        if (access->write) {
            numbers.emplace_back(&access->write->address, 0);
            if (access->write->scatter)
                numbers.emplace_back(&access->write->scatter->window_words, 1);
        }
    } else if (auto* load = std::get_if<MxmLoad>(&instruction)) {
        numbers.emplace_back(&load->streams, 1);
        numbers.emplace_back(&load->column, 0);
    } else if (auto* activate = std::get_if<MxmActivate>(&instruction)) {
        numbers.emplace_back(&activate->roundings, 1);
    } else if (auto* add = std::get_if<MxmAccumulate>(&instruction)) {
        numbers.emplace_back(&add->slot, 0);
    } else if (auto* receive = std::get_if<C2cReceive>(&instruction)) {
        numbers.emplace_back(&receive->held_cycles, 0);
    } else if (auto* config = std::get_if<Config>(&instruction)) {
        numbers.emplace_back(&config->superlanes, 1);
    }
    return numbers;
}

class Minimiser {
  public:
    Minimiser(const Program& program, const ChipSpec& spec, const ProgramProperty& has)
        : best_(program), spec_(spec), has_(has) {}

    /// Every change that is kept makes one of these less and none before it more: chips, runs, tensors, maps,
    /// counts, parts of instructions, numbers, cycles. So this ends.
    Program run() {
        assert(has_(best_));
        do {
            smaller_ = false;
            drop_runs();
            drop_chips();
            drop_tensors();
            drop_maps();
            for (std::size_t at = 0; at < best_.runs.size(); ++at) {
                shorten_repeats(at);
                shorten_range(at);
                drop_parts(at);
                shrink_numbers(at);
            }
            start_earlier();
        } while (smaller_);
        return std::move(best_);
    }

  private:
    bool attempt(Program candidate) {
        if (candidate == best_)
            return false;
        try {
            validate(candidate, spec_);
        } catch (const ValueError&) {
            return false;
        }
        if (!has_(candidate))
            return false;
        best_ = std::move(candidate);
        smaller_ = true;
        return true;
    }

    template <class Change>
    bool attempt_on(std::size_t at, const Change& change) {
        Program candidate = best_;
        change(candidate.runs[at]);
        return attempt(std::move(candidate));
    }

    /// Halves first, then quarters, at last single runs; later ones first, which less depends on.
    void drop_runs() {
        for (std::size_t size = std::max<std::size_t>(best_.runs.size() / 2, 1);; size /= 2) {
            for (std::size_t end = best_.runs.size(); end > 0; end -= std::min(size, end)) {
                Program candidate = best_;
                const std::size_t begin = end - std::min(size, end);
                candidate.runs.erase(candidate.runs.begin() + static_cast<std::ptrdiff_t>(begin),
                                     candidate.runs.begin() + static_cast<std::ptrdiff_t>(end));
                attempt(std::move(candidate));
            }
            if (size <= 1)
                return;
        }
    }

    void drop_chips() {
        for (std::int64_t chip = best_.chips; chip-- > 0 && best_.chips > 1;) {
            Program candidate = best_;
            --candidate.chips;
            std::erase_if(candidate.runs, [&](const InstructionRun& run) {
                const auto* receive = std::get_if<C2cReceive>(&run.instruction);
                return run.queue.chip == chip || (receive != nullptr && receive->peer.chip == chip);
            });
            for (InstructionRun& run : candidate.runs) {
                run.queue.chip -= run.queue.chip > chip;
                if (auto* receive = std::get_if<C2cReceive>(&run.instruction))
                    receive->peer.chip -= receive->peer.chip > chip;
            }
            for (Tensor& tensor : candidate.tensors) {
                std::erase_if(tensor.pieces, [&](const TensorPiece& piece) { return piece.chip == chip; });
                for (TensorPiece& piece : tensor.pieces)
                    piece.chip -= piece.chip > chip;
            }
            attempt(std::move(candidate));
        }
    }

    void drop_tensors() {
        for (std::size_t at = best_.tensors.size(); at-- > 0;) {
            Program candidate = best_;
            candidate.tensors.erase(candidate.tensors.begin() + static_cast<std::ptrdiff_t>(at));
            attempt(std::move(candidate));
        }
    }

    /// Those that no run names.
    void drop_maps() {
        for (std::size_t at = best_.maps.size(); at-- > 0;) {
            Program candidate = best_;
            candidate.maps.erase(candidate.maps.begin() + static_cast<std::ptrdiff_t>(at));
            bool named = false;
            for (InstructionRun& run : candidate.runs) {
                auto* move = std::get_if<SxmMove>(&run.instruction);
                if (move == nullptr || (move->op != SxmOp::Permute && move->op != SxmOp::Distribute))
                    continue;
                named = named || move->argument == static_cast<std::int64_t>(at);
                move->argument -= move->argument > static_cast<std::int64_t>(at);
            }
            if (!named)
                attempt(std::move(candidate));
        }
    }

    void shorten_repeats(std::size_t at) {
        for (std::size_t level = best_.runs[at].repeat.size(); level-- > 0;) {
            if (attempt_on(at, [&](InstructionRun& run) {
                    run.repeat.erase(run.repeat.begin() + static_cast<std::ptrdiff_t>(level));
                }))
                continue;
            shrink(at, 1, [&](InstructionRun& run) { return &run.repeat[level].count; });
            for (std::int64_t steps = best_.runs[at].repeat[level].count / 2; steps > 0;) {
                const bool possible = steps < best_.runs[at].repeat[level].count;
                if (!possible || !attempt_on(at, [&](InstructionRun& run) { cut_front(run, level, steps); }))
                    steps /= 2;
            }
        }
    }

    void shorten_range(std::size_t at) {
        shrink(at, 1, [](InstructionRun& run) { return &run.slices.count; });
        while (best_.runs[at].slices.count > 1 && !best_.runs[at].slices.follow &&
               attempt_on(at, cut_first_slice)) {
        }
        if (best_.runs[at].slices.count == 1)
            attempt_on(at, [](InstructionRun& run) { run.slices = {}; });
        attempt_on(at, [](InstructionRun& run) { run.slices.follow.reset(); });
    }

    void drop_parts(std::size_t at) {
        const auto on_access = [&](const auto& change) {
            attempt_on(at, [&](InstructionRun& run) {
                if (auto* access = std::get_if<MemAccess>(&run.instruction))
                    change(*access);
            });
        };
        on_access([](MemAccess& access) { access.read.reset(); });
        on_access([](MemAccess& access) { access.write.reset(); });
        on_access([](MemAccess& access) {
            if (access.read)
                access.read->gather.reset();
        });
        on_access([](MemAccess& access) {
            if (access.write)
                access.write->scatter.reset();
        });
        attempt_on(at, [](InstructionRun& run) {
            if (auto* add = std::get_if<MxmAccumulate>(&run.instruction))
                add->to.reset();
        });
        attempt_on(at, [](InstructionRun& run) {
            if (auto* compute = std::get_if<VxmCompute>(&run.instruction))
                compute->to.reset();
        });
    }

    void shrink_numbers(std::size_t at) {
        for (std::size_t level = 0; level < best_.runs[at].repeat.size(); ++level) {
            shrink(at, 1, [&](InstructionRun& run) { return &run.repeat[level].cycles; });
            shrink(at, 0, [&](InstructionRun& run) { return &run.repeat[level].address_stride; });
            shrink(at, 0, [&](InstructionRun& run) { return &run.repeat[level].write_address_stride; });
        }
        for (const auto stride :
             {&SliceRange::cycles, &SliceRange::address_stride, &SliceRange::write_address_stride,
              &SliceRange::stream_stride, &SliceRange::write_stream_stride})
            shrink(at, 0, [&](InstructionRun& run) { return &(run.slices.*stride); });
        for (std::size_t i = 0; i < numbers_of(best_.runs[at].instruction).size(); ++i) {
            shrink(at, numbers_of(best_.runs[at].instruction)[i].second,
                   [&](InstructionRun& run) { return numbers_of(run.instruction)[i].first; });
        }
    }

    /// Brings the number that `pick` points at as near to `least` as it goes: at once, or else by ever
    /// smaller parts of the way.
    template <class Pick>
    void shrink(std::size_t at, std::int64_t least, const Pick& pick) {
        const auto distance = [&] { return *pick(best_.runs[at]) - least; };
        for (std::int64_t part = distance(); part != 0;) {
            if (attempt_on(at, [&](InstructionRun& run) { *pick(run) -= part; })) {
                part = distance();
            } else {
                part /= 2;
            }
        }
    }

    /// Moves the runs from some issue on towards those before it: gaps that mean nothing close, and the first
    /// run comes to cycle 0.
    void start_earlier() {
        std::vector<std::int64_t> issues;
        issues.reserve(best_.runs.size());
        for (const InstructionRun& run : best_.runs)
            issues.push_back(run.issue);
        std::sort(issues.begin(), issues.end());
        for (std::size_t at = issues.size(); at-- > 0;) {
            const std::int64_t issue = issues[at];
            std::int64_t gap = issue - (at == 0 ? 0 : issues[at - 1]);
            for (std::int64_t moved = 0, part = gap; part > 0;) {
                Program candidate = best_;
                for (InstructionRun& run : candidate.runs)
                    run.issue -= run.issue >= issue - moved ? part : 0;
                if (attempt(std::move(candidate))) {
                    moved += part;
                    gap -= part;
                    part = gap;
                } else {
                    part /= 2;
                }
            }
        }
    }

    Program best_;
    const ChipSpec& spec_;
    const ProgramProperty& has_;
    bool smaller_ = false;
};

} // namespace

Program minimised(const Program& program, const ChipSpec& spec, const ProgramProperty& has) {
    return Minimiser(program, spec, has).run();
}

} // namespace lpusim::chip
