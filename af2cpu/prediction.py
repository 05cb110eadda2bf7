# SPDX-License-Identifier: Apache-2.0
"""A prediction as users of the Python API have it: its arrays, and what is done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from af2cpu import records
from af2cpu.chemistry.residues import RESTYPES_WITH_X, UNKNOWN
from af2cpu.errors import InputError
from af2cpu.geometry.similarity import similarities
from af2cpu.outputs.atoms import predicted_atoms
from af2cpu.outputs.layout import LAYOUTS
from af2cpu.outputs.modelcif import modelcif_text
from af2cpu.outputs.structure import pdb_text
from af2cpu.outputs.write import write_prediction
from af2cpu.query.names import safe_name
from af2cpu.records import CHAIN_BREAK, Confidence, Provenance


@dataclass(frozen=True, repr=False)
class Prediction(records.Prediction):
    """What one model says about one protein or complex. Unrelaxed: the atoms are where the network placed them.

    Arrays (n_res residues of all chains, in the order of the sequence):
      aatype: int [n_res], residue types in the order ARNDCQEGHILKMFPSTWYV, 20 for X.
      residue_index: int [n_res], from 0 in each chain.
      atom_positions: float32 [n_res, 37, 3], angstrom; atoms in AlphaFold 2's order, index 1 is C-alpha.
      atom_mask: float32 [n_res, 37], 1 where a residue of this type has the atom; X has none.
      plddt: float32 [n_res], 0-100.
      pae: float32 [n_res, n_res], angstrom, row: the residue aligned on; None for models without aligned errors.
      max_pae: the largest value that pae can take, angstrom; None without pae.
      ptm: 0-1; None without pae.
      iptm: 0-1; None for one chain or without pae.
      chain_pairs: matrices [n_chains, n_chains] of ipTM of pairs of chains; None for one chain or without pae.
      asym_id, entity_id, sym_id: int32 [n_res], numbers from 1 of chain, distinct sequence, and copy of it.
      passes: passes through the network, recycles + 1.
      changes: angstrom, change of the C-alpha distances from pass to pass, one per pass.
      extras: logits and representations by name, if save_all was asked for.
    """

    confidence: Confidence = field(kw_only=True)  # mean pLDDT, scores of chains and of interfaces
    provenance: Provenance = field(kw_only=True)  # what structure files tell of where they come from

    @classmethod
    def of(cls, record: records.Prediction, confidence: Confidence, provenance: Provenance) -> Prediction:
        """A record of the pipeline with its scores and provenance."""
        arrays: Mapping[str, Any] = {one.name: getattr(record, one.name) for one in fields(records.Prediction)}
        return cls(**arrays, confidence=confidence, provenance=provenance)

    def __repr__(self) -> str:
        scores = {"pTM": self.ptm, "ipTM": self.iptm}
        shown = "".join(f", {name} {value:.2f}" for name, value in scores.items() if value is not None)
        chains = f" in {self.chains.n_chains} chains" if self.chains.n_chains > 1 else ""
        return f"<Prediction {self.name}: {len(self.aatype)} residues{chains}, pLDDT {self.mean_plddt:.1f}{shown}>"

    @property
    def name(self) -> str:
        """As in file names and rankings: model and number, such as model_1_ptm_pred_0."""
        return self.confidence.who.name

    @property
    def sequence(self) -> str:
        """One-letter codes as the network sees them, X for unusual residues; chains are joined by ':'."""
        return letters_of(self)

    @property
    def mean_plddt(self) -> float:
        """Mean of pLDDT over the residues, 0-100."""
        return self.confidence.mean_plddt

    def to_pdb(self) -> str:
        """The structure as PDB text, pLDDT (0-100) in the B-factor column; chains A, B, ... in the order of the
        sequence, each numbered from 1.

        Raises ValueError for more than 62 chains, which the format has no identifiers for, and where a position is no
        finite number.
        """
        return pdb_text(predicted_atoms(self), self.provenance.warning)

    def to_cif(self) -> str:
        """The structure as ModelCIF text, with pLDDT per residue and the templates that the network was given.

        Raises ValueError where a position is no finite number.
        """
        return modelcif_text(predicted_atoms(self), self.confidence, self.provenance, relaxed=False)

    def save(self, folder: str | Path, *, layout: str = "af2") -> list[Path]:
        """Writes the files that `af2cpu predict` writes of a prediction, and returns their paths.

        Args:
          folder: is made if it does not exist; nothing is written outside of it. Files of the same names are replaced.
          layout: af2, with unrelaxed_<name>.pdb and .cif, confidence_<name>.json, pae_<name>.json (with PAE) and
            result_<name>.npz, which has the arrays; or colabfold, with ColabFold's names.

        Raises:
          InputError: an unknown layout, or a name that is no file name.
          OSError: a file can't be written.
          ValueError: a position or pLDDT is no finite number; nothing is written then.
        """
        if layout not in LAYOUTS:
            raise InputError(f"layout={layout}: must be one of {', '.join(LAYOUTS)}")
        if safe_name(self.name) != self.name:
            raise InputError(f"the prediction's name {self.name!r} is no file name: letters, digits and . _ - only")
        Path(folder).mkdir(parents=True, exist_ok=True)
        place = LAYOUTS[layout](Path(folder), safe_name(self.provenance.entry) or "query")
        written = write_prediction(place, self, self.confidence, self.provenance, save_all=bool(self.extras))
        return list(written.paths)

    def tm_score(self, other: records.Prediction) -> float:
        """TM-score of two predictions of the same residues, 0-1; over 0.5 the fold is the same.

        The largest over all superpositions of 1/L sum over residues of 1 / (1 + (d / d0)^2), with d the distance of the
        C-alpha atoms of a residue in both, L the number of residues and d0 = 1.24 (L - 15)^(1/3) - 1.8 angstrom, at
        least 0.5 (Zhang and Skolnick 2004, doi:10.1002/prot.20264). Residue k is compared with residue k, as by their
        program TM-score, not by an alignment as by TM-align. All chains of a complex are superposed together, copies of
        a chain as they correspond best; residues without atoms (X) are left out. Fewer superpositions are tried than by
        that program: under 0.5 the score may come out lower by some 0.01.

        Raises InputError for chains of other lengths, or other copies.
        """
        return self._similarity(other)[1]

    def rmsd(self, other: records.Prediction) -> float:
        """Root mean square distance of the C-alpha atoms after the best superposition (Kabsch 1976), angstrom.

        Residues and chains are compared as by `tm_score`. Raises InputError as it does.
        """
        return self._similarity(other)[0]

    def _similarity(self, other: records.Prediction) -> tuple[float, float]:
        mine, its = ((one.chains.entity_id, np.bincount(one.chains.asym_id).tolist()) for one in (self, other))
        if mine[1] != its[1] or not np.array_equal(mine[0], its[0]):
            lengths = " and ".join(" + ".join(map(str, of_one[1][1:])) for of_one in (mine, its))
            raise InputError(
                f"predictions of {lengths} residues can't be compared residue by residue: chains must have the same "
                "lengths, and the same ones must be copies"
            )
        distances, scores = similarities([self, other])
        return float(distances[0, 1]), float(scores[0, 1])


def letters_of(prediction: records.Prediction) -> str:
    """One-letter codes of the residues, chains joined by ':'."""
    letters = "".join(RESTYPES_WITH_X[min(int(kind), UNKNOWN)] for kind in prediction.aatype)
    return CHAIN_BREAK.join(letters[rows.start : rows.stop] for rows in prediction.chains.spans.values())
