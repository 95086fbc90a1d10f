#pragma once

#include <cstdint>
#include <functional>

namespace lpusim {

/// Long loops call this now and then with (done, total). It may throw to stop the work (Ctrl-C does).
/// An empty function means nobody is listening.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

} // namespace lpusim
