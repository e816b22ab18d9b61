"""What reproduces a paper, a folder each: mathematics, study, masked counterpart, figures, verified numbers."""
