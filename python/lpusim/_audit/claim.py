"""A claim as somebody stated it: what may be said, and how it is read from a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from lpusim._names import unknown_name
from lpusim._presets import Reference, find_file, read_mapping

__all__ = ["FORMAT_BITS", "Claim", "ClaimedModel", "PriceRatio", "load_claim", "parse_claim"]

#: Bits a stored parameter takes, as in the core; fp4 with its scales (OCP MXFP4: 8 bits for 32 elements).
FORMAT_BITS = {"fp32": 32, "fp16": 16, "bf16": 16, "fp8": 8, "int8": 8, "fp4": 4.25}


class ClaimedModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a claim says of its model. It need not be true, and the model need not exist.

    Attributes:
        name: As the claim calls it; a preset's name means that public model.
        total_parameters, active_parameters: Counts, not billions.
        kind: "dense" or "moe".
    """

    name: str | None = None
    total_parameters: float | None = None
    active_parameters: float | None = None
    kind: Literal["dense", "moe"] | None = None


class PriceRatio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price per token relative to something else.

    Attributes:
        to: What it is compared with, in the claim's words.
        factor: This claim's price over the other's: "60 % below" is 0.4, "3x cheaper" is 0.333.
        chip: The other machine's chip preset, where it is known.
    """

    to: str
    factor: float
    chip: str | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A claim about a model on a machine. Only `name` is needed; what is not stated is not checked.

    Attributes:
        name: Of the claim.
        statement: The sentence, as quoted.
        source: Where it was read.
        model: A model preset's name, or a table of what the claim says of its model.
        chip: As the claim calls it; a chip preset's name means that chip.
        chip_readings: Public chips it could mean, where `chip` is not one.
        chips: Chips in all.
        nodes: Nodes in all; what a node is, `chips_per_node` says.
        chips_per_node: Chips of one node.
        chips_per_node_readings: What a node could be, where the claim does not say.
        weights: Number formats it could store weights in; any that works will do.
        tokens_per_second_per_user: Output speed of one stream.
        tokens_per_step: Tokens accepted per decode step; more than 1 with speculation.
        input_tokens, output_tokens: Of one request.
        usd_per_million_tokens: The price, of output tokens if it says so; or else one of the next two.
        usd_per_thousand_tokens: The same per thousand.
        tokens_per_usd: The same, the other way round.
        utilisation: 0 to 1.
        utilisation_of: What it is a share of.
        price_ratios: Prices relative to other machines.
        consistent_with: Other claims of the same source, by name or path: all must be true together.
    """

    name: str
    statement: str = ""
    source: str = ""
    model: str | ClaimedModel | None = None
    chip: str | None = None
    chip_readings: tuple[str, ...] = ()
    chips: int | None = None
    nodes: int | None = None
    chips_per_node: int | None = None
    chips_per_node_readings: tuple[int, ...] = (1, 8)
    weights: tuple[str, ...] = ("fp8", "fp4")
    tokens_per_second_per_user: float | None = None
    tokens_per_step: float = 1.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    usd_per_million_tokens: float | None = None
    usd_per_thousand_tokens: float | None = None
    tokens_per_usd: float | None = None
    utilisation: float | None = None
    utilisation_of: Literal["wall-time", "slots", "peak-flops", "bandwidth"] | None = None
    price_ratios: tuple[PriceRatio, ...] = ()
    consistent_with: tuple[str, ...] = ()

    @property
    def claimed_model(self) -> ClaimedModel | None:
        """The model as a table, whichever way it was given."""
        return ClaimedModel(name=self.model) if isinstance(self.model, str) else self.model

    def prices(self) -> list[float]:
        """Every price the claim states, in USD per million tokens."""
        stated = []
        if self.usd_per_million_tokens is not None:
            stated.append(self.usd_per_million_tokens)
        if self.usd_per_thousand_tokens is not None:
            stated.append(self.usd_per_thousand_tokens * 1000)
        if self.tokens_per_usd is not None:
            stated.append(1e6 / self.tokens_per_usd)
        return stated

    @property
    def price(self) -> float | None:
        """USD per million tokens: the first price stated."""
        return next(iter(self.prices()), None)

    @property
    def context_tokens(self) -> int | None:
        """Tokens of context at the end of one request, where the claim states any."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)


def load_claim(ref: Reference | Claim) -> Claim:
    """Reads a claim: a preset's name, a path to a TOML or JSON file, a dict, or a `Claim` as it is.

    Raises:
        ValueError: Unknown name or field, a value of the wrong type or outside its range; says where.
    """
    if isinstance(ref, Claim):
        return parse_claim(msgspec.to_builtins(ref), where=f"claim {ref.name!r}")
    if isinstance(ref, Mapping):
        return parse_claim(ref, where="claim given as a dict")
    path = find_file(ref, folder="claims", what="claim")
    return parse_claim(read_mapping(path), where=str(path))


def parse_claim(data: Mapping[str, Any], *, where: str) -> Claim:
    """Checks a claim's table, field by field."""
    for name in data:
        if name not in Claim.__struct_fields__:
            raise ValueError(f"{where}: {unknown_name('field', str(name), Claim.__struct_fields__)}")
    try:
        claim = msgspec.convert(dict(data), Claim)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from None
    _check_ranges(claim, where)
    return claim


def _check_ranges(claim: Claim, where: str) -> None:
    model = claim.claimed_model or ClaimedModel()
    positive: dict[str, float | None] = {
        "chips": claim.chips,
        "nodes": claim.nodes,
        "chips_per_node": claim.chips_per_node,
        "tokens_per_second_per_user": claim.tokens_per_second_per_user,
        "tokens_per_step": claim.tokens_per_step,
        "output_tokens": claim.output_tokens,
        "usd_per_million_tokens": claim.usd_per_million_tokens,
        "usd_per_thousand_tokens": claim.usd_per_thousand_tokens,
        "tokens_per_usd": claim.tokens_per_usd,
        "utilisation": claim.utilisation,
        "model.total_parameters": model.total_parameters,
        "model.active_parameters": model.active_parameters,
        **{f"price_ratios[{i}].factor": ratio.factor for i, ratio in enumerate(claim.price_ratios)},
        **{f"chips_per_node_readings[{i}]": n for i, n in enumerate(claim.chips_per_node_readings)},
    }
    for name, value in positive.items():
        if value is not None and not (0 < value <= 1e30 and math.isfinite(value)):
            raise ValueError(f"{where}: {name} must be more than 0 and finite, got {value!r}")
    if claim.input_tokens is not None and claim.input_tokens < 0:
        raise ValueError(f"{where}: input_tokens must not be negative, got {claim.input_tokens}")
    if claim.utilisation is not None and claim.utilisation > 1:
        raise ValueError(f"{where}: utilisation is a share, at most 1, got {claim.utilisation}")
    for name in claim.weights:
        if name not in FORMAT_BITS:
            raise ValueError(f"{where}: weights: {unknown_name('number format', name, FORMAT_BITS)}")
    for name in ("weights", "chips_per_node_readings"):
        if not getattr(claim, name):
            raise ValueError(f"{where}: {name} must not be empty")
