# SPDX-License-Identifier: Apache-2.0
"""Domains from the predicted aligned error: residues whose relative positions are certain.

Residues are the nodes of a graph; an edge between two has the weight 1 / PAE where PAE, the mean of both directions, is
under 5 angstrom. The graph is split into communities of high modularity, as T. Croll's pae_to_domains and ChimeraX do,
with ChimeraX's limits (resolution 0.5, at least 10 residues). The communities are found by the method of Louvain
(Blondel et al. 2008, doi:10.1088/1742-5468/2008/10/P10008), which needs no library of graphs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from af2cpu.outputs.report.pack import block_means, cell_starts

MAX_PAE = 5.0  # angstrom
MIN_RESIDUES = 10  # smaller communities are no domains
_MIN_PAE = 0.2  # angstrom, so that no weight is infinite
_RESOLUTION = 0.5  # of the modularity: lower values give fewer and larger domains
_SWEEPS = 50  # at most, over all nodes; a handful are needed


def domains(pae: np.ndarray, lengths: Sequence[int] | None = None) -> np.ndarray:
    """The domain of each residue, int [n_res]: from 0 in the order of their first residues, -1 for none.

    pae: [n_res, n_res], angstrom; lengths: of the chains, None: one chain. Of more than 1,024 residues, blocks are
    assigned together, as the page's map shows them. In a complex a domain may have residues of several chains.
    """
    starts = cell_starts(lengths or [len(pae)])
    cells = block_means(pae, starts)
    both = (cells + cells.T) / 2
    weights = np.where(both < MAX_PAE, 1 / np.maximum(both, _MIN_PAE), 0)
    np.fill_diagonal(weights, 0)
    found = np.repeat(communities(weights, _RESOLUTION), np.diff(starts, append=len(pae)))
    names, first, sizes = np.unique(found, return_index=True, return_counts=True)
    kept = sorted((start, name) for name, start, size in zip(names, first, sizes, strict=True) if size >= MIN_RESIDUES)
    number = np.full(len(names), -1)
    for k, (_, name) in enumerate(kept):
        number[name] = k
    return number[found]


def communities(weights: np.ndarray, resolution: float) -> np.ndarray:
    """The community of each node, int [n] from 0, that raises the modularity greedily.

    weights: [n, n], symmetric, 0 for no edge. Nodes are visited in order, so that the same graph gives the same result.
    """
    labels = np.arange(len(weights))
    graph = weights.astype(np.float64)
    while True:
        merged = _moved(graph, resolution)
        n_merged = int(merged.max(initial=-1)) + 1
        if n_merged == len(graph):
            return labels
        labels = merged[labels]
        members = np.eye(n_merged)[merged]  # [n, n_merged]
        graph = members.T @ graph @ members


def _moved(graph: np.ndarray, resolution: float) -> np.ndarray:
    """Each node joins the community of its neighbours that raises the modularity most, until none moves."""
    n = len(graph)
    degrees, total = graph.sum(axis=1), graph.sum()
    community = np.arange(n)
    if total == 0:
        return community
    sums = degrees.copy()  # of the degrees of each community
    for _ in range(_SWEEPS):
        moves = 0
        for node in range(n):
            own = community[node]
            links = np.bincount(community, weights=graph[node], minlength=n)
            links[own] -= graph[node, node]
            sums[own] -= degrees[node]
            gain = links - resolution * degrees[node] * sums / total
            best = int(gain.argmax())
            if gain[best] > gain[own] + 1e-9:
                community[node] = best
                moves += 1
            sums[community[node]] += degrees[node]
        if not moves:
            break
    return np.unique(community, return_inverse=True)[1]
