"""Synthetic routing, drawn at random but reproducibly."""

from __future__ import annotations

from lpusim import _core
from lpusim._arguments import finite_number, whole_number
from lpusim._moe_types import EXPERTS_MAX, TOKENS_MAX, Routing, read_only

_SEED_MAX = 1 << 53


def generate(
    *,
    experts: int,
    experts_per_token: int,
    tokens: int,
    zipf_exponent: float = 0.0,
    shuffled: bool = True,
    layer: int = 0,
    first_token: int = 0,
    seed: int = 0,
) -> Routing:
    """Draw synthetic routing, uniform or Zipf.

    Each token draws different experts, with chances in proportion to popularity rank to the power of
    `-zipf_exponent`. Every draw is a pure function of (seed, layer, token, expert): results depend neither
    on threads nor on how tokens are split into calls.

    Args:
        experts: Routed experts of the layer.
        experts_per_token: Experts drawn for each token.
        tokens: Rows to draw.
        zipf_exponent: 0 is the uniform router.
        shuffled: Whether each layer gives the popularity ranks to its experts in an order of its own. False
            makes expert 0 the most popular one of every layer.
        layer: Which layer, 0 to 2^23 - 1.
        first_token: Number of the first token, so that steps can continue a sequence.
        seed: Names the sequence of draws.

    Returns:
        `Routing`; the weights are those of a renormalised softmax router whose logits are the Gumbel keys.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006), equal to Gumbel top-k.

    Examples:
        >>> from lpusim.moe import generate
        >>> routing = generate(experts=256, experts_per_token=8, tokens=3, seed=1)
        >>> routing.ids.shape
        (3, 8)
    """
    native = _core.moe.GeneratorSpec()
    native.experts = whole_number("experts", experts, 1, EXPERTS_MAX)
    native.experts_per_token = whole_number("experts_per_token", experts_per_token, 1, EXPERTS_MAX)
    native.zipf_exponent = finite_number("zipf_exponent", zipf_exponent)
    native.shuffled = bool(shuffled)
    native.seed = whole_number("seed", seed, 0, _SEED_MAX)
    ids, weights = _core.moe.generate(
        native,
        layer=whole_number("layer", layer, 0, (1 << 23) - 1),
        first_token=whole_number("first_token", first_token, 0, TOKENS_MAX),
        tokens=whole_number("tokens", tokens, 0, TOKENS_MAX),
    )
    return Routing(read_only(ids), read_only(weights))
