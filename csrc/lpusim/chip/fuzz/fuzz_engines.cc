#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "lpusim/chip/fuzz/compare_engines.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/kernels_rows.h"
#include "lpusim/chip/kernels/kernels_vector.h"

// lpusim_chip_fuzz [SECONDS [SEED]]: compares the engines on random programs, changed ones and kernels until
// the time is over (0: for ever), Ctrl-C, or the first difference, which it prints minimised with exit
// code 1.

namespace {

using namespace lpusim;
using namespace lpusim::chip;

constexpr std::array<const char*, 15> kClassNames{
    "queue busy",    "queue parked",  "sync lost",        "address range",    "stream empty",
    "operand gone",  "receive empty", "stream collision", "result collision", "bank conflict",
    "resource busy", "shadow busy",   "loads unfinished", "weights missing",  "data"};

volatile std::sig_atomic_t g_interrupted = 0;

extern "C" void interrupt(int) {
    g_interrupted = 1;
}

/// A chip and a program that breaks no rule, or none that anybody knows of.
struct Start {
    ChipSpec spec;
    Program program;
};

/// Room for every kernel at small shapes, and lanes that several superlanes share.
ChipSpec kernel_spec(std::uint64_t seed) {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.positions = 21;
    spec.mem_slices_per_hemisphere = 40;
    spec.mem_words_per_slice = 256;
    spec.mxm_activate_latency_cycles = 1 + static_cast<std::int64_t>(seed % 5);
    spec.mxm_fp16_cycles = 1 + static_cast<std::int64_t>(seed / 5 % 3);
    spec.sxm_shift_latency_cycles = 2 + static_cast<std::int64_t>(seed / 3 % 2);
    spec.sxm_permute_latency_cycles = 2;
    return spec;
}

Program kernel(const ChipSpec& spec, std::uint64_t seed) {
    const auto shape = [&](std::uint64_t step, std::int64_t most) {
        return 1 + static_cast<std::int64_t>(seed * step % 1009) % most;
    };
    constexpr std::array kTypes{DType::Int8, DType::Fp8, DType::Fp16};
    switch (seed % 8) {
    case 0:
        return pointwise_add(spec, shape(7, 20));
    case 1:
        return rmsnorm(spec, shape(7, 5), shape(11, 30), DType::Fp16, 1e-5F);
    case 2:
        return layernorm(spec, shape(7, 4), shape(11, 30), DType::Fp32, 1e-5F);
    case 3:
        return softmax(spec, shape(7, 5), shape(11, 30), DType::Fp16);
    case 4:
        return activation(spec, Activation::Swiglu, shape(7, 5), shape(11, 30), DType::Fp16);
    case 5:
        return gemv_chain(spec, {shape(7, 30), shape(11, 30), shape(13, 30)}, {0.25F, 0.5F});
    case 6:
        return expert_gemm(spec, {3, shape(5, 3), shape(7, 4), shape(11, 12), shape(13, 12)});
    default:
        return gemm(spec, shape(7, 12), shape(11, 20), shape(13, 20), kTypes[seed / 8 % 3]);
    }
}

Start start(std::uint64_t seed) {
    const ChipSpec spec = random_spec(seed);
    const std::int64_t chips = 1 + static_cast<std::int64_t>(seed / 16 % 3);
    switch (seed % 16) {
    case 0: {
        const ChipSpec roomy = kernel_spec(seed / 16);
        return {roomy, kernel(roomy, seed / 16)};
    }
    case 1:
    case 2:
        return {spec, random_weights(spec, seed)};
    default:
        return {spec, seed % 2 == 0 ? random_legal_program(spec, seed, chips)
                                    : random_linked_program(spec, seed, chips)};
    }
}

class Campaign {
  public:
    /// False: the engines differ, and it has been printed how.
    bool compare(const Start& from, std::uint64_t seed, std::uint64_t change, bool values) {
        const Program program = change == 0 ? from.program : mutated(from.program, from.spec, seed ^ change);
        const auto memory_for = [&](std::int64_t chips) { return memory_with_maps(from.spec, seed, chips); };
        const Memory memory = values ? memory_for(program.chips) : Memory();
        const EngineOutcome slow = outcome_of(slow_, program, from.spec, memory, values);
        const EngineOutcome fast = outcome_of(fast_, program, from.spec, memory, values);
        if (!difference(slow, fast).empty()) {
            std::printf("seed %llu, change %llu\n%s", static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(change),
                        difference_report(program, from.spec, memory_for, values).c_str());
            return false;
        }
        ++compared_;
        if (!fast.refusal.empty()) {
            ++refused_;
        } else if (fast.run.error) {
            ++broken_[static_cast<std::size_t>(fast.run.error->kind)];
        } else {
            ++legal_;
        }
        return true;
    }

    void print(std::uint64_t next_seed, double seconds) const {
        std::printf("%.0f s, next seed %llu: %lld comparisons (%.0f/s), %lld legal", seconds,
                    static_cast<unsigned long long>(next_seed), static_cast<long long>(compared_),
                    static_cast<double>(compared_) / seconds, static_cast<long long>(legal_));
        if (refused_ > 0)
            std::printf(", %lld refused by both", static_cast<long long>(refused_));
        for (std::size_t kind = 0; kind < broken_.size(); ++kind) {
            if (broken_[kind] > 0)
                std::printf(", %lld %s", static_cast<long long>(broken_[kind]), kClassNames[kind]);
        }
        std::printf("\n");
        static_cast<void>(std::fflush(stdout));
    }

  private:
    const Engine slow_ = slow_engine(), fast_ = fast_engine();
    std::int64_t compared_ = 0, legal_ = 0, refused_ = 0;
    std::array<std::int64_t, kClassNames.size()> broken_{};
};

int fuzz(double seconds_max, std::uint64_t seed) {
    constexpr double kPrintSeconds = 5;
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    double printed = 0;
    Campaign campaign;
    for (; g_interrupted == 0 && (seconds_max <= 0 || seconds() < seconds_max); ++seed) {
        const Start from = start(seed);
        for (std::uint64_t change = 0; change < 8; ++change) {
            for (const bool values : {false, true}) {
                if (!campaign.compare(from, seed, change, values))
                    return 1;
            }
        }
        if (seconds() - printed >= kPrintSeconds) {
            printed = seconds();
            campaign.print(seed + 1, printed);
        }
    }
    campaign.print(seed, seconds());
    return 0;
}

} // namespace

int main(int argument_count, char** arguments) {
    static_cast<void>(std::signal(SIGINT, interrupt));
    try {
        const double seconds = argument_count > 1 ? std::stod(arguments[1]) : 0;
        const std::uint64_t seed = argument_count > 2 ? std::stoull(arguments[2]) : 1;
        return fuzz(seconds, seed);
    } catch (const std::exception& wrong) {
        std::fprintf(stderr, "lpusim_chip_fuzz [SECONDS [SEED]]: %s\n", wrong.what());
        return 2;
    }
}
