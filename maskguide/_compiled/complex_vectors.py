"""Ten or twelve complex numbers as one value of compiled code: vectors of float64, for any CPU that LLVM knows.

In memory, too, they are 20 or 24 numbers: eight real parts, their imaginary parts, then the real and the imaginary
parts of the others. Numba's own loops stay scalar, and a vector that lives in registers from the first parent of a
state to its division needs a type; arrays are contiguous float64, indices are not checked. How many they are is the
length of a tuple, so that each number has code of its own.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

from .llvm import INT, PLACE, constant, data, load, mask, pointer, splat, vector

EIGHT = 8


class ComplexVectorType(types.Type):
    """The type; arrays of it do not exist."""

    def __init__(self, nodes: int):
        self.nodes = nodes
        super().__init__(name=f"{nodes} complex numbers")


@register_model(ComplexVectorType)
class ComplexVectorModel(models.PrimitiveModel):
    """Three vectors side by side, which LLVM keeps in registers."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.LiteralStructType([vector(n) for n in _sizes(kind)]))


def interleaved(values: np.ndarray) -> np.ndarray:
    """(..., nodes) complex numbers as (..., 2 nodes) real ones in that order."""
    first, rest = values[..., :EIGHT], values[..., EIGHT:]
    return np.concatenate([np.real(first), np.imag(first), np.real(rest), np.imag(rest)], axis=-1)


def divisors(points: np.ndarray) -> np.ndarray:
    """(nodes,) complex numbers as `over` takes them: the last ones' real parts twice, then +- their imaginary parts."""
    first, rest = points[:EIGHT], points[EIGHT:]
    twice, turned = [np.real(rest)] * 2, [np.imag(rest), -np.imag(rest)]
    return np.concatenate([np.real(first), np.imag(first), *twice, *turned])


@intrinsic
def alike(typing, real, nodes):
    """The same real number in every place; as many as `nodes` has elements."""
    kind = ComplexVectorType(len(nodes))

    def generate(context, builder, signature, arguments):
        rest = _sizes(kind)[2]
        one = splat(builder, arguments[0], EIGHT)
        last = builder.shuffle_vector(one, constant(EIGHT), mask([0] * (rest // 2) + [EIGHT] * (rest // 2)))
        return _join(builder, [one, constant(EIGHT), last])

    return kind(types.float64, nodes), generate


@intrinsic
def plus(typing, numbers, values, place):
    """Numbers + those at values[place]."""

    def generate(context, builder, signature, arguments):
        numbers, values, place = arguments
        others = _loads(context, builder, signature, 1, values, place)
        return _join(builder, [builder.fadd(a, b) for a, b in zip(_split(builder, numbers), others, strict=True)])

    return numbers(numbers, values, place), generate


@intrinsic
def over(typing, numbers, points, rate, factor):
    """Factor * numbers / (points + rate), points as of `divisors`; factor/|points + rate|^4 must not overflow.

    One division does for two vectors of squares: it costs more than all the rest.
    """

    def generate(context, builder, signature, arguments):
        numbers, points, rate, factor = arguments
        start, (a, b, v) = data(context, builder, signature.args[1], points), _split(builder, numbers)
        rest, at = v.type.count, [0, EIGHT, 2 * EIGHT, 2 * EIGHT + v.type.count]
        x, y, xx, yy = (load(builder, start, _place(p), n) for p, n in zip(at, [EIGHT, EIGHT, rest, rest], strict=True))
        x, xx = (builder.fadd(part, splat(builder, rate, part.type.count)) for part in (x, xx))
        square, last = _sum_of_products(builder, (x, x), (y, y)), _sum_of_products(builder, (xx, xx), (yy, yy))
        wide = builder.shuffle_vector(last, last, mask([k % rest for k in range(EIGHT)]))
        share = builder.fdiv(splat(builder, factor, EIGHT), builder.fmul(square, wide))
        scale, final = builder.fmul(share, wide), builder.fmul(share, square)
        final = builder.shuffle_vector(final, final, mask(list(range(rest // 2)) * 2))
        a, b, v = builder.fmul(a, scale), builder.fmul(b, scale), builder.fmul(v, final)
        turned = builder.shuffle_vector(v, v, mask([(k + rest // 2) % rest for k in range(rest)]))
        return _join(
            builder,
            [
                _sum_of_products(builder, (a, x), (b, y)),
                _times_plus(builder, b, x, builder.fneg(builder.fmul(a, y))),
                _sum_of_products(builder, (v, xx), (turned, yy)),
            ],
        )

    return numbers(numbers, points, rate, factor), generate


@intrinsic
def times(typing, numbers, factor):
    """Numbers times a real one."""

    def generate(context, builder, signature, arguments):
        numbers, factor = arguments
        parts = _split(builder, numbers)
        return _join(builder, [builder.fmul(part, splat(builder, factor, part.type.count)) for part in parts])

    return numbers(numbers, factor), generate


@intrinsic
def keep(typing, numbers, values, place):
    """Put the numbers at values[place]."""

    def generate(context, builder, signature, arguments):
        numbers, values, place = arguments
        start, at = data(context, builder, signature.args[1], values), 0
        for part in _split(builder, numbers):
            builder.store(part, pointer(builder, start, _after(builder, place, at), part.type.count), align=8)
            at += part.type.count
        return context.get_dummy_value()

    return types.void(numbers, values, place), generate


@intrinsic
def total(typing, numbers, weights):
    """The real sum of numbers * weights, part by part."""

    def generate(context, builder, signature, arguments):
        numbers, weights = arguments
        a, b, c = _loads(context, builder, signature, 1, weights, _place(0))
        x, y, z = _split(builder, numbers)
        first, last = _sum_of_products(builder, (a, x), (b, y)), builder.fmul(c, z)
        return _sum(builder, builder.fadd(_half_sum(builder, first), _until(builder, last, EIGHT // 2)))

    return types.float64(numbers, weights), generate


def _sizes(kind):
    return EIGHT, EIGHT, 2 * (kind.nodes - EIGHT)


def _times_plus(builder, a, b, c):
    """a b + c, in one instruction where there is one."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _sum_of_products(builder, one, other):
    return _times_plus(builder, *one, builder.fmul(*other))


def _half_sum(builder, terms):
    half = terms.type.count // 2
    low, high = (builder.shuffle_vector(terms, terms, mask([p + k for k in range(half)])) for p in (0, half))
    return builder.fadd(low, high)


def _until(builder, terms, size):
    while terms.type.count > size:
        terms = _half_sum(builder, terms)
    return terms


def _sum(builder, terms):
    return builder.extract_element(_until(builder, terms, 1), ir.Constant(INT, 0))


def _place(k):
    return ir.Constant(PLACE, k)


def _after(builder, place, k):
    return builder.add(place, ir.Constant(place.type, k))


def _loads(context, builder, signature, which, values, place):
    """The three vectors at values[place], as many as the first argument has."""
    start, (a, b, c) = data(context, builder, signature.args[which], values), _sizes(signature.args[0])
    return [load(builder, start, _after(builder, place, k), n) for k, n in ((0, a), (a, b), (a + b, c))]


def _split(builder, numbers):
    return [builder.extract_value(numbers, k) for k in range(3)]


def _join(builder, parts):
    numbers = ir.Constant(ir.LiteralStructType([part.type for part in parts]), ir.Undefined)
    for k, part in enumerate(parts):
        numbers = builder.insert_value(numbers, part, k)
    return numbers
