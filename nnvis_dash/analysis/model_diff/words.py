"""What a comparison of two classifiers comes to, in words."""

from __future__ import annotations

from nnvis_dash.analysis.model_diff.transitions import McNemar, Transitions

UNLIKELY = 0.05
_METHODS = {"exact": "exact", "chi_squared": "chi-squared"}


def change_sentences(found: Transitions, before: str, after: str) -> tuple[str, ...]:
    """Say how the accuracies of two classifiers differ, and whether that is more than chance.

    Parameters
    ----------
    found : Transitions
    before, after : str
        The classifiers' names.

    Returns
    -------
    tuple of str
        None where no sample has a label.
    """
    if not found.n:
        return ()
    value, low, high = (f"{100 * number:+.1f}".replace("-", "−") for number in found.difference[:3])
    return (
        f"Accuracy {value} points from {before} to {after} (95 % interval {low} to {high}, of pairs).",
        mcnemar_said(found.test),
    )


def mcnemar_said(test: McNemar) -> str:
    """Say what McNemar's test says of one comparison."""
    if not test.fixed + test.broken:
        return "Each is right where the other is: there is nothing to test."
    p = f"p = {test.p_value:.2g}" if test.p_value >= 0.001 else "p < 0.001"
    verdict = "is more than chance" if test.p_value < UNLIKELY else "may be chance"
    how = f"{p}, McNemar's test, {_METHODS[test.method]}"
    return f"{test.fixed:,} fixed against {test.broken:,} broken {verdict} ({how})."
