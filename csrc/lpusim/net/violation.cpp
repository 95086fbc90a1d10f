#include "lpusim/net/violation.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lpusim/net/run_lines.h"

namespace lpusim::net {
namespace {

constexpr std::array<std::string_view, 13> kRuleNames{
    "wrong_target",   "no_such_vector",    "sent_twice",   "wrong_chip",  "not_arrived",
    "before_release", "before_dependency", "link_busy",    "streams_out", "streams_in",
    "links_fed",      "transit_memory",    "never_arrives"};

[[nodiscard]] std::string text_of(std::int64_t number) {
    return std::to_string(number);
}

/// Says what a violation is, looking up in the timetable what the rest of the schedule does about it.
class Teller {
  public:
    Teller(const Topology& topology, const Timetable& timetable, const ChipPorts& ports,
           const Violation& violation)
        : topology_(topology), timetable_(timetable), ports_(ports), seen_(violation) {}

    [[nodiscard]] std::string tell() const {
        switch (seen_.rule) {
        case Rule::wrong_target:
            return vector_text() + " ends on chip " + text_of(bundle(seen_.link).to) + at_cycle() + ", by " +
                   link_text();
        case Rule::no_such_vector:
            return link_text() + " carries vector " + text_of(seen_.vector) + " of " +
                   transfer_text(seen_.transfer) + at_cycle() + ", but its vectors are " +
                   text_of(transfer().first_vector) + " to " + text_of(vectors_of(transfer()).last());
        case Rule::sent_twice:
            return vector_text() + " is sent twice over hop " + text_of(seen_.hop) + ": on " + link_text() +
                   at_cycle() + first_sending();
        case Rule::wrong_chip:
            return leaving() + ", but is on chip " + text_of(whereabouts());
        case Rule::not_arrived:
            return leaving() + ", but " + arrival();
        case Rule::before_release:
            return leaving() + ", before its release at cycle " +
                   text_of(release_of(transfer(), seen_.vector));
        case Rule::before_dependency:
            return leaving() + ", but " + transfer_text(seen_.other_transfer) + readiness();
        case Rule::link_busy:
            return link_text() + " is booked twice" + at_cycle() + ": by " + vector_text() + " and by " +
                   vector_text(seen_.other_transfer, seen_.other_vector);
        case Rule::streams_out:
            return chip_text() + " sends more than the " + text_of(ports_.out_vectors_per_cycle) +
                   " vectors that its streams can bring out" + at_cycle() + last_of_them();
        case Rule::streams_in:
            return chip_text() + " receives more than the " + text_of(ports_.in_vectors_per_cycle) +
                   " vectors that its streams can take in" + at_cycle() + last_of_them();
        case Rule::links_fed:
            return chip_text() + " feeds more than " + text_of(ports_.links_fed) + " links" + at_cycle() +
                   last_of_them();
        case Rule::transit_memory:
            return chip_text() + " keeps more than " + text_of(ports_.transit_bytes) +
                   " bytes of vectors on their way" + at_cycle() + last_of_them();
        case Rule::never_arrives:
            break;
        }
        if (seen_.hop == 0)
            return vector_text() + " has no slots: it never leaves";
        return vector_text() + " never arrives: no slot carries it over hop " + text_of(seen_.hop);
    }

  private:
    [[nodiscard]] const Transfer& transfer() const {
        return timetable_.transfers[static_cast<std::size_t>(seen_.transfer)];
    }
    [[nodiscard]] const Bundle& bundle(std::int64_t link) const {
        return topology_.bundle_of_link(static_cast<std::int32_t>(link));
    }

    [[nodiscard]] std::string transfer_text(std::int64_t index) const {
        const Transfer& row = timetable_.transfers[static_cast<std::size_t>(index)];
        return "transfer " + text_of(index) + " (chip " + text_of(row.source) + " to chip " +
               text_of(row.target) + ")";
    }
    [[nodiscard]] std::string vector_text(std::int64_t index, std::int64_t vector) const {
        return "vector " + text_of(vector) + " of " + transfer_text(index);
    }
    [[nodiscard]] std::string vector_text() const { return vector_text(seen_.transfer, seen_.vector); }
    [[nodiscard]] std::string link_text(std::int64_t link) const {
        const Bundle& ends = bundle(link);
        std::string text =
            "link " + text_of(link) + " (chip " + text_of(ends.from) + " to chip " + text_of(ends.to);
        if (ends.width > 1)
            text += ", " + text_of(link - ends.first_link + 1) + " of " + text_of(ends.width);
        return text + ")";
    }
    [[nodiscard]] std::string link_text() const { return link_text(seen_.link); }
    [[nodiscard]] std::string chip_text() const { return "chip " + text_of(seen_.place); }
    [[nodiscard]] std::string at_cycle() const { return " at cycle " + text_of(seen_.cycle); }
    [[nodiscard]] std::string leaving() const {
        return vector_text() + " leaves chip " + text_of(bundle(seen_.link).from) + at_cycle() + " on " +
               link_text();
    }
    [[nodiscard]] std::string last_of_them() const {
        return ": " + vector_text() + " on " + link_text() + " is one too many";
    }

    /// Calls visit(run) for the runs that carry `vector` of `transfer_index` over `hop`.
    template <class Visit>
    void for_carriers(std::int64_t transfer_index, std::int64_t hop, std::int64_t vector,
                      const Visit& visit) const {
        for (const Run& run : timetable_.runs) {
            if (run.transfer == transfer_index && run.hop == hop && vectors_of(run).contains(vector))
                visit(run);
        }
    }

    struct Landing {
        std::int64_t cycle = 0;
        std::int64_t link = 0;

        friend auto operator<=>(const Landing&, const Landing&) = default;
    };

    /// The first time that a hop brings a vector anywhere.
    [[nodiscard]] std::optional<Landing> landing(std::int64_t transfer_index, std::int64_t hop,
                                                 std::int64_t vector) const {
        std::optional<Landing> first;
        for_carriers(transfer_index, hop, vector, [&](const Run& run) {
            const Landing here{start_of(run, vector) + bundle(run.link).timing.hop_cycles, run.link};
            first = std::min(first.value_or(here), here);
        });
        return first;
    }

    [[nodiscard]] std::string first_sending() const {
        std::optional<Landing> first;
        for_carriers(seen_.transfer, seen_.hop, seen_.vector, [&](const Run& run) {
            const Landing here{start_of(run, seen_.vector), run.link};
            first = std::min(first.value_or(here), here);
        });
        return first ? ", after " + link_text(first->link) + " at cycle " + text_of(first->cycle) : "";
    }

    [[nodiscard]] std::int64_t whereabouts() const {
        if (seen_.hop == 0)
            return transfer().source;
        const auto there = landing(seen_.transfer, seen_.hop - 1, seen_.vector);
        return there ? bundle(there->link).to : transfer().source;
    }

    [[nodiscard]] std::string arrival() const {
        const auto there = landing(seen_.transfer, seen_.hop - 1, seen_.vector);
        if (!there)
            return "no slot carries it over hop " + text_of(seen_.hop - 1);
        if (bundle(there->link).to == bundle(seen_.link).from)
            return "arrives there only at cycle " + text_of(there->cycle);
        return "hop " + text_of(seen_.hop - 1) + " brings it to chip " + text_of(bundle(there->link).to) +
               ", at cycle " + text_of(there->cycle);
    }

    [[nodiscard]] std::string readiness() const {
        std::int64_t last_hop = -1;
        for (const Run& run : timetable_.runs) {
            if (run.transfer == seen_.other_transfer)
                last_hop = std::max(last_hop, run.hop);
        }
        const auto there = landing(seen_.other_transfer, last_hop, seen_.vector);
        std::string text = " never brings it";
        if (there) {
            std::int64_t delay_cycles = 0;
            for (const Dependency& row : timetable_.dependencies) {
                if (row.transfer == seen_.transfer && row.on == seen_.other_transfer)
                    delay_cycles = std::max(delay_cycles, row.delay_cycles);
            }
            text = " makes it ready only at cycle " + text_of(there->cycle + delay_cycles);
        }
        return text + mutual_wait();
    }

    /// Where the transfer waited for waits, in the end, for this one: the ring of waits.
    [[nodiscard]] std::string mutual_wait() const {
        std::multimap<std::int64_t, std::int64_t> waits;
        for (const Dependency& row : timetable_.dependencies) {
            const auto has_vector = [&](std::int64_t index) {
                return vectors_of(timetable_.transfers[static_cast<std::size_t>(index)])
                    .contains(seen_.vector);
            };
            if (has_vector(row.transfer) && has_vector(row.on))
                waits.emplace(row.transfer, row.on);
        }
        // Breadth first from the transfer waited for; `reached_from` leads back.
        std::map<std::int64_t, std::int64_t> reached_from{{seen_.other_transfer, -1}};
        std::vector<std::int64_t> queue{seen_.other_transfer};
        for (std::size_t head = 0; head < queue.size() && !reached_from.contains(seen_.transfer); ++head) {
            const auto [begin, end] = waits.equal_range(queue[head]);
            for (auto wait = begin; wait != end; ++wait) {
                if (reached_from.emplace(wait->second, queue[head]).second)
                    queue.push_back(wait->second);
            }
        }
        if (!reached_from.contains(seen_.transfer))
            return "";
        std::vector<std::int64_t> ring;
        for (std::int64_t index = seen_.transfer; index >= 0; index = reached_from[index])
            ring.push_back(index);
        std::string text = "; they wait for each other: " + text_of(seen_.transfer);
        for (auto step = ring.rbegin(); step != ring.rend(); ++step)
            text += " on " + text_of(*step);
        return text;
    }

    const Topology& topology_;
    const Timetable& timetable_;
    const ChipPorts& ports_;
    const Violation& seen_;
};

} // namespace

std::string_view rule_name(Rule rule) {
    return kRuleNames[static_cast<std::size_t>(rule)];
}

std::string violation_text(const Topology& topology, const Timetable& timetable, const ChipPorts& ports,
                           const Violation& violation) {
    return Teller(topology, timetable, ports, violation).tell();
}

} // namespace lpusim::net
