# SPDX-License-Identifier: Apache-2.0
"""Scores of each pair of chains in a prediction, from its PAE, pLDDT and atoms.

Each definition is its authors', as their programs compute it; ipTM and pTM come from the network
(model/chain_pairs.py). Contacts are pairs of residues whose C-betas (C-alpha of glycine) are 8 angstrom apart or less.
The mean PAE of all pairs of residues is the pae_interaction of Bennett et al. 2023 (10.1038/s41467-023-38328-5), the
least PAE the smaller one of AlphaFold 3's two chain_pair_pae_min.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from af2cpu.chemistry.residues import CA, CB
from af2cpu.records import ChainConfidence, Interface, Prediction
from af2cpu.records.chain_ids import chain_id

CONTACT = 8.0  # angstrom
IPSAE_PAE = 15.0  # angstrom, under which a pair of residues counts in ipSAE: Dunbrack's default for AlphaFold 2
LIS_PAE = 12.0  # angstrom, under which a pair of residues counts in LIS


def chains_of(prediction: Prediction) -> tuple[ChainConfidence, ...]:
    """The chains of a complex in its order; none for a single chain."""
    pairs = prediction.chain_pairs
    if prediction.chains.n_chains == 1:
        return ()
    return tuple(
        ChainConfidence(
            id=chain_id(number - 1),
            mean_plddt=float(np.mean(prediction.plddt[rows], dtype=np.float64)),
            ptm=None if pairs is None else float(pairs.chain_pair_iptm[k, k]),
        )
        for k, (number, rows) in enumerate(_chains(prediction))
    )


def interfaces_of(prediction: Prediction) -> tuple[Interface, ...]:
    """Every pair of chains once, A B, A C, ..., B C; none for a single chain or without PAE.

    Memory: a few float64 arrays of the size of the pair's part of the PAE.
    """
    if prediction.pae is None:
        return ()
    chains = list(_chains(prediction))
    return tuple(
        _interface(prediction, (i, *chains[i]), (j, *chains[j]))
        for i in range(len(chains))
        for j in range(i + 1, len(chains))
    )


def _chains(prediction: Prediction) -> Iterator[tuple[int, slice]]:
    """Number and residues of each chain, which are neighbours."""
    for number in np.unique(prediction.asym_id).tolist():
        rows = np.flatnonzero(prediction.asym_id == number)
        yield number, slice(int(rows[0]), int(rows[-1]) + 1)


def _interface(prediction: Prediction, a: tuple[int, int, slice], b: tuple[int, int, slice]) -> Interface:
    """a, b: place, number and residues of a chain."""
    assert prediction.pae is not None
    (i, number_a, rows_a), (j, number_b, rows_b) = a, b
    pae_ab, pae_ba = prediction.pae[rows_a, rows_b], prediction.pae[rows_b, rows_a]
    in_a, in_b = _contacts(prediction, rows_a, rows_b)
    contact_pae = pae_ab[in_a, in_b], pae_ba[in_b, in_a]
    touching = np.unique(in_a), np.unique(in_b)
    plddt = np.concatenate([prediction.plddt[rows_a][touching[0]], prediction.plddt[rows_b][touching[1]]])
    mean_plddt = _mean(plddt)
    ipsae, lis = (ipsae_of(pae_ab), ipsae_of(pae_ba)), (lis_of(pae_ab), lis_of(pae_ba))
    pdockq2 = pdockq2_of(contact_pae[0], mean_plddt), pdockq2_of(contact_pae[1], mean_plddt)
    return Interface(
        a=chain_id(number_a - 1),
        b=chain_id(number_b - 1),
        iptm=None if prediction.chain_pairs is None else float(prediction.chain_pairs.chain_pair_iptm[i, j]),
        ipsae=max(ipsae),
        ipsae_both=ipsae,
        pdockq=pdockq_of(len(in_a), mean_plddt),
        pdockq2=max(pdockq2),
        pdockq2_both=pdockq2,
        lis=(lis[0] + lis[1]) / 2,
        lis_both=lis,
        lia=(int((pae_ab < LIS_PAE).sum()), int((pae_ba < LIS_PAE).sum())),
        mean_pae=float((pae_ab.mean(dtype=np.float64) + pae_ba.mean(dtype=np.float64)) / 2),
        min_pae=float(min(pae_ab.min(), pae_ba.min())),
        contacts=len(in_a),
        contact_residues=(len(touching[0]), len(touching[1])),
        contact_pae=_mean(np.concatenate(contact_pae)),
        mean_plddt=mean_plddt,
    )


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean(dtype=np.float64)) if values.size else None


def _contacts(prediction: Prediction, rows_a: slice, rows_b: slice) -> tuple[np.ndarray, np.ndarray]:
    """The residues of each pair in contact, counted from the chain's first. Residues without these atoms have none."""
    squared = np.zeros((rows_a.stop - rows_a.start, rows_b.stop - rows_b.start))
    positions = [_betas(prediction, rows) for rows in (rows_a, rows_b)]
    for x_a, x_b in zip(positions[0].T, positions[1].T, strict=True):
        squared += (x_a[:, None] - x_b[None, :]) ** 2
    in_a, in_b = np.nonzero(squared <= CONTACT**2)
    return in_a, in_b


def _betas(prediction: Prediction, rows: slice) -> np.ndarray:
    """float64 [n, 3]: C-beta, else C-alpha; NaN for residues with neither."""
    mask, positions = prediction.atom_mask[rows], prediction.atom_positions[rows].astype(np.float64)
    beta = np.where(mask[:, CB, None] > 0, positions[:, CB], positions[:, CA])
    return np.where((mask[:, CB] > 0) | (mask[:, CA] > 0), beta.T, np.nan).T


def ipsae_of(pae: np.ndarray) -> float:
    """ipSAE of one direction (Dunbrack 2025, 10.1101/2025.02.10.637595), d0 from the residues that count (d0_res).

    pae [n_a, n_b], angstrom, aligned on the residues of chain a. For a residue of chain a those of chain b with a PAE
    under 15 angstrom count, n of them: the mean of 1 / (1 + (PAE / d0)^2), d0 that of TM-score for n residues, at the
    least for 27. The largest over chain a; 0 if no pair counts.
    """
    counts = pae < IPSAE_PAE
    n = counts.sum(axis=1)
    d0 = np.maximum(1.24 * np.cbrt(np.maximum(n, 27) - 15.0) - 1.8, 1.0)
    terms = 1 / (1 + (pae / d0[:, None]) ** 2)
    return float((np.where(counts, terms, 0.0).sum(axis=1) / np.maximum(n, 1)).max())


def lis_of(pae: np.ndarray) -> float:
    """LIS of one direction (Kim et al. 2024, 10.1101/2024.02.19.580970): the mean of (12 - PAE) / 12 over the pairs of
    residues with a PAE under 12 angstrom; 0 without any. How many these are is the LIA."""
    counted = pae[pae < LIS_PAE].astype(np.float64)
    return float(((LIS_PAE - counted) / LIS_PAE).mean()) if counted.size else 0.0


def pdockq_of(contacts: int, mean_plddt: float | None) -> float:
    """pDockQ (Bryant et al. 2022, 10.1038/s41467-022-28865-w) from the number of contacts and the mean pLDDT of the
    residues in contact, each once; 0 without contacts."""
    if mean_plddt is None:
        return 0.0
    return float(0.724 / (1 + np.exp(-0.052 * (mean_plddt * np.log10(contacts) - 152.611))) + 0.018)


def pdockq2_of(contact_pae: np.ndarray, mean_plddt: float | None) -> float:
    """pDockQ2 of one chain (Zhu et al. 2023, 10.1093/bioinformatics/btad424), as Dunbrack's ipsae.py and ColabFold read
    it: from the mean of 1 / (1 + (PAE / 10)^2) over the contacts, aligned on this chain, and the mean pLDDT of the
    residues in contact of both chains; 0 without contacts."""
    if mean_plddt is None:
        return 0.0
    near = (1 / (1 + (contact_pae.astype(np.float64) / 10) ** 2)).mean()
    return float(1.31 / (1 + np.exp(-0.075 * (mean_plddt * near - 84.733))) + 0.005)
