#include "lpusim/chip/text/labels.h"

#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::chip {

TextCycle later(const TextCycle& cycle, std::int64_t cycles, const TextPlace& place) {
    try {
        return {checked_add(cycle.offset, cycles), cycle.label};
    } catch (const ValueError&) {
        fail_at(place, "this comes to a cycle beyond the largest 64-bit integer");
    }
}

Labels::Label& Labels::named(std::string_view name, const TextPlace& place, std::int64_t& number) {
    const auto [found, added] = numbers_.emplace(name, static_cast<std::int64_t>(labels_.size()));
    if (added) {
        labels_.push_back({name, place});
    }
    number = found->second;
    return labels_[static_cast<std::size_t>(number)];
}

void Labels::define(std::string_view name, const TextCycle& cycle, const TextPlace& place) {
    std::int64_t number = 0;
    Label& label = named(name, place, number);
    if (label.defined) {
        fail_at(place,
                "label " + quoted(name) + " is already defined in line " + std::to_string(label.place.line));
    }
    label.place = place;
    label.defined = true;
    label.cycle = cycle;
}

TextCycle Labels::use(std::string_view name, const TextPlace& place) {
    std::int64_t number = 0;
    const Label& label = named(name, place, number);
    return label.defined ? label.cycle : TextCycle{0, number};
}

void Labels::resolve() {
    std::vector<Label*> path; // each waits for the next
    for (Label& first : labels_) {
        path.clear();
        Label* label = &first;
        while (label->defined && !label->cycle.known() && !label->visited) {
            label->visited = true;
            path.push_back(label);
            label = &labels_[static_cast<std::size_t>(label->cycle.label)];
        }
        if (!label->defined) {
            std::vector<std::string_view> known;
            for (const Label& other : labels_) {
                if (other.defined) {
                    known.push_back(other.name);
                }
            }
            fail_at(label->place,
                    "no label is named " + quoted(label->name) + nearest_hint(label->name, known));
        }
        if (!label->cycle.known()) {
            fail_at(label->place, "label " + quoted(label->name) + " is defined by itself");
        }
        for (auto waiting = path.rbegin(); waiting != path.rend(); ++waiting) {
            (*waiting)->cycle = later(label->cycle, (*waiting)->cycle.offset, (*waiting)->place);
            label = *waiting;
        }
    }
}

std::int64_t Labels::cycle_of(const TextCycle& cycle, const TextPlace& place) const {
    return cycle.known()
               ? cycle.offset
               : later(labels_[static_cast<std::size_t>(cycle.label)].cycle, cycle.offset, place).offset;
}

} // namespace lpusim::chip
