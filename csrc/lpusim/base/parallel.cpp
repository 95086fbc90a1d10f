#include "lpusim/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace lpusim {
namespace {

/// The exception of the lowest index so far.
class FirstFailure {
  public:
    void record(std::int64_t index, std::exception_ptr what) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (what_ == nullptr || index < index_) {
            index_ = index;
            what_ = std::move(what);
        }
    }

    void rethrow() const {
        if (what_ != nullptr) {
            std::rethrow_exception(what_);
        }
    }

  private:
    std::mutex mutex_;
    std::int64_t index_ = 0;
    std::exception_ptr what_;
};

/// False where the system has no more threads: those that there are do the work.
template <class Run>
bool start(std::vector<std::jthread>& helpers, const Run& run, std::int64_t worker) {
    try {
        helpers.emplace_back(run, worker);
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

} // namespace

void for_each_index(std::int64_t count, std::int64_t threads, const IndexWork& work) {
    assert(count >= 0 && threads >= 1);
    if (threads == 1 || count <= 1) {
        for (std::int64_t index = 0; index < count; ++index) {
            work(0, index);
        }
        return;
    }
    std::atomic<std::int64_t> next = 0;
    FirstFailure failure;
    const auto run = [&](std::int64_t worker) {
        for (;;) {
            const std::int64_t index = next.fetch_add(1);
            if (index >= count) {
                return;
            }
            try {
                work(worker, index);
            } catch (...) {
                failure.record(index, std::current_exception());
                next.store(count);
            }
        }
    };
    {
        std::vector<std::jthread> helpers;
        const std::int64_t wanted = std::min(threads, count);
        std::int64_t worker = 1;
        while (worker < wanted && start(helpers, run, worker)) {
            ++worker;
        }
        run(0);
    }
    failure.rethrow();
}

} // namespace lpusim
