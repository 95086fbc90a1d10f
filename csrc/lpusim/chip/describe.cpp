#include "lpusim/chip/describe.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "lpusim/chip/access.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::chip {
namespace {

/// Addresses that an access may take.
struct AllowedAddresses {
    std::int64_t first = 0;
    std::int64_t last = 0;
};

class Describer {
  public:
    Describer(const ScheduleViolation& violation, const Program& program, const ChipSpec& spec)
        : violation_(violation), program_(program), spec_(spec) {}

    [[nodiscard]] std::string line() const {
        return "cycle " + std::to_string(violation_.tau) + ": " +
               name(violation_.queue, violation_.run, violation_.repeat) + " " + complaint();
    }

  private:
    [[nodiscard]] const InstructionRun& run(std::int64_t number) const {
        return program_.runs[static_cast<std::size_t>(number)];
    }

    /// "run 3 (line 7) on mem.w.0 (read 5 -> e.0; repeat 0, 7)"
    [[nodiscard]] std::string name(const QueueId& queue, std::int64_t number, std::int64_t repeat) const {
        std::string text = run_name(program_, number) + " on " + to_string(queue) + " (" +
                           instruction_text(run(number).instruction, program_.maps);
        const auto indices = repeat_indices(run(number), repeat);
        for (std::size_t level = 0; level < indices.size(); ++level)
            text += (level == 0 ? "; repeat " : ", ") + std::to_string(indices[level]);
        return text + ")";
    }

    [[nodiscard]] std::string other() const {
        return name(*violation_.other_queue, violation_.other_run, violation_.other_repeat);
    }

    [[nodiscard]] std::string complaint() const {
        const std::string address = std::to_string(violation_.address);
        switch (violation_.kind) {
        case ViolationClass::QueueBusy:
            return "issues in the same cycle as " + other() + "; a queue issues one instruction a cycle";
        case ViolationClass::QueueParked:
            return "issues while its queue is parked by " + other() + ", until cycle " +
                   std::to_string(released_at());
        case ViolationClass::SyncLost:
            return "waits for ever: no notify is issued in this cycle or later";
        case ViolationClass::AddressRange:
            return out_of_range();
        case ViolationClass::StreamEmpty:
            return "reads stream " + to_string(*violation_.stream) + read_name() +
                   ", which carries nothing here, at x = " +
                   std::to_string(queue_position(spec_, violation_.queue)) + nearest_arrival();
        case ViolationClass::OperandGone:
            return "takes " + moment_name() + " not there in this cycle" + nearest_moment();
        case ViolationClass::ReceiveEmpty:
            return empty_link();
        case ViolationClass::StreamCollision:
            return "drives stream " + to_string(*violation_.stream) + drive_name() +
                   " in the same cycle and place as " + other();
        case ViolationClass::ResultCollision:
            return "has its result in the same cycle as " + other() +
                   "; an ALU has one result a cycle, and these operations take different times";
        case ViolationClass::BankConflict:
            return "touches address " + address + " in bank " +
                   std::to_string(bank_of(spec_, violation_.address)) + " in the same cycle as " + other() +
                   "; a slice makes one read and one write a cycle, in different banks";
        case ViolationClass::ResourceBusy:
            return busy_resource();
        case ViolationClass::ShadowBusy:
            return "loads weights from column " + address +
                   " on, but one of them awaits install or an install is still under way";
        case ViolationClass::LoadsUnfinished:
            return "installs weights, but a load is still under way or none was made since the last install";
        case ViolationClass::WeightsMissing:
            return "activates before any weights are active" + first_weights();
        case ViolationClass::Data:
            break;
        }
        return outside_window();
    }

    // ---- which operand a stream or result is; nothing where an instruction has one of a single stream

    /// " (operand b, e.4 to e.7)"
    [[nodiscard]] std::string read_name() const {
        const RunUse used = use(violation_.run);
        for (std::size_t i = 0; i < used.stream_reads.size; ++i) {
            const StreamUse& read = used.stream_reads.items[i];
            const bool meant = read.direction == violation_.stream->direction &&
                               violation_.stream->stream >= read.first &&
                               violation_.stream->stream < read.first + read.width;
            if (meant && (used.stream_reads.size > 1 || read.width > 1))
                return group_name(read_names()[i], read);
        }
        return "";
    }

    /// In the order of RunUse::stream_reads.
    [[nodiscard]] std::vector<std::string> read_names() const {
        const Instruction& instruction = run(violation_.run).instruction;
        std::vector<std::string> names;
        if (const auto* compute = std::get_if<VxmCompute>(&instruction)) {
            for (const auto& [operand, name] :
                 {std::pair{&compute->a, "operand a"}, std::pair{&compute->b, "operand b"},
                  std::pair{&compute->c, "operand c"}}) {
                if (std::holds_alternative<VxmStream>(*operand))
                    names.emplace_back(name);
            }
        } else if (const auto* access = std::get_if<MemAccess>(&instruction)) {
            if (access->read && access->read->gather)
                names.emplace_back("map of the gather");
            if (access->write) {
                names.emplace_back("source of the write");
                if (access->write->scatter)
                    names.emplace_back("map of the scatter");
            }
        } else if (std::holds_alternative<SxmMove>(instruction)) {
            names = {"operand a", "operand b"};
        } else {
            names = {"its source", "its source"}; // Ifetch reads its one stream twice.
        }
        return names;
    }

    [[nodiscard]] std::string drive_name() const {
        const StreamUse drive = *use(violation_.run).stream_drive;
        return drive.width == 1 ? "" : group_name("its result", drive);
    }

    [[nodiscard]] static std::string group_name(const std::string& name, const StreamUse& group) {
        return " (" + name +
               (group.width == 1 ? "" : ", " + streams_text({group.direction, group.first}, group.width)) +
               ")";
    }

    /// " (operand b)"
    [[nodiscard]] std::string chain_name() const {
        const auto& compute = std::get<VxmCompute>(run(violation_.run).instruction);
        const VxmChain wanted{violation_.address % spec_.vxm_alus};
        if (std::holds_alternative<std::monostate>(compute.b))
            return "";
        return compute.a == VxmOperand(wanted)   ? " (operand a)"
               : compute.b == VxmOperand(wanted) ? " (operand b)"
                                                 : " (operand c)";
    }

    [[nodiscard]] std::string out_of_range() const {
        const std::string address = std::to_string(violation_.address);
        const auto allowed = [](std::int64_t count) { return "0 to " + std::to_string(count - 1); };
        if (violation_.queue.unit == Unit::MxmWeights) {
            const std::int64_t width = use(violation_.run).plane->width;
            return "loads weight columns " + address + " to " +
                   std::to_string(violation_.address + width - 1) + "; a plane has columns " +
                   allowed(spec_.lanes());
        }
        if (violation_.queue.unit == Unit::MxmAccumulators) {
            return "uses accumulator slot " + address + "; a plane has slots " +
                   allowed(spec_.mxm_accumulator_vectors);
        }
        const auto words = [&] {
            const RunUse used = use(violation_.run);
            std::int64_t most = 1; // Of the accesses that may be meant, the one whose window does not fit.
            for (const auto& access : {used.sram_read, used.sram_write}) {
                if (access && !window_fits(spec_, violation_.address, access->words))
                    most = std::max(most, access->words);
            }
            return most;
        }();
        const std::string all = allowed(spec_.mem_words_per_slice);
        if (words == 1)
            return "uses SRAM address " + address + "; a slice has addresses " + all;
        return "has a window of SRAM addresses " + address + " to " +
               std::to_string(violation_.address + words - 1) + ", which must lie in one bank of " +
               std::to_string(spec_.mem_words_per_slice / spec_.mem_banks_per_slice) + " of the addresses " +
               all;
    }

    [[nodiscard]] std::string outside_window() const {
        const RunUse used = use(violation_.run);
        const auto& access = std::get<MemAccess>(run(violation_.run).instruction);
        const auto window = [&](const SramUse& of, AffineAddress::Side side) {
            const std::int64_t first =
                AffineAddress(run(violation_.run), of.address, side).at(violation_.repeat);
            return AllowedAddresses{first, first + of.words - 1};
        };
        AllowedAddresses allowed;
        if (access.write && access.write->scatter)
            allowed = window(*used.sram_write, AffineAddress::Side::Write);
        if (access.read && access.read->gather && access.read->gather->map == *violation_.stream) {
            // Both may take one map; then a gather that fails comes first.
            const AllowedAddresses gathered = window(*used.sram_read, AffineAddress::Side::Read);
            if (violation_.address < gathered.first || violation_.address > gathered.last)
                allowed = gathered;
        }
        return "takes address " + std::to_string(violation_.address) +
               " from its map, outside its window of addresses " + std::to_string(allowed.first) + " to " +
               std::to_string(allowed.last);
    }

    [[nodiscard]] std::string empty_link() const {
        const auto& receive = std::get<C2cReceive>(run(violation_.run).instruction);
        const std::int64_t arrived = violation_.tau - receive.held_cycles;
        Near best;
        const std::vector<QueueRun> runs = queue_runs(program_, spec_);
        for (const QueueRun& each : runs) {
            if (std::holds_alternative<C2cSend>(run(each.run).instruction) && each.use.queue == receive.peer)
                keep_nearest(best, each, arrived - spec_.c2c_link_latency_cycles);
        }
        best.late_cycles -= receive.held_cycles;
        return "receives what " + to_string(receive.peer) + " delivers in cycle " + std::to_string(arrived) +
               ", which is nothing" + near_text(best, "it never sends anything");
    }

    [[nodiscard]] RunUse use(std::int64_t number) const {
        return use_of(run(number), violation_.queue.index - run(number).queue.index, spec_);
    }

    [[nodiscard]] std::string busy_resource() const {
        const InstructionRun& holder = run(violation_.other_run);
        const HoldUse hold = use_of(holder, 0, spec_).holds.items[0];
        const auto indices = repeat_indices(holder, violation_.other_repeat);
        std::int64_t end = holder.issue + hold.offset + hold.cycles;
        for (std::size_t level = 0; level < indices.size(); ++level)
            end += indices[level] * holder.repeat[level].cycles;
        const bool link = hold.kind == HoldUse::Kind::Link;
        return (link ? "sends on a link that " : "multiplies on an MXM plane that ") + other() +
               " has until cycle " + std::to_string(end - 1);
    }

    [[nodiscard]] std::int64_t released_at() const {
        return *Releases(program_, spec_).after(use_of(run(violation_.other_run), 0, spec_));
    }

    // ---- what came nearest to what was missing

    /// An instance, and how many cycles after the violation it would have fitted (negative: before).
    struct Near {
        const QueueRun* run = nullptr;
        std::int64_t repeat = 0;
        std::int64_t late_cycles = 0;
    };

    /// Keeps in `best` the instance of `run` nearest to cycle `wanted` (counted from its issue).
    static void keep_nearest(Near& best, const QueueRun& run, std::int64_t wanted) {
        const std::int64_t after = run.issue.index_from(wanted);
        for (const std::int64_t repeat : {after - 1, after}) {
            if (repeat < 0 || repeat == run.issue.size())
                continue;
            const std::int64_t late = run.issue.at(repeat) - wanted;
            if (best.run == nullptr || std::abs(late) < std::abs(best.late_cycles))
                best = {&run, repeat, late};
        }
    }

    [[nodiscard]] std::string near_text(const Near& near, const std::string& none) const {
        if (near.run == nullptr)
            return "; " + none;
        return "; nearest: " + name(near.run->use.queue, near.run->run, near.repeat) +
               path(*near.run, near.repeat) + ", there in cycle " +
               std::to_string(violation_.tau + near.late_cycles);
    }

    /// Where a vector on the missing stream starts: ", driven at x = 22 in cycle 4".
    [[nodiscard]] std::string path(const QueueRun& driver, std::int64_t repeat) const {
        if (!violation_.stream)
            return "";
        const StreamUse& drive = *driver.use.stream_drive;
        return ", driven at x = " + std::to_string(drive.position) + " in cycle " +
               std::to_string(driver.issue.at(repeat) + drive.offset);
    }

    [[nodiscard]] std::string nearest_arrival() const {
        const auto [direction, stream] = *violation_.stream;
        const std::int64_t here = queue_position(spec_, violation_.queue);
        Near best;
        const std::vector<QueueRun> runs = queue_runs(program_, spec_);
        for (const QueueRun& each : runs) {
            const auto& drive = each.use.stream_drive;
            if (each.use.queue.chip != violation_.queue.chip || !drive || drive->direction != direction ||
                stream < drive->first || stream >= drive->first + drive->width) {
                continue;
            }
            const std::int64_t hops =
                direction == Direction::East ? here - drive->position : drive->position - here;
            if (hops > 0)
                keep_nearest(best, each, violation_.tau - hops - drive->offset);
        }
        return near_text(best, "nothing upstream ever drives it");
    }

    [[nodiscard]] MomentUse::Kind moment_kind() const {
        return violation_.queue.unit == Unit::Vxm ? MomentUse::Kind::Alu : MomentUse::Kind::ColumnSums;
    }

    [[nodiscard]] std::string moment_name() const {
        if (moment_kind() == MomentUse::Kind::Alu)
            return "the result of " +
                   to_string(QueueId{Unit::Vxm, Hemisphere::West, violation_.address % spec_.vxm_alus,
                                     violation_.address / spec_.vxm_alus}) +
                   chain_name() + ", which is";
        return "column sums, which are";
    }

    [[nodiscard]] std::string nearest_moment() const {
        Near best;
        const std::vector<QueueRun> runs = queue_runs(program_, spec_);
        for (const QueueRun& each : runs) {
            const auto& made = each.use.moment_drive;
            if (made && made->kind == moment_kind() && made->index == violation_.address)
                keep_nearest(best, each, violation_.tau - made->offset);
        }
        return near_text(best, moment_kind() == MomentUse::Kind::Alu ? "nothing ever makes it"
                                                                     : "nothing ever makes them");
    }

    /// Fp16 waits for the later one of two planes.
    [[nodiscard]] std::string first_weights() const {
        const PlaneUse used = *use(violation_.run).plane;
        std::optional<std::int64_t> all_active;
        const std::vector<QueueRun> runs = queue_runs(program_, spec_);
        for (std::int64_t plane = used.plane; plane < used.plane + used.width; ++plane) {
            std::optional<std::int64_t> first;
            for (const QueueRun& each : runs) {
                const auto& installs = each.use.plane;
                if (installs && installs->kind == PlaneUse::Kind::Install && installs->plane == plane) {
                    const std::int64_t active = each.issue.first() + installs->done_offset;
                    first = std::min(first.value_or(active), active);
                }
            }
            if (!first) {
                return plane == used.plane ? "; this plane never installs any"
                                           : "; the second plane of the pair never installs any";
            }
            all_active = std::max(all_active.value_or(*first), *first);
        }
        return "; the first install takes effect in cycle " + std::to_string(*all_active);
    }

    const ScheduleViolation& violation_;
    const Program& program_;
    const ChipSpec& spec_;
};

} // namespace

std::string describe(const ScheduleViolation& violation, const Program& program, const ChipSpec& spec) {
    return Describer(violation, program, spec).line();
}

} // namespace lpusim::chip
