"""Small inputs through every router of transformers: writes tests/moe/router_vectors.json.

Run `.venv/bin/python tests/reference/vectors.py` once `make test-reference` has made that environment.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from families import EXPERTS, families

TOKENS = 4
FILE = Path(__file__).parent.parent / "moe" / "router_vectors.json"


def _inputs() -> dict[str, np.ndarray]:
    """Logits in 64ths without ties within a row: far apart, and close together for sparsemixer."""
    rng = np.random.default_rng(11)
    ranks = rng.permuted(np.tile(np.arange(EXPERTS), (TOKENS, 1)), axis=1)
    jitter = rng.integers(0, 6, (TOKENS, EXPERTS))
    return {
        "spread": ranks * 12 + jitter - 6 * EXPERTS,
        "close": ranks + 4 * 64,
        "bias": rng.integers(-6, 7, EXPERTS),
    }


def make_vectors() -> dict[str, Any]:
    """The file's content."""
    inputs = _inputs()
    bias = torch.from_numpy((inputs["bias"] / 64).astype(np.float32))
    made: dict[str, Any] = {
        "what": "Ids (ascending) and their weights of routers of transformers; logits and bias in 64ths.",
        "versions": {"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__},
        "inputs": {name: values.tolist() for name, values in inputs.items()},
        "families": {},
    }
    for family in families():
        entry: dict[str, Any] = {
            "spec": {
                field.name: getattr(family.spec, field.name)
                for field in dataclasses.fields(family.spec)
                if getattr(family.spec, field.name) != field.default
            },
            "biased": family.biased,
        }
        for kind in ("spread", "close"):
            logits = torch.from_numpy((inputs[kind] / 64).astype(np.float32))
            with torch.no_grad():
                ids, weights = family.route(logits, *([bias] if family.biased else []))
            order = ids.argsort(dim=1)
            entry[kind] = {
                "ids": ids.gather(1, order).tolist(),
                "weights": [[float(f"{w:.8g}") for w in row] for row in weights.gather(1, order).tolist()],
            }
        made["families"][family.name] = entry
    return made


if __name__ == "__main__":
    text = json.dumps(make_vectors(), separators=(",", ":"))
    # A line a row: small, and a change is seen.
    FILE.write_text(text.replace(',"', ',\n"').replace("],[", "],\n[") + "\n")
