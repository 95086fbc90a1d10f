"""What random routing does on average, in closed form, and which random routing a load looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._moe_types import EXPERTS_MAX, TOKENS_MAX, Counts, read_only


def expected_distinct(*, experts: int, experts_per_token: int, tokens: int) -> float:
    """Mean number of different experts that `tokens` tokens choose under a uniform router; exact.

    Examples:
        >>> from lpusim.moe import expected_distinct
        >>> round(expected_distinct(experts=256, experts_per_token=8, tokens=32), 2)
        163.31
    """
    return float(_core.moe.expected_distinct(**_sizes(experts, experts_per_token, tokens)))


def expected_max_load(*, experts: int, experts_per_token: int, tokens: int) -> float:
    """Mean load of the busiest expert under a uniform router; a lower bound, 0.1 to 2 % below simulation.

    Examples:
        >>> from lpusim.moe import expected_max_load
        >>> round(expected_max_load(experts=60, experts_per_token=4, tokens=25), 3)
        5.076
    """
    return float(_core.moe.expected_max_load(**_sizes(experts, experts_per_token, tokens)))


def _sizes(experts: int, experts_per_token: int, tokens: int) -> dict[str, int]:
    return {
        "experts": whole_number("experts", experts, 1, EXPERTS_MAX),
        "experts_per_token": whole_number("experts_per_token", experts_per_token, 1, EXPERTS_MAX),
        "tokens": whole_number("tokens", tokens, 0, TOKENS_MAX),
    }


def inclusion_probabilities(popularity: ArrayLike, *, experts_per_token: int) -> NDArray[np.float64]:
    """Probability that a token chooses each expert when it draws in proportion to `popularity`, none twice.

    Args:
        popularity: Shape `(experts,)`, positive; the scale does not matter.
        experts_per_token: Experts drawn.

    Returns:
        Shape `(experts,)`; sums to `experts_per_token`. Within 1e-9.

    Raises:
        ValueError: A popularity is not positive and finite, or more experts are drawn than there are.

    Examples:
        >>> from lpusim.moe import inclusion_probabilities
        >>> inclusion_probabilities([3, 2, 1], experts_per_token=2).round(4).tolist()
        [0.85, 0.7333, 0.4167]
    """
    weights = np.ascontiguousarray(popularity, dtype=np.float64)
    return read_only(_core.moe.inclusion_probabilities(weights, experts_per_token=experts_per_token))


@dataclass(frozen=True, slots=True)
class DirichletFit:
    """Shares of experts as a draw of the symmetric Dirichlet distribution.

    Attributes:
        alpha: Its concentration; infinite where loads differ by no more than sampling explains.
        excess_cv: Coefficient of variation of the shares once sampling noise is taken out.
    """

    alpha: float
    excess_cv: float


def fit_dirichlet(load: ArrayLike, *, experts_per_token: int) -> DirichletFit:
    """Fit popularity by its spread: the concentration for `generate(popularity="dirichlet")`.

    Args:
        load: Assignments of each expert, shape `(experts,)`, as `statistics(...).load`.
        experts_per_token: Experts of each token; the tokens are `sum(load) / experts_per_token`.

    Raises:
        TypeError: Loads are not integers.
        ValueError: A load is negative, or all are 0.

    Source:
        The coefficient of variation of Dirichlet shares is sqrt((E - 1) / (E alpha + 1)); noise of a binomial
        load is (1 - k/E) / mean.

    Examples:
        >>> from lpusim.moe import fit_dirichlet, generate, statistics
        >>> drawn = generate(experts=512, experts_per_token=2, tokens=40_000,
        ...                  popularity="dirichlet", dirichlet_alpha=4)
        >>> 3 < fit_dirichlet(statistics(drawn.ids, 512).load, experts_per_token=2).alpha < 5
        True
    """
    counts, k = _load_of(load, experts_per_token)
    seen = _core.moe.load_statistics(counts)
    spread = _core.moe.excess_cv(
        cv=seen.cv, mean=seen.total / len(counts), experts=len(counts), experts_per_token=k
    )
    return DirichletFit(
        alpha=float(_core.moe.dirichlet_alpha_of(cv=spread, experts=len(counts))), excess_cv=float(spread)
    )


def fit_zipf(load: ArrayLike, *, experts_per_token: int, top: int = 1) -> float:
    """Fit popularity by what its head takes: the exponent for `generate(zipf_exponent=...)`.

    The exponent at which the `top` most popular experts take, on average, the share that the `top` most
    loaded ones have in `load`. Different `top` give different exponents where loads do not follow Zipf's law.
    Sampling noise is not taken out: use long runs.

    Args:
        load: Assignments of each expert, shape `(experts,)`.
        experts_per_token: Experts of each token.
        top: Experts that the head is.

    Raises:
        TypeError: Loads are not integers.
        ValueError: All loads are 0, or no exponent from 0 to 16 gives such a share.

    Source:
        Inclusion probabilities of draws without replacement; see `inclusion_probabilities`.

    Examples:
        >>> from lpusim.moe import fit_zipf, generate, statistics
        >>> drawn = generate(experts=16, experts_per_token=2, tokens=40_000, zipf_exponent=0.7)
        >>> round(fit_zipf(statistics(drawn.ids, 16).load, experts_per_token=2), 1)
        0.7
    """
    counts, k = _load_of(load, experts_per_token)
    top = whole_number("top", top, 1, len(counts))
    share = int(np.sort(counts)[::-1][:top].sum()) / int(counts.sum())
    return float(_core.moe.zipf_exponent_of(experts=len(counts), experts_per_token=k, top=top, share=share))


def _load_of(load: ArrayLike, experts_per_token: int) -> tuple[Counts, int]:
    counts = np.asarray(load)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"load must be integers, got {counts.dtype}")
    if counts.ndim != 1 or counts.size == 0:
        raise ValueError(f"load must hold a number for each expert, got shape {counts.shape}")
    if counts.min() < 0 or counts.max() == 0:
        raise ValueError(f"loads must be at least 0 and not all 0, got from {counts.min()} to {counts.max()}")
    experts_per_token = whole_number("experts_per_token", experts_per_token, 1, counts.size)
    return np.ascontiguousarray(counts, dtype=np.int64), experts_per_token
