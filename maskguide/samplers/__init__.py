"""Monte Carlo: engines that draw from the chain. They never import the exact laws."""
