"""What is publicly known of models and chips, in the few numbers a claim is checked against."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from lpusim._audit.claim import ClaimedModel
from lpusim._cost import Terms
from lpusim._presets import Parameter, load_prices, presets

__all__ = ["ChipFacts", "ListPrice", "ModelFacts", "Public", "family_of", "nearest_name", "public_facts"]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One public model. `kv_bytes_per_token` is of an fp8 cache; 0 where only the model's size is known."""

    name: str
    total_parameters: float
    active_parameters: float
    layers: int
    dense: bool
    kv_bytes_per_token: float

    @property
    def kind(self) -> str:
        return "dense" if self.dense else "moe"


@dataclass(frozen=True, slots=True)
class ChipFacts:
    """One public chip. `terms` is what one chip costs; the other two are its ranges' ends.

    `hop_s` is memory to memory over one link; None where transfers are not scheduled.
    `operations_per_s` is the best published rate at 8 bits or more.
    """

    name: str
    kind: str
    memory_bytes: float
    bytes_per_s: float
    operations_per_s: float
    hop_s: float | None
    terms: Terms
    terms_cheapest: Terms
    terms_dearest: Terms


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A provider's dated list price of output tokens."""

    provider: str
    model: str
    usd_per_million_output_tokens: float


@dataclass(frozen=True, slots=True)
class Public:
    """Everything a claim is checked against."""

    models: Mapping[str, ModelFacts]
    chips: Mapping[str, ChipFacts]
    list_prices: tuple[ListPrice, ...]

    def stand_in(self, claimed: ClaimedModel | None) -> ModelFacts | None:
        """The public model a claim means: the one it names, else the nearest of its kind and size."""
        if claimed is None:
            return None
        if claimed.name is not None and claimed.name in self.models:
            return self.models[claimed.name]
        if claimed.total_parameters is None:
            return None
        return self.nearest_by_total(claimed.total_parameters, kind=claimed.kind)

    def nearest_by_total(
        self, parameters: float, *, kind: str | None = None, within: float = 0.05
    ) -> ModelFacts | None:
        """The model whose total is nearest, if it is within that share of it."""
        alike = [model for model in self.models.values() if kind is None or model.kind == kind]
        if not alike:
            return None
        model = min(alike, key=lambda m: (abs(m.total_parameters / parameters - 1), m.name))
        return model if abs(model.total_parameters / parameters - 1) <= within else None


def nearest_name(name: str, known: Mapping[str, object]) -> str | None:
    """The known name most like `name`."""
    return next(iter(difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.0)), None)


def family_of(name: str, models: Mapping[str, ModelFacts]) -> list[ModelFacts]:
    """Models whose names share the first two words: "llama-4-405b" is of the family of "llama-4-scout"."""
    words = name.lower().split("-")[:2]
    return [m for m in models.values() if len(words) == 2 and m.name.split("-")[:2] == words]


@cache
def public_facts() -> Public:
    """Reads every model, chip and price preset once."""
    names = presets()
    return Public(
        models={**_sizes_only(), **{name: _model_facts(name) for name in names["models"]}},
        chips={name: _chip_facts(name) for name in names["chips"]},
        list_prices=tuple(price for provider in names["prices"] for price in _list_prices(provider)),
    )


def _model_facts(name: str) -> ModelFacts:
    from lpusim._model import load_model

    model = load_model(name)
    context = 4096
    return ModelFacts(
        name=name,
        total_parameters=model.total_parameters,
        active_parameters=model.active_parameters,
        layers=model.layers,
        dense=model.load().experts == 0,
        kv_bytes_per_token=model.state_bytes(context, kv="fp8") / context,
    )


def _sizes_only() -> dict[str, ModelFacts]:
    rows = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))
    return {
        name: ModelFacts(
            name=name,
            total_parameters=row["total_parameters"]["value"],
            active_parameters=row["active_parameters"]["value"],
            layers=row["layers"]["value"],
            dense=row["kind"] == "dense",
            kv_bytes_per_token=0.0,
        )
        for name, row in rows.items()
    }


def _chip_facts(name: str) -> ChipFacts:
    from lpusim._system import load_system

    system = load_system(f"{name}-1")
    parameters = system.parameters()
    hop = parameters.get("link.hop_ps")
    return ChipFacts(
        name=name,
        kind=system.kind,
        memory_bytes=system.memory_bytes,
        bytes_per_s=system.memory_bytes_per_s,
        operations_per_s=max(
            (
                float(parameter.value)
                for key, parameter in parameters.items()
                if key.endswith(("_ops_per_s", "_flops_per_s")) and "fp4" not in key
            ),
            default=0.0,
        ),
        hop_s=None if hop is None else float(hop.value) * 1e-12,
        terms=Terms.from_parameters(1, parameters),
        terms_cheapest=Terms.from_parameters(1, _at_end(parameters, cheapest=True)),
        terms_dearest=Terms.from_parameters(1, _at_end(parameters, cheapest=False)),
    )


def _at_end(parameters: Mapping[str, Parameter], *, cheapest: bool) -> dict[str, Parameter]:
    """Every cost and power parameter at the end of its range that makes the hour cheapest, or dearest."""
    moved = {}
    for name, parameter in parameters.items():
        # A longer life is cheaper; of everything else, less is.
        low = cheapest != (name == "cost.life_years")
        end = parameter.low if low else parameter.high
        moved[name] = parameter if end is None else msgspec.structs.replace(parameter, value=end)
    return moved


def _list_prices(provider: str) -> list[ListPrice]:
    preset = load_prices(provider)
    return [
        ListPrice(provider, model, float(fields["usd_per_million_output_tokens"].value))
        for model, fields in preset.sections.items()
        if "usd_per_million_output_tokens" in fields
    ]
