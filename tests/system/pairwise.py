# SPDX-License-Identifier: BSD-2-Clause
"""pairwise.py - few combinations of several values, in which each pair of values occurs"""

import itertools


def pairs_of(row):
    return {(i, row[i], j, row[j]) for i, j in itertools.combinations(range(len(row)), 2)}


def product(*values):
    return list(itertools.product(*values))


def pairwise(*values):
    """Rows of the full product, each taken because it has the most pairs not seen so far.
    The same rows on every run."""
    rows = product(*values)
    missing = set().union(*map(pairs_of, rows))
    chosen = []
    while missing:
        best = max(rows, key=lambda row: len(pairs_of(row) & missing))
        missing -= pairs_of(best)
        chosen.append(best)
    return chosen
