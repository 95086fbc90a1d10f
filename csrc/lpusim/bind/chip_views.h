#pragma once

#include "lpusim/bind/convert.h"
#include "lpusim/bind/rooms.h"
#include "lpusim/chip/proof/accounting.h"

/// What can be seen of a chip program beside its values; part of the chip room.
namespace lpusim::bind {

/// Rows by name, counts as plain integers.
[[nodiscard]] Dict<py::object> accounting_rows(const chip::Accounting& accounting);

void bind_chip_views(py::module_& room);

} // namespace lpusim::bind
