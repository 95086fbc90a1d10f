"""What faults cost: a degraded machine beside the healthy one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpusim._arguments import shown, whole_number
from lpusim._net_collectives import Collective, all_gather, all_reduce, reduce_scatter
from lpusim._net_common import read_only
from lpusim._net_topology import Topology

Operation = Callable[..., Collective]


@dataclass(frozen=True, eq=False)
class Derating:
    """A degraded machine beside the healthy one; one row an operation and size. Arrays are read-only.

    Attributes:
        healthy: The machine as it should be.
        degraded: The machine as it is.
        operation: Name of each row's collective.
        size_bytes: Of one buffer.
        healthy_cycles: On the healthy machine.
        degraded_cycles: On the degraded one.
    """

    healthy: Topology
    degraded: Topology
    operation: tuple[str, ...]
    size_bytes: NDArray[np.int64] = field(repr=False)
    healthy_cycles: NDArray[np.int64] = field(repr=False)
    degraded_cycles: NDArray[np.int64] = field(repr=False)

    @property
    def slowdown(self) -> NDArray[np.float64]:
        """Degraded cycles over healthy ones; 1 where neither machine has anything to do."""
        idle = self.healthy_cycles == 0
        return np.where(
            idle & (self.degraded_cycles == 0), 1.0, self.degraded_cycles / np.maximum(self.healthy_cycles, 1)
        )

    @property
    def chip_share(self) -> float:
        """Chips that take part, of those that should."""
        return len(self.degraded.endpoints) / len(self.healthy.endpoints)

    @property
    def bisection_share(self) -> float:
        """Bytes a second across the narrowest cut, of what it should be."""
        return _share(self.degraded.bisection_bytes_per_s, self.healthy.bisection_bytes_per_s)

    @property
    def global_share(self) -> float:
        """Bytes a second a chip can send to all others alike, of what it should be."""
        return _share(self.degraded.global_bytes_per_s, self.healthy.global_bytes_per_s)

    def to_columns(self) -> dict[str, NDArray[np.generic]]:
        """Plain columns, ready for any table."""
        return {
            "operation": np.array(self.operation, dtype=np.str_),
            "size_bytes": self.size_bytes,
            "healthy_cycles": self.healthy_cycles,
            "degraded_cycles": self.degraded_cycles,
            "slowdown": self.slowdown,
        }

    def __str__(self) -> str:
        healthy, degraded = self.healthy, self.degraded
        lines = [
            f"{degraded.name} beside {healthy.name}",
            f"  chips {len(degraded.endpoints)} of {len(healthy.endpoints)}, "
            f"diameter {degraded.diameter} instead of {healthy.diameter}",
            f"  bisection {self.bisection_share:.1%}, to all others alike {self.global_share:.1%}",
        ]
        columns = (self.operation, self.size_bytes, self.degraded_cycles, self.healthy_cycles, self.slowdown)
        for operation, size, after, before, slower in zip(*columns, strict=True):
            lines.append(
                f"  {operation} of {size} bytes: {after} cycles instead of {before}, "
                f"{slower:.3f} times as long"
            )
        return "\n".join(lines)


def derating(
    healthy: Topology,
    degraded: Topology,
    *,
    size_bytes: Iterable[int] = (32 * 1024, 256 * 1024),
    operations: Sequence[Operation] = (all_reduce, reduce_scatter, all_gather),
    chips: Iterable[int] | None = None,
) -> Derating:
    """What a degraded machine lost: chips, bisection, and how much longer collectives take.

    Args:
        healthy: The machine as it should be.
        degraded: The same with faults, as `without` and `substitute` make it.
        size_bytes: Sizes to try. Default: the ends of the range that SHIP gives for serving.
        operations: Collectives, called as `operation(topology, size_bytes, chips=chips)`.
        chips: The group, on both machines. Default: all that take part, which may be fewer on the degraded
            one.

    Examples:
        >>> from lpusim import net
        >>> node = net.Topology.node(8)
        >>> cost = net.derating(node, node.without(links=[(0, 1)]))
        >>> round(cost.bisection_share, 4), bool((cost.slowdown >= 1).all())  # 15 links of 16.
        (0.9375, True)
    """
    for name, topology in (("healthy", healthy), ("degraded", degraded)):
        if not isinstance(topology, Topology):
            raise TypeError(f"{name} must be a lpusim.net.Topology, got {shown(topology)}")
    sizes = [whole_number(f"size_bytes[{i}]", size, 1, 2**62 - 1) for i, size in enumerate(size_bytes)]
    group = None if chips is None else list(chips)
    rows = [(operation, size) for operation in operations for size in sizes]
    before = [operation(healthy, size, chips=group) for operation, size in rows]
    after = [operation(degraded, size, chips=group) for operation, size in rows]
    columns = read_only(
        {
            "size_bytes": np.array([size for _, size in rows], dtype=np.int64),
            "healthy_cycles": np.array([done.cycles for done in before], dtype=np.int64),
            "degraded_cycles": np.array([done.cycles for done in after], dtype=np.int64),
        }
    )
    return Derating(healthy, degraded, tuple(done.operation for done in before), **columns)


def _share(degraded: float, healthy: float) -> float:
    return degraded / healthy if healthy else 1.0
