"""The chip's arithmetic on arrays, against NumPy and Python's own exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lpusim import _core

ARITHMETIC = _core.chip


def bits(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).view(np.uint16)


def nearest_fp32(exact: Fraction) -> np.float32:
    """From the definition: the nearest of three neighbours, the even one of two."""
    guess = np.float32(float(exact))
    near = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(near, key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(np.uint32)) & 1))


def test_every_fp16_function_value_is_numpys_double_rounded_once():
    every = np.arange(65_536, dtype=np.uint16)
    wide = every.view(np.float16).astype(np.float64)
    with np.errstate(all="ignore"):
        expected = {"exp": np.exp(wide), "rsqrt": 1 / np.sqrt(wide), "tanh": np.tanh(wide)}
        for name, truth in expected.items():
            got = ARITHMETIC.vector_function(name, every).view(np.float16)
            np.testing.assert_array_equal(got, truth.astype(np.float16), err_msg=name)


def test_fp32_functions_keep_their_shape_and_are_near_numpys():
    x = np.linspace(-20, 20, 2002, dtype=np.float32).reshape(2, 1001)
    got = ARITHMETIC.vector_function("exp", x)
    np.testing.assert_allclose(got, np.exp(x.astype(np.float64)), rtol=2**-24 * 1.0001)


def test_an_unknown_function_is_refused_and_a_wrong_type_too():
    with pytest.raises(ValueError, match="exp, rsqrt and tanh, not 'sin'"):
        ARITHMETIC.vector_function("sin", np.zeros(1, np.float32))
    with pytest.raises(TypeError):
        ARITHMETIC.vector_function("exp", np.zeros(1, np.float64))


@pytest.mark.parametrize(("lanes", "roundings"), [(8, 1), (8, 2), (5, 1)])
def test_fp16_products_are_exact_per_part_and_added_in_order(lanes: int, roundings: int):
    random = np.random.default_rng(3)
    a, w = random.normal(size=(3, 20)), random.normal(size=(20, 4))
    a, w = a.astype(np.float16), w.astype(np.float16)
    got = ARITHMETIC.exact_matmul(bits(a), bits(w), lanes=lanes, roundings=roundings)
    part = lanes // roundings
    for row in range(3):
        for column in range(4):
            products = [
                Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a[row], w[:, column], strict=True)
            ]
            total = np.float32(0)
            for start in range(0, 20, lanes):
                one_pass = np.float32(0)
                for first in range(start, start + lanes, part):
                    one_pass += nearest_fp32(sum(products[first : min(first + part, 20)], Fraction(0)))
                total += one_pass
            assert got[row, column] == total


def test_one_rounding_over_all_keeps_what_passes_lose():
    a = np.array([[4096, 1, -4096]], np.float16)
    w = np.array([[8192], [1], [8192]], np.float16)
    assert ARITHMETIC.exact_matmul(bits(a), bits(w), lanes=1).item() == 0.0
    assert ARITHMETIC.exact_matmul(bits(a), bits(w), lanes=1, wide=True).item() == 1.0


def test_fp8_products_and_conversions():
    values = np.array([[0.5, -448, 1e9], [2**-9, 0.0, 1.125]], np.float32)
    narrow = ARITHMETIC.fp8_from_fp32(values)
    assert ARITHMETIC.fp32_from_fp8(narrow).tolist() == [[0.5, -448, 448], [2**-9, 0.0, 1.125]]
    product = ARITHMETIC.exact_matmul(narrow, np.ascontiguousarray(narrow.T), lanes=320)
    assert product[0, 0] == np.float32(0.25 + 2 * 448**2)
    assert product[1, 0] == np.float32(2**-10 + 448 * 1.125)


def test_matrices_that_do_not_fit_are_refused():
    one = np.zeros((2, 3), np.uint16)
    with pytest.raises(ValueError, match="same k"):
        ARITHMETIC.exact_matmul(one, one)
    with pytest.raises(ValueError, match="multiple of roundings"):
        ARITHMETIC.exact_matmul(one, one.T.copy(), lanes=5, roundings=2)
