"""Vectors of eight float64 for the compiled sweeps: load, shuffle, add, store, for any CPU that LLVM knows.

Numba's short loops stay scalar (superword vectorisation is off there), so the four steps the sweeps consist of
are written in LLVM's own vectors. All arrays are contiguous float64; indices are not checked.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

DOUBLE, INT = ir.DoubleType(), ir.IntType(32)
BINARY_PARENTS = ([0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 0, 1, 2, 3, 2, 3], [0, 1, 2, 3, 0, 1, 2, 3])
BINARY_CHILDREN = {  # stride -> the places of token 0 among sixteen children; token 1 follows `stride` later
    1: [0, 2, 4, 6, 8, 10, 12, 14],
    2: [0, 1, 4, 5, 8, 9, 12, 13],
    4: [0, 1, 2, 3, 8, 9, 10, 11],
}


@intrinsic
def add(typing, to, a, source, b):
    """to[a : a + 8] += source[b : b + 8]."""

    def generate(context, builder, signature, arguments):
        to, a, source, b = arguments
        here = _pointer(context, builder, signature.args[0], to, a, 8)
        there = _pointer(context, builder, signature.args[2], source, b, 8)
        _increase(builder, here, _load(builder, there))
        return context.get_dummy_value()

    return types.void(to, a, source, b), generate


@intrinsic
def add_twice(typing, to, a, b, source, c):
    """to[a : a + 8] and to[b : b + 8] += source[c : c + 8]."""

    def generate(context, builder, signature, arguments):
        to, a, b, source, c = arguments
        amount = _load(builder, _pointer(context, builder, signature.args[3], source, c, 8))
        for place in (a, b):
            _increase(builder, _pointer(context, builder, signature.args[0], to, place, 8), amount)
        return context.get_dummy_value()

    return types.void(to, a, b, source, c), generate


@intrinsic
def pass_on(typing, potential, a, flow, exits):
    """potential[a : a + 8] *= flow[a : a + 8] / exits[a : a + 8], and zero where exits are zero."""

    def generate(context, builder, signature, arguments):
        potential, a, flow, exits = arguments
        here = _pointer(context, builder, signature.args[0], potential, a, 8)
        h = _load(builder, _pointer(context, builder, signature.args[2], flow, a, 8))
        s = _load(builder, _pointer(context, builder, signature.args[3], exits, a, 8))
        zero = ir.Constant(s.type, [0.0] * 8)
        quotient = builder.fdiv(builder.fmul(h, _load(builder, here)), s)
        builder.store(builder.select(builder.fcmp_ordered(">", s, zero), quotient, zero), here, align=8)
        return context.get_dummy_value()

    return types.void(potential, a, flow, exits), generate


@intrinsic
def divide(typing, values, real, imaginary, points, k, nodes, rate):
    """Eight complex numbers, real parts at `real` and imaginary ones at `imaginary`, over (s + rate).

    The nodes s are points[k : k + 8] + i points[nodes + k : nodes + k + 8].
    """

    def generate(context, builder, signature, arguments):
        values, real, imaginary, points, k, nodes, rate = arguments
        x = _load(builder, _pointer(context, builder, signature.args[3], points, k, 8))
        y = _load(builder, _pointer(context, builder, signature.args[3], points, builder.add(k, nodes), 8))
        x = builder.fadd(x, _splat(builder, rate))
        re, im = (_pointer(context, builder, signature.args[0], values, place, 8) for place in (real, imaginary))
        square = builder.fadd(builder.fmul(x, x), builder.fmul(y, y))
        scale = builder.fdiv(ir.Constant(x.type, [1.0] * 8), square)
        a, b = (builder.fmul(_load(builder, part), scale) for part in (re, im))
        builder.store(builder.fadd(builder.fmul(a, x), builder.fmul(b, y)), re, align=8)
        builder.store(builder.fsub(builder.fmul(b, x), builder.fmul(a, y)), im, align=8)
        return context.get_dummy_value()

    return types.void(values, real, imaginary, points, k, nodes, rate), generate


@intrinsic
def add_sum(typing, to, a, source, b, c):
    """to[a : a + 8] += source[b : b + 8] + source[c : c + 8]."""

    def generate(context, builder, signature, arguments):
        to, a, source, b, c = arguments
        here = _pointer(context, builder, signature.args[0], to, a, 8)
        one = _load(builder, _pointer(context, builder, signature.args[2], source, b, 8))
        other = _load(builder, _pointer(context, builder, signature.args[2], source, c, 8))
        _increase(builder, here, builder.fadd(one, other))
        return context.get_dummy_value()

    return types.void(to, a, source, b, c), generate


@intrinsic
def add_binary_parents(typing, to, a, source, first, second, third):
    """Eight states of a block, N = 2: += their parents at strides 1, 2 and 4, four from each place in `source`."""

    def generate(context, builder, signature, arguments):
        to, a, source, *parents = arguments
        here, total = _pointer(context, builder, signature.args[0], to, a, 8), None
        for parent, places in zip(parents, BINARY_PARENTS, strict=True):
            four = _load(builder, _pointer(context, builder, signature.args[2], source, parent, 4))
            eight = builder.shuffle_vector(four, four, _mask(places))
            total = eight if total is None else builder.fadd(total, eight)
        _increase(builder, here, total)
        return context.get_dummy_value()

    return types.void(to, a, source, first, second, third), generate


@intrinsic
def add_binary_children(typing, to, a, child, b, stride):
    """Eight states of a block, N = 2: += the sums over their two tokens at stride 1, 2 or 4, sixteen from place b."""

    def generate(context, builder, signature, arguments):
        to, a, child, b, stride = arguments
        here = _pointer(context, builder, signature.args[0], to, a, 8)
        low = _load(builder, _pointer(context, builder, signature.args[2], child, b, 8))
        after = builder.add(b, ir.Constant(b.type, 8))
        high = _load(builder, _pointer(context, builder, signature.args[2], child, after, 8))
        total = None
        for step, places in BINARY_CHILDREN.items():
            zero = builder.shuffle_vector(low, high, _mask(places))
            one = builder.shuffle_vector(low, high, _mask([p + step for p in places]))
            both, this = builder.fadd(zero, one), builder.icmp_unsigned("==", stride, ir.Constant(stride.type, step))
            total = both if total is None else builder.select(this, both, total)
        _increase(builder, here, total)
        return context.get_dummy_value()

    return types.void(to, a, child, b, stride), generate


def _pointer(context, builder, kind, array, index, lanes):
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(DOUBLE, lanes).as_pointer())


def _splat(builder, value):
    one = builder.insert_element(ir.Constant(ir.VectorType(DOUBLE, 8), ir.Undefined), value, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, one, _mask([0] * 8))


def _load(builder, pointer):
    return builder.load(pointer, align=8)


def _increase(builder, pointer, amount):
    builder.store(builder.fadd(_load(builder, pointer), amount), pointer, align=8)


def _mask(places):
    return ir.Constant(ir.VectorType(INT, len(places)), places)
