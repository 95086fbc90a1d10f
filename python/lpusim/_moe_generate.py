"""Synthetic routing, drawn at random but reproducibly."""

from __future__ import annotations

from lpusim import _core
from lpusim._moe_types import Routing, read_only


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
    native = _native_generator(experts, experts_per_token, zipf_exponent, shuffled, seed)
    ids, weights = _core.moe.generate(native, layer=layer, first_token=first_token, tokens=tokens)
    return Routing(read_only(ids), read_only(weights))


def _native_generator(
    experts: int, experts_per_token: int, zipf_exponent: float, shuffled: bool, seed: int
) -> _core.moe.GeneratorSpec:
    native = _core.moe.GeneratorSpec()
    native.experts = experts
    native.experts_per_token = experts_per_token
    native.zipf_exponent = zipf_exponent
    native.shuffled = shuffled
    native.seed = seed
    return native
