"""The largest batch size that fits, by doubling and then bisection."""

from __future__ import annotations

from collections.abc import Callable


def largest_that_fits(fits: Callable[[int], bool], at_most: int) -> int:
    """The largest size from 1 to ``at_most`` for which ``fits`` holds, if it holds for all below it; 0 if for none.

    A size that does not fit may cost a process its life, so few of those are tried: at most one while doubling, and
    about half of the steps that follow.
    """
    good, bad = 0, at_most + 1
    size = 1
    while size < bad:
        if not fits(size):
            bad = size
            break
        good, size = size, max(size + 1, min(2 * size, at_most))
    while bad - good > 1:
        size = (good + bad) // 2
        if fits(size):
            good = size
        else:
            bad = size
    return good
