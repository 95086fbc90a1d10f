"""
Sparse expert dispatch: routers, generators, plans, strategies.
"""
from __future__ import annotations
import enum
import numpy
import numpy.typing
import typing
__all__: list[str] = ['GeneratorSpec', 'GroupScore', 'LoadStatistics', 'RouterSpec', 'Score', 'Strategy', 'StrategyCost', 'contiguous_experts', 'expected_distinct', 'expected_distinct_weighted', 'expected_max_load', 'expert_popularity', 'generate', 'inclusion_probabilities', 'load_statistics', 'order_by_expert', 'reserved', 'route', 'rows_reserved', 'rows_used', 'tile_bound', 'tile_count']
class Score(enum.Enum):
    """
    How a logit becomes a score.
    """
    sigmoid = ...
    softmax = ...
class GroupScore(enum.Enum):
    """
    How a group of experts is ranked.
    """
    max = ...
    top2_sum = ...
class RouterSpec:
    """
    One router; see lpusim.moe.RouterSpec.
    """
    group_score: GroupScore
    renormalise: bool
    score: Score
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    def validate(self) -> None:
        ...
    @property
    def experts(self) -> int:
        """
        routed experts of the layer [experts]
        """
    @experts.setter
    def experts(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def experts_per_token(self) -> int:
        """
        experts chosen for each token [experts]
        """
    @experts_per_token.setter
    def experts_per_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def groups(self) -> int:
        """
        equal ranges of consecutive experts [groups]
        """
    @groups.setter
    def groups(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def groups_kept(self) -> int:
        """
        groups from which experts may be chosen [groups]
        """
    @groups_kept.setter
    def groups_kept(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def scale(self) -> float:
        """
        factor on every weight [1]
        """
    @scale.setter
    def scale(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class GeneratorSpec:
    """
    A source of synthetic routing.
    """
    shuffled: bool
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    @property
    def experts(self) -> int:
        """
        routed experts of the layer [experts]
        """
    @experts.setter
    def experts(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def experts_per_token(self) -> int:
        """
        experts drawn for each token [experts]
        """
    @experts_per_token.setter
    def experts_per_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        names the sequence of draws [1]
        """
    @seed.setter
    def seed(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def zipf_exponent(self) -> float:
        """
        popularity falls as rank to minus this; 0 is uniform [1]
        """
    @zipf_exponent.setter
    def zipf_exponent(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Strategy(enum.Enum):
    """
    How room is reserved for unknown routing.
    """
    sliced = ...
    worst_case = ...
class StrategyCost:
    """
    What one MoE layer reserves on each chip.
    """
    @property
    def column_split(self) -> int:
        ...
    @property
    def exact(self) -> bool:
        ...
    @property
    def experts_per_chip(self) -> int:
        ...
    @property
    def rows_per_chip(self) -> int:
        ...
    @property
    def weight_reads_per_chip(self) -> int:
        ...
class LoadStatistics:
    """
    How evenly load falls on experts or chips.
    """
    @property
    def distinct(self) -> int:
        ...
    @property
    def gini(self) -> float:
        ...
    @property
    def max(self) -> int:
        ...
    @property
    def max_over_mean(self) -> float:
        ...
    @property
    def total(self) -> int:
        ...
def contiguous_experts(*, experts: typing.SupportsInt | typing.SupportsIndex, chips: typing.SupportsInt | typing.SupportsIndex, chip: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    (first, last + 1) of the experts that live on a chip.
    """
def expected_distinct(*, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, tokens: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def expected_distinct_weighted(inclusion: numpy.typing.NDArray[numpy.float64], *, tokens: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def expected_max_load(*, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, tokens: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def expert_popularity(spec: GeneratorSpec, *, layer: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
    ...
def generate(spec: GeneratorSpec, *, layer: typing.SupportsInt | typing.SupportsIndex, first_token: typing.SupportsInt | typing.SupportsIndex, tokens: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
    """
    (ids, weights), each [tokens, experts_per_token].
    """
def inclusion_probabilities(popularity: numpy.typing.NDArray[numpy.float64], *, experts_per_token: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
    ...
def load_statistics(load: numpy.typing.NDArray[numpy.int64]) -> LoadStatistics:
    ...
def order_by_expert(ids: numpy.typing.NDArray[numpy.int32], experts: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64]]:
    """
    (permutation, inverse, offsets) of the stable sort by expert, token, slot.
    """
def reserved(strategy: Strategy, *, tokens: typing.SupportsInt | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, chips: typing.SupportsInt | typing.SupportsIndex) -> StrategyCost:
    ...
def route(spec: RouterSpec, logits: numpy.typing.NDArray[numpy.float32], bias: numpy.typing.NDArray[numpy.float32]) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
    """
    (ids, weights), each [tokens, experts_per_token].
    """
def rows_reserved(strategy: Strategy, *, tokens: typing.SupportsInt | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, chips: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    Rows reserved on each chip.
    """
def rows_used(strategy: Strategy, offsets: numpy.typing.NDArray[numpy.int64], *, chips: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    Rows one routing puts on each chip.
    """
def tile_bound(*, rows: typing.SupportsInt | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, tile_rows: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def tile_count(offsets: numpy.typing.NDArray[numpy.int64], *, tile_rows: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
