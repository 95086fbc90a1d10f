#include <algorithm>

#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/tick/machine.h"

namespace lpusim::chip {

void TickMachine::report_address(const Instance& issued, std::int64_t address) {
    ScheduleViolation found = violation(ViolationClass::AddressRange, issued);
    found.address = address;
    keep_first(error_, found);
}

bool TickMachine::book(std::int64_t id, const SramUse& use, std::int64_t address, bool writes) {
    if (!window_fits(spec_, address, use.words)) {
        report_address(instance(id), address);
        return false;
    }
    if (writes) {
        accounting_.wrote_bank(use.slice, bank_of(spec_, address), 1);
    } else {
        accounting_.read_bank(use.slice, bank_of(spec_, address), 1);
    }
    SliceCycle& slice = slices_[static_cast<std::size_t>(use.slice)];
    if (slice.tau != tau_) {
        slice.tau = tau_;
        slice.count = 0;
    }
    // More than these need two instructions of one queue in one cycle, an error already found.
    if (slice.count < slice.accesses.size()) {
        slice.accesses[slice.count++] = {id, address, writes};
        if (slice.count == 2) {
            shared_slices_.push_back(use.slice);
        }
    }
    return true;
}

MapPlanes TickMachine::map_planes(const Instance& issued, std::size_t operand) const {
    const std::uint8_t* planes = issued.operands[operand].data();
    return {planes, planes + lanes_};
}

void TickMachine::report_data(const Instance& issued, const AddressMap& map, std::int64_t address) {
    ScheduleViolation found = violation(ViolationClass::Data, issued);
    found.stream = map.map;
    found.address = address;
    keep_first(error_, found);
}

void TickMachine::read_sram(std::int64_t id) {
    Instance& issued = instance(id);
    const SramUse& use = *source_of(issued).use.sram_read;
    const std::int64_t address = use.address + issued.address;
    if (!book(id, use, address, false) || !computes()) {
        return;
    }
    issued.result.resize(static_cast<std::size_t>(lanes_));
    const auto& access = std::get<MemAccess>(source_of(issued).what->instruction);
    if (!access.read->gather) {
        std::copy_n(memory_.read(use.slice, address), lanes_, issued.result.data());
    } else if (const auto outside = gather_vector(memory_, {use.slice, address, use.words},
                                                  map_planes(issued, 0), spec_, issued.result.data())) {
        report_data(issued, *access.read->gather, *outside);
    }
}

void TickMachine::write_sram(std::int64_t id) {
    const Instance& issued = instance(id);
    const SramUse& use = *source_of(issued).use.sram_write;
    const std::int64_t address = use.address + issued.write_address;
    if (!book(id, use, address, true) || !computes()) {
        return;
    }
    const auto& access = std::get<MemAccess>(source_of(issued).what->instruction);
    const std::size_t written = access.read && access.read->gather ? 1 : 0;
    const std::uint8_t* vector = issued.operands[written].data();
    if (!access.write->scatter) {
        std::copy_n(vector, lanes_, memory_.write(use.slice, address));
    } else if (const auto outside = scatter_vector(memory_, {use.slice, address, use.words},
                                                   map_planes(issued, written + 1), spec_, vector)) {
        report_data(issued, *access.write->scatter, *outside);
    }
}

void TickMachine::check_shared_slices() {
    for (const std::int64_t slice : shared_slices_) {
        SliceCycle& now = slices_[static_cast<std::size_t>(slice)];
        const auto begin = now.accesses.begin();
        const auto end = begin + static_cast<std::ptrdiff_t>(now.count);
        std::sort(begin, end, [this](const Access& a, const Access& b) {
            return a.instance == b.instance ? a.writes && !b.writes
                                            : precedes(instance(a.instance), instance(b.instance));
        });
        for (auto named = begin; named != end; ++named) {
            const auto other = std::find_if(begin, named, [&](const Access& earlier) {
                return earlier.writes == named->writes ||
                       bank_of(spec_, earlier.address) == bank_of(spec_, named->address);
            });
            if (other != named) {
                ScheduleViolation found = violation(ViolationClass::BankConflict, instance(named->instance));
                found.address = named->address;
                name_other(found, instance(other->instance));
                keep_first(error_, found);
                break;
            }
        }
    }
    shared_slices_.clear();
}

} // namespace lpusim::chip
