"""What is sampled: class-conditional data laws, priors and the target class."""
