#pragma once

#include <cstdint>
#include <functional>

namespace lpusim {

/// One call for each index. `worker` is below the number of threads; no two calls that run at the same time
/// have the same, so it can name a place to work in.
using IndexWork = std::function<void(std::int64_t worker, std::int64_t index)>;

/// Calls work(worker, i) once for every i in [0, count), on up to `threads` threads of which the caller's is
/// one. Returns when all have ended.
///
/// Indices are taken in increasing order by whichever thread is free, so a result is the same for every
/// number of threads if no call reads what another writes. When calls throw, no new index is taken, and the
/// exception of the lowest index is thrown: the same one every time.
///
/// Threads live for one call: nothing is shared between calls or left behind in a forked process. Cost: some
/// ten microseconds a thread beyond the first; none for one thread.
void for_each_index(std::int64_t count, std::int64_t threads, const IndexWork& work);

} // namespace lpusim
