"""Where a layer puts its taps: holes, taps for each output, and the shift of pixel centres.

Letters: n inputs, m outputs, kernel k, stride s, dilation d, effective kernel ke = d*(k - 1) + 1;
`before` is the crop (transposed) or the padding (window) at the start. All exact, for sizes of any
magnitude; the only loops run over at most max(s, d) positions.
"""

from __future__ import annotations

from math import gcd

__all__ = ["blind", "hole", "spread_shift", "tap_counts", "window_shift"]


def tap_counts(k: int, s: int, d: int) -> tuple[int, ...]:
    """The numbers of taps that interior outputs of a transposed window get, ascending.

    Output x gets the taps q with d*q = x (mod s). Where s and d share a factor, only the phases
    that it divides get any. One number means no checkerboard (Odena et al. 2016).

    >>> tap_counts(3, 2, 1), tap_counts(4, 2, 1), tap_counts(3, 2, 2)
    ((1, 2), (2,), (0, 3))
    """
    common = gcd(s, d)
    phases = s // common
    low, high = k // phases, -(-k // phases)
    counts = {low, high} if common == 1 else {0, low, high}
    return tuple(sorted(counts))


def hole(n: int, m: int, k: int, s: int, d: int, before: int) -> bool:
    """Whether some output of a transposed window gets no tap at all.

    The taps lie at j*s + q*d for j < n and q < k; the outputs are `before .. before + m - 1`.

    >>> hole(4, 7, 3, 2, 1, 1), hole(4, 7, 1, 2, 1, 0), hole(2, 4, 2, 1, 2, 0)
    (False, True, False)
    """
    last = (n - 1) * s + d * (k - 1) - (before + m - 1)  # what is cropped after
    if before < 0 or last < 0:
        return True
    if n == 1 or s == 0:
        return _gap(before, m, 1, d)
    if k == 1:
        return _gap(before, m, 1, s)
    if d == 1:
        return _gap(before, m, k, s)
    if s == 1:
        return _gap(before, m, n, d)
    common = gcd(s, d)
    if common > 1:
        if m > 1 or before % common:
            return True
        return hole(n, m, k, s // common, d // common, before // common)
    # A window that holds every residue meets those that too few taps or inputs leave out.
    if (k < s and m >= s) or (n < d and m >= d):
        return True
    if k >= s and n >= d and m >= min(s, d):
        # Positions that no sum of s and d reaches end at s*d - s - d, seen from either end.
        largest = s * d - s - d
        return before <= largest or last <= largest
    return any(not _covered(x, n, k, s, d) for x in range(before, before + m))


def _gap(before: int, m: int, width: int, step: int) -> bool:
    """Whether a window of m leaves the blocks of `width` that start at every `step`."""
    if width >= step:
        return False
    end = before + m - 1
    return before // step != end // step or end % step >= width


def _covered(x: int, n: int, k: int, s: int, d: int) -> bool:
    """Whether x = j*s + q*d for some j < n, q < k; s and d have no common factor."""
    low = max(0, -(-(x - (n - 1) * s) // d))
    high = min(k - 1, x // d)
    residue = x * pow(d, -1, s) % s
    return low + (residue - low) % s <= high


def blind(n: int, m: int, k: int, s: int, d: int, before: int) -> bool:
    """Whether some window sees nothing but padding.

    >>> blind(4, 6, 3, 1, 1, 2), blind(4, 8, 3, 1, 1, 3)
    (False, True)
    """
    first, last = -before, (m - 1) * s - before
    if last > n - 1 or first + d * (k - 1) < 0:
        return True
    if n >= d or k == 1:
        return False
    # Fewer inputs than the taps are apart: a window that starts in the padding may step over all.
    negative = min(m, -(first // s)) if first < 0 else 0
    return any((first + i * s) % d > n - 1 for i in range(min(negative, d // gcd(s, d))))


def spread_shift(n: int, m: int, s: int) -> tuple[int, int, int]:
    """How far a transposed window shifts its outputs against a plain resize, in input pixels.

    Output i has its centre at (i + before - (ke - 1)/2)/s in input pixels, a plain resize at
    (i + 1/2)*n/m - 1/2. The difference is linear in i, so it is largest at an end; with
    before + after = (n - 1)*s + ke - m the kernel drops out.

    Returns:
        (base, weight, unit): the shift is (base + weight*|before - after|) / unit.

    >>> spread_shift(4, 7, 2)
    (6, 7, 28)
    """
    return (m - 1) * abs(s * n - m), m, 2 * s * m


def window_shift(n: int, m: int, s: int, factor: int = 1) -> tuple[int, int, int]:
    """The same for a window, whose output i has its centre at i*s - before + (ke - 1)/2.

    After an upsampling by `factor`, n counts the enlarged pixels.

    Returns:
        (base, weight, unit): the shift is (base + weight*|spare|) / unit, where
        spare = n + 2*before - ke - (m - 1)*s is 0 if the windows lie centred on the input.

    >>> window_shift(28, 14, 2)
    (0, 14, 28)
    """
    return (m - 1) * abs(m * s - n), m, 2 * m * factor
