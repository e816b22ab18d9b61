"""Twelve complex numbers as one value of compiled code: six vectors of four float64, for any CPU that LLVM knows.

In memory, too, they are 24 numbers: the real parts of four, their imaginary parts, and so on for three groups of
four. Numba's own loops stay scalar, and a vector that lives in registers from the first parent of a state to its
division needs a type; arrays are contiguous float64, indices are not checked.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

GROUP, GROUPS = 4, 3
NODES = GROUP * GROUPS
WIDTH = 2 * NODES
DOUBLE, INT = ir.DoubleType(), ir.IntType(32)
VECTOR = ir.VectorType(DOUBLE, GROUP)


class LanesType(types.Type):
    """The type; arrays of it do not exist."""

    def __init__(self):
        super().__init__(name="twelve complex lanes")


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """Six vectors side by side, which LLVM keeps in registers."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.ArrayType(VECTOR, 2 * GROUPS))


LANES = LanesType()


def interleaved(values: np.ndarray) -> np.ndarray:
    """(..., 12) complex numbers as (..., 24) real ones in the order of the lanes."""
    parts = values.view(float).reshape(-1, GROUPS, GROUP, 2)
    return np.ascontiguousarray(parts.swapaxes(-1, -2)).reshape(*values.shape[:-1], WIDTH)


@intrinsic
def alike(typing, real):
    """The same real number in every lane."""

    def generate(context, builder, signature, arguments):
        one, zero = _splat(builder, arguments[0]), ir.Constant(VECTOR, [0.0] * GROUP)
        return _join(builder, [one, zero] * GROUPS)

    return LANES(real), generate


@intrinsic
def plus(typing, lanes, values, place):
    """Lanes + values[place : place + 24]."""

    def generate(context, builder, signature, arguments):
        lanes, values, place = arguments
        data = _data(context, builder, signature.args[1], values)
        parts = _split(builder, lanes)
        return _join(builder, [builder.fadd(p, _load(builder, data, place, k)) for k, p in enumerate(parts)])

    return LANES(lanes, values, place), generate


@intrinsic
def plus_times(typing, lanes, rate, values, place):
    """Lanes + rate * values[place : place + 24]."""

    def generate(context, builder, signature, arguments):
        lanes, rate, values, place = arguments
        data, factor = _data(context, builder, signature.args[2], values), _splat(builder, rate)
        found = []
        for k, part in enumerate(_split(builder, lanes)):
            found.append(_times_plus(builder, factor, _load(builder, data, place, k), part))
        return _join(builder, found)

    return LANES(lanes, rate, values, place), generate


@intrinsic
def over(typing, lanes, points, rate, factor):
    """Factor * lanes / (points + rate)."""

    def generate(context, builder, signature, arguments):
        lanes, points, rate, factor = arguments
        data, shift = _data(context, builder, signature.args[1], points), _splat(builder, rate)
        parts, zero, found = _split(builder, lanes), ir.Constant(ir.IntType(64), 0), []
        for k in range(0, 2 * GROUPS, 2):
            x = builder.fadd(_load(builder, data, zero, k), shift)
            y = _load(builder, data, zero, k + 1)
            square = _sum_of_products(builder, (x, x), (y, y))
            scale = builder.fdiv(_splat(builder, factor), square)
            a, b = (builder.fmul(part, scale) for part in parts[k : k + 2])
            found.append(_sum_of_products(builder, (a, x), (b, y)))
            found.append(_times_plus(builder, b, x, builder.fneg(builder.fmul(a, y))))
        return _join(builder, found)

    return LANES(lanes, points, rate, factor), generate


@intrinsic
def keep(typing, lanes, values, place):
    """values[place : place + 24] := lanes."""

    def generate(context, builder, signature, arguments):
        lanes, values, place = arguments
        data = _data(context, builder, signature.args[1], values)
        for k, part in enumerate(_split(builder, lanes)):
            builder.store(part, _pointer(builder, data, place, k), align=8)
        return context.get_dummy_value()

    return types.void(lanes, values, place), generate


@intrinsic
def total(typing, lanes, weights):
    """Sum of lanes * weights[:24], real."""

    def generate(context, builder, signature, arguments):
        lanes, weights = arguments
        data, zero = _data(context, builder, signature.args[1], weights), ir.Constant(ir.IntType(64), 0)
        parts = _split(builder, lanes)
        found = [builder.fmul(part, _load(builder, data, zero, k)) for k, part in enumerate(parts[:2])]
        for k in range(2, 2 * GROUPS):
            found[k % 2] = _times_plus(builder, parts[k], _load(builder, data, zero, k), found[k % 2])
        return _sum(builder, builder.fadd(*found))

    return types.float64(lanes, weights), generate


def _times_plus(builder, a, b, c):
    """a b + c, in one instruction where there is one."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _sum_of_products(builder, one, other):
    return _times_plus(builder, *one, builder.fmul(*other))


def _sum(builder, vector):
    half = GROUP // 2
    while half:
        places = ir.Constant(ir.VectorType(INT, half), list(range(half)))
        upper = ir.Constant(ir.VectorType(INT, half), list(range(half, 2 * half)))
        low, high = (builder.shuffle_vector(vector, vector, p) for p in (places, upper))
        vector, half = builder.fadd(low, high), half // 2
    return builder.extract_element(vector, ir.Constant(INT, 0))


def _data(context, builder, kind, array):
    return context.make_array(kind)(context, builder, array).data


def _pointer(builder, data, place, k):
    first = builder.gep(data, [builder.add(place, ir.Constant(place.type, k * GROUP))])
    return builder.bitcast(first, VECTOR.as_pointer())


def _load(builder, data, place, k):
    return builder.load(_pointer(builder, data, place, k), align=8)


def _split(builder, lanes):
    return [builder.extract_value(lanes, k) for k in range(2 * GROUPS)]


def _join(builder, parts):
    lanes = ir.Constant(ir.ArrayType(VECTOR, 2 * GROUPS), ir.Undefined)
    for k, part in enumerate(parts):
        lanes = builder.insert_value(lanes, part, k)
    return lanes


def _splat(builder, value):
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(INT, GROUP), [0] * GROUP))
