#include "lpusim/serve/engine.h"

#include "lpusim/base/errors.h"

namespace lpusim::serve {

void check_time(std::int64_t time_ps) {
    if (time_ps > kLatestPs) {
        throw ValueError(
            "simulated time passes 2^62 ps (53 days): the load is far beyond what the pool serves, "
            "or a time is in the wrong unit");
    }
}

} // namespace lpusim::serve
