"""MONTE CARLO: engines that draw from the chain; never import the exact laws."""
