"""Synthetic routing, drawn at random but reproducibly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import finite_number, shown, whole_number
from lpusim._moe_types import EXPERTS_MAX, TOKENS_MAX, Routing, member, read_only
from lpusim._names import unknown_name

_SEED_MAX = 1 << 53
_SEQUENCES_MAX = 1 << 20
_DOMAINS_MAX = 4096
_LAYERS_MAX = 1 << 23


def generate(
    *,
    experts: int,
    experts_per_token: int,
    tokens: int,
    popularity: str | ArrayLike = "zipf",
    zipf_exponent: float = 0.0,
    dirichlet_alpha: float = 1.0,
    shuffled: bool = True,
    stickiness: float = 0.0,
    sequences: int = 1,
    request_tokens: int = 0,
    domains: int = 1,
    domain_share: float = 1.0,
    layer: int = 0,
    first_token: int = 0,
    seed: int = 0,
) -> Routing:
    """Draw synthetic routing: uniform, Zipf, Dirichlet, by given popularities, sticky in time, by domain.

    Each token draws different experts, with chances in proportion to their popularity. Every draw is a pure
    function of (seed, layer, token, expert): results depend neither on threads, nor on the machine, nor on
    how tokens are split into calls.

    Token t belongs to sequence t modulo `sequences` (a decode step of 32 sequences is 32 consecutive tokens);
    a sequence is cut into requests of `request_tokens` tokens.

    Args:
        experts: Routed experts of the layer.
        experts_per_token: Experts drawn for each token.
        tokens: Rows to draw.
        popularity: "zipf": rank to the power of `-zipf_exponent`. "dirichlet": shares of a layer drawn from
            the symmetric Dirichlet distribution. "round_robin": nobody draws, experts take turns. Or positive
            weights, shape `(experts,)`, or `(domains, experts)`, such as the load recorded for a layer.
        zipf_exponent: 0 is the uniform router.
        dirichlet_alpha: Concentration of the shares; large is uniform.
        shuffled: Whether each layer gives the Zipf ranks to its experts in an order of its own. False makes
            expert 0 the most popular one of every layer.
        stickiness: Chance that a token keeps an expert of the token before it in its request; the rest is
            drawn anew.
        sequences: Sequences whose tokens take turns.
        request_tokens: Tokens after which a sequence begins a new request; 0 is never.
        domains: Kinds of requests, equally frequent, each with popularities of its own in every layer.
        domain_share: Share of a popularity that is the domain's own; the rest is common to all domains.
        layer: Which layer, 0 to 2^23 - 1.
        first_token: Number of the first token, so that steps can continue a sequence.
        seed: Names the sequence of draws.

    Returns:
        `Routing`; the weights are those of a renormalised softmax router whose logits are the Gumbel keys.

    Raises:
        TypeError: An argument is of another kind.
        ValueError: An argument is out of range, or two contradict each other.

    Source:
        Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006), equal to Gumbel top-k;
        Philox4x32-10 (Salmon et al., SC'11); gamma variables by Cheng (1977), algorithm GB.

    Examples:
        >>> from lpusim.moe import generate
        >>> generate(experts=256, experts_per_token=8, tokens=3, seed=1).ids.shape
        (3, 8)
        >>> generate(experts=4, experts_per_token=2, tokens=3, popularity="round_robin").ids.tolist()
        [[0, 1], [2, 3], [0, 1]]
    """
    native = _native_generator(
        experts=experts,
        experts_per_token=experts_per_token,
        popularity=popularity,
        zipf_exponent=zipf_exponent,
        dirichlet_alpha=dirichlet_alpha,
        shuffled=shuffled,
        stickiness=stickiness,
        sequences=sequences,
        request_tokens=request_tokens,
        domains=domains,
        domain_share=domain_share,
        seed=seed,
    )
    ids, weights = _core.moe.generate(
        native,
        layer=whole_number("layer", layer, 0, _LAYERS_MAX - 1),
        first_token=whole_number("first_token", first_token, 0, TOKENS_MAX),
        tokens=whole_number("tokens", tokens, 0, TOKENS_MAX),
    )
    return Routing(read_only(ids), read_only(weights))


def expert_popularity(
    *,
    experts: int,
    popularity: str | ArrayLike = "zipf",
    zipf_exponent: float = 0.0,
    dirichlet_alpha: float = 1.0,
    shuffled: bool = True,
    domains: int = 1,
    domain_share: float = 1.0,
    layer: int = 0,
    domain: int = 0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The popularities that `generate` draws in proportion to, given the same arguments.

    Returns:
        Shape `(experts,)`; sums to 1. `inclusion_probabilities` says how often each expert is then drawn.

    Raises:
        TypeError: An argument is of another kind.
        ValueError: An argument is out of range, or two contradict each other.

    Examples:
        >>> from lpusim.moe import expert_popularity
        >>> expert_popularity(experts=3, zipf_exponent=1.0, shuffled=False).round(3).tolist()
        [0.545, 0.273, 0.182]
    """
    native = _native_generator(
        experts=experts,
        experts_per_token=1,
        popularity=popularity,
        zipf_exponent=zipf_exponent,
        dirichlet_alpha=dirichlet_alpha,
        shuffled=shuffled,
        stickiness=0.0,
        sequences=1,
        request_tokens=0,
        domains=domains,
        domain_share=domain_share,
        seed=seed,
    )
    weights = _core.moe.expert_popularity(
        native,
        layer=whole_number("layer", layer, 0, _LAYERS_MAX - 1),
        domain=whole_number("domain", domain, 0, native.domains - 1),
    )
    return read_only(weights / weights.sum())


def _native_generator(*, popularity: str | ArrayLike, **options: Any) -> _core.moe.GeneratorSpec:
    native = _core.moe.GeneratorSpec()
    for name, most in (("experts", EXPERTS_MAX), ("experts_per_token", EXPERTS_MAX)):
        setattr(native, name, whole_number(name, options[name], 1, most))
    native.sequences = whole_number("sequences", options["sequences"], 1, _SEQUENCES_MAX)
    native.request_tokens = whole_number("request_tokens", options["request_tokens"], 0, TOKENS_MAX)
    native.domains = whole_number("domains", options["domains"], 1, _DOMAINS_MAX)
    native.seed = whole_number("seed", options["seed"], 0, _SEED_MAX)
    for name in ("zipf_exponent", "dirichlet_alpha", "stickiness", "domain_share"):
        setattr(native, name, finite_number(name, options[name]))
    if not isinstance(options["shuffled"], bool):
        raise TypeError(f"shuffled must be True or False, got {shown(options['shuffled'])}")
    native.shuffled = options["shuffled"]
    if isinstance(popularity, str):
        if popularity == "given":
            names = [name for name in _core.moe.Popularity.__members__ if name != "given"]
            raise unknown_name("popularity", popularity, names)
        native.popularity = member("popularity", _core.moe.Popularity, popularity)
    else:
        native.popularity = _core.moe.Popularity.given
        native.weights = _weights(popularity, native.domains, native.experts).ravel().tolist()
    native.validate()
    return native


def _weights(popularity: ArrayLike, domains: int, experts: int) -> NDArray[np.float64]:
    weights = np.asarray(popularity)
    if weights.dtype.kind not in "iuf":
        raise TypeError(f"popularity must be a name or numbers, got {shown(popularity)}")
    allowed = [(experts,)] if domains == 1 else [(experts,), (domains, experts)]
    if weights.shape not in allowed:
        raise ValueError(f"popularity must have shape {' or '.join(map(str, allowed))}, got {weights.shape}")
    return weights.astype(np.float64)
