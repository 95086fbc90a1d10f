"""Language models as their published `config.json`, and the counts that follow from it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpusim import _core
from lpusim._model_config import read_spec, weights_format
from lpusim._presets import find_file, read_mapping

_CONTEXT_MAX = 1 << 40


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A decoder-only language model.

    Attributes:
        name: Preset name, or what the config or its folder is called.
        config: The config as read.
        core: The core's `ModelSpec`.
        weights_format: Format of the published checkpoint: fp32, bf16, fp16, fp8, int8 or fp4.
    """

    name: str
    config: Mapping[str, Any]
    core: Any
    weights_format: str

    @property
    def total_parameters(self) -> int:
        """Every stored parameter once: matrices, norms, biases; a tied head is stored with the embedding.

        Multi-token prediction layers are not part of it, as in the owners' figures (DeepSeek-V3: 671 B; its
        files hold 11.5 B more).
        """
        return int(_core.model.total_parameters(self.core))

    @property
    def active_parameters(self) -> int:
        """Parameters one token needs: all but the experts it is not sent to.

        Both embedding matrices count whole. Mistral and Qwen publish this figure (12.9 B, 22 B, 3.3 B).
        """
        return int(_core.model.active_parameters(self.core))

    @property
    def active_parameters_without_embedding(self) -> int:
        """As `active_parameters` without the embedding table, of which a token reads one row.

        DeepSeek and Moonshot publish this figure (36.7 B, 32 B).
        """
        if self.core.tied_embeddings:
            return self.active_parameters
        return self.active_parameters - int(self.core.vocab * self.core.hidden)

    @property
    def layers(self) -> int:
        """Transformer layers."""
        return int(self.core.layers)

    @property
    def architecture(self) -> Any:
        """The operators one token passes through (`_core.model.Architecture`)."""
        return _core.model.operators(self.core)

    def state_bytes(self, context: int, kv: str = "fp16") -> int:
        """Bytes one sequence keeps after `context` tokens, over all layers.

        Layers with a window stop growing at it.

        Args:
            context: Tokens, at least 0.
            kv: Number format of the cache.

        Examples:
            >>> load_model("llama-3.1-8b").state_bytes(1000)
            131072000
        """
        if isinstance(context, bool) or not isinstance(context, int):
            raise TypeError(f"context must be a whole number of tokens, got {context!r}")
        if not 0 <= context <= _CONTEXT_MAX:
            raise ValueError(f"context must be from 0 to {_CONTEXT_MAX} tokens, got {context}")
        return int(_core.model.state_bytes(self.core, context_tokens=context, kv=kv))

    def kv_bytes_per_token(self, kv: str = "fp16") -> int:
        """Bytes one token adds to a sequence's cache, over all layers.

        Raises:
            ValueError: Some layers have a window, so that the figure depends on the context.

        Examples:
            >>> load_model("deepseek-v3").kv_bytes_per_token()  # 61 layers x 576 elements x 2 bytes
            70272
        """
        if self.core.window_layers:
            raise ValueError(
                f"{self.name}: {len(self.core.window_layers)} of {self.layers} layers stop growing at "
                f"{self.core.window_tokens} tokens, so bytes per token are not constant; use state_bytes"
            )
        return self.state_bytes(1, kv)

    def load(self, weights: str | None = None, kv: str = "fp16") -> Any:
        """The model as a device sees it (`_core.model.Load`): bytes to hold and read, FLOPs a token.

        Args:
            weights: Format of the layers' matrices; None means that of the published checkpoint. Below 16
                bits, embedding, head, norms and router stay at 16, as in published 8-bit checkpoints.
            kv: Format of the cache.
        """
        return _core.model.load(self.core, weights=weights or self.weights_format, kv=kv)

    def __repr__(self) -> str:
        return (
            f"Model({self.name!r}, {self.total_parameters / 1e9:.1f} B parameters, "
            f"{self.active_parameters / 1e9:.1f} B active, {self.layers} layers)"
        )


def load_model(ref: str | os.PathLike[str] | Mapping[str, Any]) -> Model:
    """Load a language model.

    Args:
        ref: A preset name ("deepseek-v3"), a path to a Hugging Face config.json or to its folder, or the
            config as a dict.

    Raises:
        ValueError: Unknown name; not a config of a supported language model; a missing or wrong field. The
            message names file and field.

    Examples:
        >>> import lpusim
        >>> lpusim.load_model("deepseek-v3")
        Model('deepseek-v3', 671.0 B parameters, 37.6 B active, 61 layers)
    """
    if isinstance(ref, Mapping):
        name = Path(str(ref.get("_name_or_path") or "model")).name
        return _build(dict(ref), name, "config given as a dict")
    path = find_file(ref, folder="models", what="model preset")
    if path.is_dir():
        path = path / "config.json"
        if not path.exists():
            raise ValueError(f"{path.parent}: the folder holds no config.json")
    config = read_mapping(path)
    name = path.parent.resolve().name if path.name == "config.json" else path.stem
    return _build(config, name, str(path))


def _build(config: dict[str, Any], name: str, where: str) -> Model:
    core = read_spec(config, where)
    return Model(name=name, config=config, core=core, weights_format=weights_format(config, where))
