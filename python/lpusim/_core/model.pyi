"""
Architectures as operators; parameters, bytes and FLOPs.
"""
from __future__ import annotations
import collections.abc
import enum
import typing
__all__: list[str] = ['Architecture', 'AttentionShape', 'FfnKind', 'LayerGroup', 'Load', 'ModelSpec', 'Operator', 'OperatorKind', 'Shard', 'active_parameters', 'load', 'operators', 'state_bytes', 'total_parameters']
class ModelSpec:
    """
    The dimensions of a decoder-only transformer.
    """
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
    def attention_bias(self) -> int:
        """
        biases in attention [switch]
        """
    @attention_bias.setter
    def attention_bias(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def dense_intermediate(self) -> int:
        """
        FFN width of dense layers [elements]
        """
    @dense_intermediate.setter
    def dense_intermediate(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def expert_intermediate(self) -> int:
        """
        FFN width of one expert [elements]
        """
    @expert_intermediate.setter
    def expert_intermediate(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def experts(self) -> int:
        """
        routed experts of a layer [experts]
        """
    @experts.setter
    def experts(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def experts_per_token(self) -> int:
        """
        routed experts a token passes through [experts]
        """
    @experts_per_token.setter
    def experts_per_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def ffn_bias(self) -> int:
        """
        biases in dense FFNs [switch]
        """
    @ffn_bias.setter
    def ffn_bias(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def head_dim(self) -> int:
        """
        width of a query and key head; MLA: its part without rotation [elements]
        """
    @head_dim.setter
    def head_dim(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def heads(self) -> int:
        """
        query heads [heads]
        """
    @heads.setter
    def heads(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def hidden(self) -> int:
        """
        width of the residual stream [elements]
        """
    @hidden.setter
    def hidden(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def kv_heads(self) -> int:
        """
        key and value heads; 1 for MLA [heads]
        """
    @kv_heads.setter
    def kv_heads(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def kv_lora_rank(self) -> int:
        """
        MLA: rank of the cached latent, 0 = no MLA [elements]
        """
    @kv_lora_rank.setter
    def kv_lora_rank(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def layers(self) -> int:
        """
        transformer layers, without prediction heads (MTP) [layers]
        """
    @layers.setter
    def layers(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def moe_layers(self) -> list[int]:
        """
        Indices of layers with experts.
        """
    @moe_layers.setter
    def moe_layers(self, arg0: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def q_lora_rank(self) -> int:
        """
        MLA: rank of the query, 0 = full [elements]
        """
    @q_lora_rank.setter
    def q_lora_rank(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def query_key_norms(self) -> int:
        """
        a norm over each query and key head [switch]
        """
    @query_key_norms.setter
    def query_key_norms(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def rope_head_dim(self) -> int:
        """
        MLA: rotated part of a query and key head, else 0 [elements]
        """
    @rope_head_dim.setter
    def rope_head_dim(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def router_bias(self) -> int:
        """
        a selection bias for each expert [switch]
        """
    @router_bias.setter
    def router_bias(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def shared_intermediate(self) -> int:
        """
        FFN width of all shared experts together [elements]
        """
    @shared_intermediate.setter
    def shared_intermediate(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def tied_embeddings(self) -> int:
        """
        the output head is the embedding table [switch]
        """
    @tied_embeddings.setter
    def tied_embeddings(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def value_head_dim(self) -> int:
        """
        width of a value head [elements]
        """
    @value_head_dim.setter
    def value_head_dim(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def vocab(self) -> int:
        """
        rows of the embedding table [tokens]
        """
    @vocab.setter
    def vocab(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def window_layers(self) -> list[int]:
        """
        Indices of sliding-window layers.
        """
    @window_layers.setter
    def window_layers(self, arg0: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def window_tokens(self) -> int:
        """
        tokens a window layer attends to [tokens]
        """
    @window_tokens.setter
    def window_tokens(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class OperatorKind(enum.Enum):
    activation = ...
    attention = ...
    embedding = ...
    expert_matmul = ...
    head = ...
    matmul = ...
    norm = ...
    residual_add = ...
    rope = ...
    router = ...
class Shard(enum.Enum):
    column = ...
    experts = ...
    heads = ...
    replicated = ...
    row = ...
class FfnKind(enum.Enum):
    dense = ...
    moe = ...
class Operator:
    """
    One operator; k and n are the widths of one copy.
    """
    @property
    def active_copies(self) -> int:
        ...
    @property
    def copies(self) -> int:
        ...
    @property
    def is_quantised(self) -> bool:
        ...
    @property
    def k(self) -> int:
        ...
    @property
    def kind(self) -> OperatorKind:
        ...
    @property
    def macs_per_token(self) -> int:
        ...
    @property
    def n(self) -> int:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def parameters(self) -> int:
        ...
    @property
    def shard(self) -> Shard:
        ...
class AttentionShape:
    """
    One layer's attention over its cache.
    """
    @property
    def cache_elements(self) -> int:
        ...
    @property
    def heads(self) -> int:
        ...
    @property
    def is_latent(self) -> bool:
        ...
    @property
    def key_width(self) -> int:
        ...
    @property
    def kv_heads(self) -> int:
        ...
    @property
    def value_width(self) -> int:
        ...
    @property
    def window_tokens(self) -> int:
        ...
class LayerGroup:
    """
    Layers equal in everything but their weights' values.
    """
    @property
    def attention(self) -> AttentionShape:
        ...
    @property
    def count(self) -> int:
        ...
    @property
    def ffn(self) -> FfnKind:
        ...
    @property
    def operators(self) -> list[Operator]:
        ...
class Architecture:
    """
    An architecture as operators.
    """
    @property
    def epilogue(self) -> list[Operator]:
        ...
    @property
    def groups(self) -> list[LayerGroup]:
        ...
    @property
    def layer_group(self) -> list[int]:
        ...
    @property
    def prologue(self) -> list[Operator]:
        ...
class Load:
    """
    What a device needs to know of a model: bytes and FLOPs.
    """
    def __init__(self) -> None:
        ...
    @property
    def always_read_bytes(self) -> int:
        ...
    @always_read_bytes.setter
    def always_read_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def attention_flops_per_context_token(self) -> int:
        ...
    @attention_flops_per_context_token.setter
    def attention_flops_per_context_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def expert_bytes(self) -> int:
        ...
    @expert_bytes.setter
    def expert_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def experts(self) -> int:
        ...
    @experts.setter
    def experts(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def experts_per_token(self) -> int:
        ...
    @experts_per_token.setter
    def experts_per_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def flops_per_token(self) -> int:
        ...
    @flops_per_token.setter
    def flops_per_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def hidden(self) -> int:
        ...
    @hidden.setter
    def hidden(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def kv_bytes_per_token(self) -> int:
        ...
    @kv_bytes_per_token.setter
    def kv_bytes_per_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def layers(self) -> int:
        ...
    @layers.setter
    def layers(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def moe_layers(self) -> int:
        ...
    @moe_layers.setter
    def moe_layers(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def weight_bytes(self) -> int:
        ...
    @weight_bytes.setter
    def weight_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def window_kv_bytes_per_token(self) -> int:
        ...
    @window_kv_bytes_per_token.setter
    def window_kv_bytes_per_token(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def window_tokens(self) -> int:
        ...
    @window_tokens.setter
    def window_tokens(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
def active_parameters(spec: ModelSpec) -> int:
    """
    Parameters with only the chosen experts, the embedding table whole.
    """
def load(spec: ModelSpec, *, weights: str, kv: str) -> Load:
    """
    The whole model as a device sees it.
    """
def operators(spec: ModelSpec) -> Architecture:
    """
    The operators that one token passes through.
    """
def state_bytes(spec: ModelSpec, *, context_tokens: typing.SupportsInt | typing.SupportsIndex, kv: str) -> int:
    """
    Cache bytes of one sequence of `context_tokens` tokens.
    """
def total_parameters(spec: ModelSpec) -> int:
    """
    Every stored parameter once, norms and biases included.
    """
