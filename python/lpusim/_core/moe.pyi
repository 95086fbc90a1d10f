"""
Sparse expert dispatch: routers, generators, plans, strategies.
"""
from __future__ import annotations
import collections.abc
import enum
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Activation', 'CombineOrder', 'DroppedGroups', 'GeneratorSpec', 'GroupScore', 'LoadStatistics', 'Popularity', 'ReplicaRule', 'RouterSpec', 'Score', 'ScoreType', 'Selection', 'Strategy', 'StrategyCost', 'check_expert_weights', 'combine', 'contiguous_experts', 'dirichlet_alpha_of', 'dispatch', 'excess_cv', 'expected_distinct', 'expected_distinct_weighted', 'expected_max_load', 'expert_ffn', 'expert_gemm', 'expert_popularity', 'generate', 'inclusion_probabilities', 'load_statistics', 'order_by_expert', 'quantise', 'reserved', 'route', 'rows_reserved', 'rows_used', 'simd_levels', 'tile_bound', 'tile_count', 'traffic', 'zipf_exponent_of']
class Score(enum.Enum):
    """
    How logits become scores.
    """
    sigmoid = ...
    sigmoid_after_topk = ...
    softmax = ...
    softmax_after_topk = ...
    sparsemixer = ...
    sqrt_softplus = ...
class Selection(enum.Enum):
    """
    Who names the experts of a token.
    """
    scores = ...
    token_table = ...
class GroupScore(enum.Enum):
    """
    How a group of experts is ranked.
    """
    max = ...
    top2_sum = ...
class DroppedGroups(enum.Enum):
    """
    What the score of an expert in a dropped group becomes.
    """
    minus_infinity = ...
    zero = ...
class ScoreType(enum.Enum):
    """
    What scores and weights are rounded to.
    """
    bf16 = ...
    fp32 = ...
    fp64 = ...
class RouterSpec:
    """
    One router; see lpusim.moe.RouterSpec.
    """
    dropped_groups: DroppedGroups
    group_score: GroupScore
    renormalise: bool
    scales_input: bool
    score: Score
    score_type: ScoreType
    selection: Selection
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
    def latent_width(self) -> int:
        """
        width of what is dispatched; 0 is the hidden width [elements]
        """
    @latent_width.setter
    def latent_width(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mixer_epsilon(self) -> float:
        """
        half the relative distance from the maximum that sparsemixer masks [1]
        """
    @mixer_epsilon.setter
    def mixer_epsilon(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def norm_power(self) -> float:
        """
        q of the q-norm that renormalises [1]
        """
    @norm_power.setter
    def norm_power(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def scale(self) -> float:
        """
        factor on every weight [1]
        """
    @scale.setter
    def scale(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def shared_experts(self) -> int:
        """
        experts that every token uses besides [experts]
        """
    @shared_experts.setter
    def shared_experts(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Popularity(enum.Enum):
    """
    Where popularities of experts come from.
    """
    dirichlet = ...
    given = ...
    round_robin = ...
    zipf = ...
class GeneratorSpec:
    """
    A source of synthetic routing.
    """
    popularity: Popularity
    shuffled: bool
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
    def dirichlet_alpha(self) -> float:
        """
        concentration of drawn popularity shares; infinity is uniform [1]
        """
    @dirichlet_alpha.setter
    def dirichlet_alpha(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def domain_share(self) -> float:
        """
        share of a popularity that is the domain's own [1]
        """
    @domain_share.setter
    def domain_share(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def domains(self) -> int:
        """
        kinds of requests, each with popularities of its own [domains]
        """
    @domains.setter
    def domains(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
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
    def request_tokens(self) -> int:
        """
        tokens after which a sequence begins anew; 0 is never [tokens]
        """
    @request_tokens.setter
    def request_tokens(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
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
    def sequences(self) -> int:
        """
        sequences whose tokens take turns [sequences]
        """
    @sequences.setter
    def sequences(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def stickiness(self) -> float:
        """
        chance that an expert of the token before is kept [1]
        """
    @stickiness.setter
    def stickiness(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def weights(self) -> list[float]:
        ...
    @weights.setter
    def weights(self, arg0: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> None:
        ...
    @property
    def zipf_exponent(self) -> float:
        """
        popularity falls as rank to minus this; 0 is uniform [1]
        """
    @zipf_exponent.setter
    def zipf_exponent(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class LoadStatistics:
    """
    How evenly load falls on experts or chips.
    """
    @property
    def cv(self) -> float:
        ...
    @property
    def distinct(self) -> int:
        ...
    @property
    def entropy_ratio(self) -> float:
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
    def rank_slope(self) -> float:
        ...
    @property
    def total(self) -> int:
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
class CombineOrder(enum.Enum):
    """
    In which order a token's rows are added.
    """
    expert = ...
    slot = ...
class Activation(enum.Enum):
    """
    What an expert does between its products.
    """
    gpt_oss = ...
    swiglu = ...
class ReplicaRule(enum.Enum):
    """
    Which replica takes an assignment.
    """
    source_local = ...
    token_mod = ...
def check_expert_weights(arrays: dict[str, typing.Any]) -> tuple[str, int, int, int]:
    """
    (dtype, experts, width, hidden), or an error naming the array.
    """
def combine(rows: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], permutation: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], inverse: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], experts_per_token: typing.SupportsInt | typing.SupportsIndex, *, weights: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, shared: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, order: CombineOrder, dtype: str, out: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, threads: typing.SupportsInt | typing.SupportsIndex, simd: str | None) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
    """
    Weighted sums of the rows of each token.
    """
def contiguous_experts(*, experts: typing.SupportsInt | typing.SupportsIndex, chips: typing.SupportsInt | typing.SupportsIndex, chip: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    (first, last + 1) of the experts that live on a chip.
    """
def dirichlet_alpha_of(*, cv: typing.SupportsFloat | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def dispatch(x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], permutation: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], inverse: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], experts_per_token: typing.SupportsInt | typing.SupportsIndex, *, scale: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, out: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, threads: typing.SupportsInt | typing.SupportsIndex, simd: str | None) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
    """
    Token rows in the order of a plan.
    """
def excess_cv(*, cv: typing.SupportsFloat | typing.SupportsIndex, mean: typing.SupportsFloat | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def expected_distinct(*, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, tokens: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def expected_distinct_weighted(inclusion: numpy.typing.NDArray[numpy.float64], *, tokens: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def expected_max_load(*, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, tokens: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
def expert_ffn(rows: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], offsets: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], arrays: dict[str, typing.Any], *, activation: Activation, limit: typing.SupportsFloat | typing.SupportsIndex, row_scale: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, sum_length: typing.SupportsInt | typing.SupportsIndex | None, out: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, threads: typing.SupportsInt | typing.SupportsIndex, simd: str | None) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
    """
    Each row through the FFN of its expert.
    """
def expert_gemm(rows: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], offsets: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], w: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], *, sum_length: typing.SupportsInt | typing.SupportsIndex | None, out: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None, threads: typing.SupportsInt | typing.SupportsIndex, simd: str | None) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
    """
    Each row times the matrix of its expert.
    """
def expert_popularity(spec: GeneratorSpec, *, layer: typing.SupportsInt | typing.SupportsIndex, domain: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
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
def quantise(x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], dtype: str) -> tuple[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]]:
    """
    (numbers, one scale a row).
    """
def reserved(strategy: Strategy, *, tokens: typing.SupportsInt | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, chips: typing.SupportsInt | typing.SupportsIndex) -> StrategyCost:
    ...
def route(spec: RouterSpec, logits: numpy.typing.NDArray[numpy.float32], bias: numpy.typing.NDArray[numpy.float32], token_ids: numpy.typing.NDArray[numpy.int32], table: numpy.typing.NDArray[numpy.int32]) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
    """
    (ids, weights), each [tokens, experts_per_token]. Empty: no bias, no token ids, no table.
    """
def rows_reserved(strategy: Strategy, *, tokens: typing.SupportsInt | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, chips: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    Rows reserved on each chip.
    """
def rows_used(strategy: Strategy, offsets: numpy.typing.NDArray[numpy.int64], *, chips: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    Rows one routing puts on each chip.
    """
def simd_levels() -> list[str]:
    """
    The instruction sets this machine has, lowest first.
    """
def tile_bound(*, rows: typing.SupportsInt | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, tile_rows: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def tile_count(offsets: numpy.typing.NDArray[numpy.int64], *, tile_rows: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def traffic(permutation: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], inverse: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], offsets: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], experts_per_token: typing.SupportsInt | typing.SupportsIndex, *, token_chip: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], expert_chip: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], chips: typing.SupportsInt | typing.SupportsIndex, rule: ReplicaRule) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]]:
    """
    (row_chip, row_slot, chip_rows, source, target, rows, copies).
    """
def zipf_exponent_of(*, experts: typing.SupportsInt | typing.SupportsIndex, experts_per_token: typing.SupportsInt | typing.SupportsIndex, top: typing.SupportsInt | typing.SupportsIndex, share: typing.SupportsFloat | typing.SupportsIndex) -> float:
    ...
