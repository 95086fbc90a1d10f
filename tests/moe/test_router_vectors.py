"""Routers against committed results of transformers; tests/reference/vectors.py wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lpusim.moe import RouterSpec, route

VECTORS = json.loads((Path(__file__).parent / "router_vectors.json").read_text())
INPUTS = {name: np.array(values, np.float32) / 64 for name, values in VECTORS["inputs"].items()}


@pytest.mark.parametrize("name", VECTORS["families"])
@pytest.mark.parametrize("kind", ["spread", "close"])
def test_ids_and_weights_are_those_of_transformers(name, kind):
    family = VECTORS["families"][name]
    routing = route(INPUTS[kind], RouterSpec(**family["spec"]), INPUTS["bias"] if family["biased"] else None)
    order = np.argsort(routing.ids, axis=1)
    assert np.take_along_axis(routing.ids, order, axis=1).tolist() == family[kind]["ids"]
    weights = np.take_along_axis(routing.weights, order, axis=1)
    np.testing.assert_allclose(weights, family[kind]["weights"], rtol=1e-6, atol=1e-6)
