"""The engine behind the laws of tables: sweeps, contours and tails over the lattice {0..N}^D, in numpy and compiled."""
