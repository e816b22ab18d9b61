"""Vectors of float64 for the compiled sweeps: load, shuffle, add, store, for any CPU that LLVM knows.

Numba's short loops stay scalar (superword vectorisation is off there), so the steps the sweeps consist of are written
in LLVM's own vectors. Sixteen states make a type of their own, whose sums stay in registers from the first parent
to the division. All arrays are contiguous float64; indices are not checked.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

from .llvm import BYTE, INT, constant, data, load, mask, pointer, splat, vector

WIDTH = 16
LINE = 8  # float64 in a cache line


class SixteenType(types.Type):
    """Sixteen float64 in registers; arrays of it do not exist."""

    def __init__(self):
        super().__init__(name="sixteen float64")


@register_model(SixteenType)
class SixteenModel(models.PrimitiveModel):
    """One LLVM vector."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, vector(WIDTH))


SIXTEEN = SixteenType()


@intrinsic
def alike(typing, number):
    """The same number sixteen times."""

    def generate(context, builder, signature, arguments):
        return splat(builder, arguments[0], WIDTH)

    return SIXTEEN(types.float64), generate


@intrinsic
def plus(typing, total, values, place):
    """Total + values[place : place + 16]."""

    def generate(context, builder, signature, arguments):
        total, values, place = arguments
        return builder.fadd(total, _load(context, builder, signature.args[1], values, place, WIDTH))

    return SIXTEEN(total, values, place), generate


@intrinsic
def plus_ratios(typing, total, values, place, divisors, there):
    """Total + values[place : place + 16] / divisors[there : there + 16], nothing where either is not positive."""

    def generate(context, builder, signature, arguments):
        total, values, place, divisors, there = arguments
        over = _load(context, builder, signature.args[1], values, place, WIDTH)
        under = _load(context, builder, signature.args[3], divisors, there, WIDTH)
        zero = constant(WIDTH)
        sound = builder.and_(builder.fcmp_ordered(">", over, zero), builder.fcmp_ordered(">", under, zero))
        return builder.fadd(total, builder.select(sound, builder.fdiv(over, under), zero))

    return SIXTEEN(total, values, place, divisors, there), generate


@intrinsic
def ratio(typing, total, divisors, place):
    """Total / divisors[place : place + 16], zero where these are not positive."""

    def generate(context, builder, signature, arguments):
        total, divisors, place = arguments
        under = _load(context, builder, signature.args[1], divisors, place, WIDTH)
        zero = constant(WIDTH)
        return builder.select(builder.fcmp_ordered(">", under, zero), builder.fdiv(total, under), zero)

    return SIXTEEN(total, divisors, place), generate


@intrinsic(prefer_literal=True)
def plus_repeated(typing, total, values, place, stride):
    """Total + values[place : place + 8], runs of `stride` (1, 2, 4 or 8) of them given twice: the parents, N = 2."""
    step = stride.literal_value
    places = [k // (2 * step) * step + k % step for k in range(WIDTH)]

    def generate(context, builder, signature, arguments):
        total, values, place, _ = arguments
        half = _load(context, builder, signature.args[1], values, place, WIDTH // 2)
        return builder.fadd(total, builder.shuffle_vector(half, half, mask(places)))

    return SIXTEEN(total, values, place, stride), generate


@intrinsic(prefer_literal=True)
def plus_pairs(typing, total, values, place, stride):
    """Total + sums of two out of values[place : place + 32], `stride` (1, 2, 4 or 8) apart: the children, N = 2."""
    step = stride.literal_value
    places = [k // step * 2 * step + k % step for k in range(WIDTH)]

    def generate(context, builder, signature, arguments):
        total, values, place, _ = arguments
        after = builder.add(place, ir.Constant(place.type, WIDTH))
        low, high = (_load(context, builder, signature.args[1], values, p, WIDTH) for p in (place, after))
        zero = builder.shuffle_vector(low, high, mask(places))
        one = builder.shuffle_vector(low, high, mask([p + step for p in places]))
        return builder.fadd(total, builder.fadd(zero, one))

    return SIXTEEN(total, values, place, stride), generate


@intrinsic
def keep(typing, total, values, place):
    """values[place : place + 16] := total."""

    def generate(context, builder, signature, arguments):
        total, values, place = arguments
        builder.store(total, _pointer(context, builder, signature.args[1], values, place, WIDTH), align=8)
        return context.get_dummy_value()

    return types.void(total, values, place), generate


@intrinsic
def pass_on(typing, flow, exits, values, place):
    """values[place : place + 16] *= flow / exits, and zero where exits are zero."""

    def generate(context, builder, signature, arguments):
        flow, exits, values, place = arguments
        here = _pointer(context, builder, signature.args[2], values, place, WIDTH)
        zero = constant(WIDTH)
        quotient = builder.fdiv(builder.fmul(flow, builder.load(here, align=8)), exits)
        builder.store(builder.select(builder.fcmp_ordered(">", exits, zero), quotient, zero), here, align=8)
        return context.get_dummy_value()

    return types.void(flow, exits, values, place), generate


@intrinsic
def fetch(typing, values, place):
    """Ask for values[place : place + 16] ahead of time; `place` may lie outside."""

    def generate(context, builder, signature, arguments):
        values, place = arguments
        kind = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer(), INT, INT, INT])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [BYTE.as_pointer()], kind)
        for k in range(0, WIDTH, LINE):
            there = builder.add(place, ir.Constant(place.type, k))
            line = builder.gep(data(context, builder, signature.args[0], values), [there])
            builder.call(
                prefetch, [builder.bitcast(line, BYTE.as_pointer()), *(ir.Constant(INT, n) for n in (0, 3, 1))]
            )
        return context.get_dummy_value()

    return types.void(values, place), generate


@intrinsic
def add(typing, to, a, source, b):
    """to[a : a + 8] += source[b : b + 8]."""

    def generate(context, builder, signature, arguments):
        to, a, source, b = arguments
        here = _pointer(context, builder, signature.args[0], to, a, 8)
        there = _load(context, builder, signature.args[2], source, b, 8)
        builder.store(builder.fadd(builder.load(here, align=8), there), here, align=8)
        return context.get_dummy_value()

    return types.void(to, a, source, b), generate


@intrinsic
def divide(typing, values, real, imaginary, points, k, nodes, rate):
    """Eight complex numbers, real parts at `real` and imaginary ones at `imaginary`, over (s + rate).

    The nodes s are points[k : k + 8] + i points[nodes + k : nodes + k + 8].
    """

    def generate(context, builder, signature, arguments):
        values, real, imaginary, points, k, nodes, rate = arguments
        x = _load(context, builder, signature.args[3], points, k, 8)
        y = _load(context, builder, signature.args[3], points, builder.add(k, nodes), 8)
        x = builder.fadd(x, splat(builder, rate, 8))
        re, im = (_pointer(context, builder, signature.args[0], values, place, 8) for place in (real, imaginary))
        square = builder.fadd(builder.fmul(x, x), builder.fmul(y, y))
        scale = builder.fdiv(constant(8, 1.0), square)
        a, b = (builder.fmul(builder.load(part, align=8), scale) for part in (re, im))
        builder.store(builder.fadd(builder.fmul(a, x), builder.fmul(b, y)), re, align=8)
        builder.store(builder.fsub(builder.fmul(b, x), builder.fmul(a, y)), im, align=8)
        return context.get_dummy_value()

    return types.void(values, real, imaginary, points, k, nodes, rate), generate


def _pointer(context, builder, kind, array, index, size):
    return pointer(builder, data(context, builder, kind, array), index, size)


def _load(context, builder, kind, array, index, size):
    return load(builder, data(context, builder, kind, array), index, size)
