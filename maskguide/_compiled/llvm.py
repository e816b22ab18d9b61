"""What the vector types share: loads, stores, shuffles and constants of LLVM vectors of float64."""

from __future__ import annotations

from llvmlite import ir

DOUBLE, INT, PLACE, BYTE = ir.DoubleType(), ir.IntType(32), ir.IntType(64), ir.IntType(8)


def vector(size):
    """The type of so many float64."""
    return ir.VectorType(DOUBLE, size)


def constant(size, value=0.0):
    """The same number in every place."""
    return ir.Constant(vector(size), [value] * size)


def mask(places):
    """Which places a shuffle takes."""
    return ir.Constant(ir.VectorType(INT, len(places)), places)


def splat(builder, value, size):
    """A number that is known at run time in every place."""
    one = builder.insert_element(ir.Constant(vector(size), ir.Undefined), value, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, one, mask([0] * size))


def data(context, builder, kind, array):
    """Pointer to the first number of an array."""
    return context.make_array(kind)(context, builder, array).data


def pointer(builder, start, place, size):
    """Pointer to the vector at start[place]."""
    return builder.bitcast(builder.gep(start, [place]), vector(size).as_pointer())


def load(builder, start, place, size):
    """The vector at start[place]."""
    return builder.load(pointer(builder, start, place, size), align=8)
