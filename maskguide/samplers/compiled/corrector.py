"""Predictor-corrector: a tau-leap, then single revealed coordinates are masked and drawn again."""

from __future__ import annotations

from ..._compiled.jit import compiled
from ..task import CORRECTIONS
from .conditionals import assign, hazards, hide, refresh, row
from .draws import choose, uniforms
from .grid import close, meet
from .jumps import begin
from .two_stage import fire, hazard_met


@compiled
def leap_and_correct(model, state, key, first, record, grid, corrections):
    """Run the steps; `state.since` holds the tokens at the start of a step."""
    mask, length = model.vocab_size, model.length
    for n in range(record.tokens.shape[0]):
        masks, jumps = begin(model, state, key, first + n, record.tokens[n]), 0
        prompt = length - masks
        for i in range(length):
            state.given[i] = state.tokens[i] != mask
        for k in range(grid.end.size):
            meet(record, hazards(model, state, grid.weight[k]), grid.length[k])
            refresh(model, state)
            for i in range(length):
                state.since[i] = state.tokens[i]
                if state.tokens[i] == mask:
                    total = state.hazard[i]
                    cost = hazard_met(total, grid.length[k])
                    if state.energy[i] < cost:
                        total = row(model, state, i, grid.weight[k], state.rates)
                    masks -= fire(model, state, i, total, cost, record, n, grid.end[k])
            for c in range(corrections):
                if masks + prompt < length:
                    position, token = uniforms(key, first + n, k * corrections + c, CORRECTIONS)
                    i = nth(state, mask, int(position * (length - masks - prompt)))
                    redraw(model, state, i, grid.weight[k], token)
            changes = False
            for i in range(length):
                changes |= state.since[i] != state.tokens[i]
            jumps += changes
        close(record, n, state.tokens, mask, jumps)


@compiled
def nth(state, mask, count):
    """The coordinate with `count` revealed, not given ones before it."""
    found = -1
    for i in range(state.tokens.size):
        if state.tokens[i] != mask and not state.given[i]:
            found += 1
            if found == count:
                return i
    return 0


@compiled
def redraw(model, state, i, j, uniform):
    """Mask coordinate i and draw it again given the others; where no token is possible the old one stays."""
    token = state.tokens[i]
    hide(model, state, i)
    refresh(model, state)
    total = row(model, state, i, j, state.rates)
    assign(model, state, i, choose(state.rates, total, uniform) if total > 0 else token)
