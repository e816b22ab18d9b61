"""Compiled building blocks: SIMD vectors, elementary functions, Philox words, threads. Numba loads with its modules."""
