"""Every router family of transformers, small, as a function from logits to experts and weights.

A router's matrix is set to the identity, so that what goes in are the logits themselves, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import transformers
from transformers.models.dbrx.modeling_dbrx import DbrxFFN
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2TopkRouter
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3TopkRouter
from transformers.models.deepseek_v4.modeling_deepseek_v4 import DeepseekV4HashRouter, DeepseekV4TopKRouter
from transformers.models.glm4_moe.modeling_glm4_moe import Glm4MoeTopkRouter
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssTopKRouter
from transformers.models.granitemoe.modeling_granitemoe import GraniteMoeTopKRouter
from transformers.models.hunyuan_v1_moe.modeling_hunyuan_v1_moe import HunYuanMoEV1Gate
from transformers.models.llama4.modeling_llama4 import Llama4Router
from transformers.models.mimo_v2_flash.modeling_mimo_v2_flash import MiMoV2FlashTopkRouter
from transformers.models.minimax_m2.modeling_minimax_m2 import MiniMaxM2TopKRouter
from transformers.models.mixtral.modeling_mixtral import MixtralTopKRouter
from transformers.models.nemotron_h.modeling_nemotron_h import NemotronHTopkRouter
from transformers.models.olmoe.modeling_olmoe import OlmoeTopKRouter
from transformers.models.phimoe.modeling_phimoe import PhimoeTopKRouter
from transformers.models.qwen2_moe.modeling_qwen2_moe import Qwen2MoeTopKRouter
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeTopKRouter
from transformers.models.step3p7.modeling_step3p7 import Step3p7TopKRouter

from lpusim.moe import RouterSpec

EXPERTS = 32


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        name: What it is called here.
        config: The `transformers` configuration.
        route: From logits `(tokens, experts)` and, where `biased`, a bias to ids and weights
            `(tokens, experts_per_token)`.
        biased: Whether a selection bias is given.
        sorted: Whether ids come best first; else in no order.
        layer: The layer it is the router of, where that matters.
    """

    name: str
    config: Any
    route: Callable[..., tuple[torch.Tensor, torch.Tensor]]
    biased: bool = False
    sorted: bool = True
    layer: int | None = None

    @property
    def spec(self) -> RouterSpec:
        """Our spec, from the configuration as `config.json` holds it."""
        return RouterSpec.for_model(self.config.to_dict(), layer=self.layer)


def _top_k(router_class: type, config: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """A class that returns logits, weights and ids."""

    def route(logits: torch.Tensor, bias: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        router = router_class(config).eval()
        router.weight.data.copy_(torch.eye(EXPERTS))
        if bias is not None:
            router.e_score_correction_bias.copy_(bias)
        _, weights, ids = router(logits)
        return ids, weights

    return route


def _minimax(config: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    def route(logits: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        router = MiniMaxM2TopKRouter(config)
        router.weight.data.copy_(torch.eye(EXPERTS))
        _, weights, ids = router(logits, bias)
        return ids, weights

    return route


def _step(config: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """Its scaling factor stands in the block, behind the experts."""
    inner = _top_k(Step3p7TopKRouter, config)

    def route(logits: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ids, weights = inner(logits, bias)
        return ids, weights * config.moe_router_scaling_factor

    return route


def _dbrx(config: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    ffn = config.ffn_config
    part = SimpleNamespace(moe_normalize_expert_weights=ffn.moe_normalize_expert_weights, top_k=ffn.moe_top_k)

    def route(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weights, ids = DbrxFFN.route_tokens_to_experts(part, logits)
        return ids, weights

    return route


def _llama4(config: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    def route(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        router = Llama4Router(config)
        router.weight.data.copy_(torch.eye(EXPERTS))
        scores, _ = router(logits)  # Of every expert; 0 of those not chosen.
        weights, ids = scores.topk(config.num_experts_per_tok, dim=1)
        return ids, weights

    return route


def _hunyuan(config: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    def route(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        router = HunYuanMoEV1Gate(config, layer_idx=0)
        router.wg.weight.data.copy_(torch.eye(EXPERTS))
        _, weights, ids = router(logits)
        return ids, weights

    return route


def hash_route(
    config: Any, logits: torch.Tensor, token_ids: torch.Tensor, table: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The hash layers of DeepSeek-V4, which look experts up by token id."""
    router = DeepseekV4HashRouter(config)
    router.weight.data.copy_(torch.eye(EXPERTS))
    router.tid2eid.copy_(table)
    _, weights, ids = router(logits, token_ids)
    return ids, weights


_V4 = transformers.DeepseekV4Config(
    hidden_size=EXPERTS, n_routed_experts=EXPERTS, num_experts_per_tok=6, num_hidden_layers=4, vocab_size=50
)
HASH = Family("deepseek_v4 hash", _V4, hash_route, sorted=False, layer=0)


def _deepseek_v2(**more: Any) -> Any:
    return transformers.DeepseekV2Config(
        hidden_size=EXPERTS,
        n_routed_experts=EXPERTS,
        num_experts_per_tok=6,
        routed_scaling_factor=16.0,
        **more,
    )


def _sigmoid(config_class: type, *, groups: int = 1, kept: int = 1, **more: Any) -> Any:
    return config_class(
        hidden_size=EXPERTS, n_routed_experts=EXPERTS, n_group=groups, topk_group=kept, **more
    )


def families() -> list[Family]:
    """All of them but the hash layers, which take token ids."""
    t = transformers
    mixtral = t.MixtralConfig(hidden_size=EXPERTS, num_local_experts=EXPERTS, num_experts_per_tok=2)
    qwen2 = t.Qwen2MoeConfig(hidden_size=EXPERTS, num_experts=EXPERTS, num_experts_per_tok=4)
    qwen3 = t.Qwen3MoeConfig(
        hidden_size=EXPERTS, num_experts=EXPERTS, num_experts_per_tok=8, norm_topk_prob=True
    )
    olmoe = t.OlmoeConfig(hidden_size=EXPERTS, num_experts=EXPERTS, num_experts_per_tok=8)
    granite = t.GraniteMoeConfig(hidden_size=EXPERTS, num_local_experts=EXPERTS, num_experts_per_tok=8)
    gpt_oss = t.GptOssConfig(hidden_size=EXPERTS, num_local_experts=EXPERTS, num_experts_per_tok=4)
    llama4 = t.Llama4TextConfig(hidden_size=EXPERTS, num_local_experts=EXPERTS, num_experts_per_tok=1)
    phimoe = t.PhimoeConfig(hidden_size=EXPERTS, num_local_experts=EXPERTS, num_experts_per_tok=2)
    greedy = _deepseek_v2(topk_method="greedy")
    limited = _deepseek_v2(topk_method="group_limited_greedy", n_group=8, topk_group=3)
    deepseek_v3 = _sigmoid(t.DeepseekV3Config, groups=8, kept=4, num_experts_per_tok=8)
    glm4 = _sigmoid(t.Glm4MoeConfig, num_experts_per_tok=8, routed_scaling_factor=2.5)
    mimo = _sigmoid(t.MiMoV2FlashConfig, num_experts_per_tok=8)
    nemotron = _sigmoid(t.NemotronHConfig, num_experts_per_tok=22, routed_scaling_factor=5.0)
    minimax = t.MiniMaxM2Config(hidden_size=EXPERTS, num_local_experts=EXPERTS, num_experts_per_tok=8)
    step = t.Step3p7TextConfig(
        hidden_size=EXPERTS, n_routed_experts=EXPERTS, num_experts_per_tok=8, moe_router_scaling_factor=3.0
    )
    hunyuan = t.HunYuanMoEV1Config(hidden_size=EXPERTS, num_experts=EXPERTS, moe_topk=3)
    dbrx = [
        t.DbrxConfig(
            ffn_config={"moe_num_experts": EXPERTS, "moe_top_k": 4, "moe_normalize_expert_weights": q}
        )
        for q in (1.0, 2.0)
    ]
    by_bias = {"biased": True, "sorted": False}
    return [
        Family("mixtral", mixtral, _top_k(MixtralTopKRouter, mixtral)),
        Family("qwen2_moe", qwen2, _top_k(Qwen2MoeTopKRouter, qwen2)),
        Family("qwen3_moe", qwen3, _top_k(Qwen3MoeTopKRouter, qwen3)),
        Family("olmoe", olmoe, _top_k(OlmoeTopKRouter, olmoe)),
        Family("granitemoe", granite, _top_k(GraniteMoeTopKRouter, granite)),
        Family("gpt_oss", gpt_oss, _top_k(GptOssTopKRouter, gpt_oss)),
        Family("llama4", llama4, _llama4(llama4)),
        Family("phimoe", phimoe, _top_k(PhimoeTopKRouter, phimoe)),
        Family("hunyuan_v1_moe", hunyuan, _hunyuan(hunyuan)),
        Family("dbrx, sum", dbrx[0], _dbrx(dbrx[0])),
        Family("dbrx, 2-norm", dbrx[1], _dbrx(dbrx[1])),
        Family("deepseek_v2, greedy", greedy, _top_k(DeepseekV2TopkRouter, greedy), sorted=False),
        Family("deepseek_v2, groups", limited, _top_k(DeepseekV2TopkRouter, limited), sorted=False),
        Family("deepseek_v3", deepseek_v3, _top_k(DeepseekV3TopkRouter, deepseek_v3), **by_bias),
        Family("deepseek_v4", _V4, _top_k(DeepseekV4TopKRouter, _V4), **by_bias),
        Family("glm4_moe", glm4, _top_k(Glm4MoeTopkRouter, glm4), **by_bias),
        Family("mimo_v2_flash", mimo, _top_k(MiMoV2FlashTopkRouter, mimo), **by_bias),
        Family("nemotron_h", nemotron, _top_k(NemotronHTopkRouter, nemotron), **by_bias),
        Family("minimax_m2", minimax, _minimax(minimax), **by_bias),
        Family("step3p7", step, _step(step), **by_bias),
    ]


def random_logits(tokens: int, seed: int) -> np.ndarray:
    """Logits whose gaps within a row are far above fp32 rounding, in random order: no ties."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(-3, 3, EXPERTS) + rng.uniform(-0.05, 0.05, (tokens, EXPERTS))
    return np.ascontiguousarray(rng.permuted(grid, axis=1), dtype=np.float32)


def tied_logits(tokens: int, seed: int) -> np.ndarray:
    """Quarters between -2 and 2: most rows have ties, many of them at the last place."""
    return (np.random.default_rng(seed).integers(-8, 9, (tokens, EXPERTS)) / 4).astype(np.float32)


def random_bias(seed: int) -> np.ndarray:
    """Of the size that training leaves behind."""
    return (0.05 * np.random.default_rng(seed).standard_normal(EXPERTS)).astype(np.float32)
