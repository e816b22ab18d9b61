"""Copy into your tests. It needs: pip install maskguide."""

import pytest
from mysampler import sample  # (denoiser, n, *, weight, num_steps, seed, dtype) -> tokens (n, D)

CLAIM = "normalized, ancestral, uniform t, log-linear"


def test_sampler_draws_what_it_claims(maskguide_check):
    """Some seconds; fails with the report and a diagnosis."""
    maskguide_check(sample, CLAIM, quick=True)


@pytest.mark.slow
def test_sampler_draws_what_it_claims_to_within_little(maskguide_check):
    """All cases, a finer tolerance, a large vocabulary: up to a few minutes."""
    maskguide_check(sample, CLAIM)
