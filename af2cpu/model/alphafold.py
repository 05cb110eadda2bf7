# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2: one pass through the network and the recycling around it (Algorithms 2 and 30)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.errors import InputError
from af2cpu.geometry.distance import ca_distance_change
from af2cpu.model.chain_pairs import chain_pairs
from af2cpu.model.dropout import Dropout, DropoutSeed
from af2cpu.model.embed import ExtraMSAEmbedder, InputEmbedder, RecyclingEmbedder
from af2cpu.model.evoformer import EvoformerStack, ExtraMSAStack
from af2cpu.model.heads import Heads
from af2cpu.model.inputs import Inputs
from af2cpu.model.layers import pack_layers
from af2cpu.model.structure import Structure, StructureModule
from af2cpu.model.template import TemplateEmbedder
from af2cpu.ops.dispatch import engine
from af2cpu.ops.isa import level
from af2cpu.records import InitialGuess, Prediction, ProcessedFeatures

PRECISIONS = ("fp32", "bf16")
_ALWAYS_FLOAT32 = ("structure_module", "heads")
# Angstrom: coordinate of residues that an initial guess lacks. Distances from them are in no bin of the recycling
# embedder, the last of which ends at 10,000 angstrom; nor are those among them, which are zero.
_UNKNOWN = 1e6


def type_of_part(part: str, precision: str) -> torch.dtype:
    """The type of the weights of a part of the network (a child of AlphaFold). Raises InputError for an unknown
    precision.
    """
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
    return torch.bfloat16 if precision == "bf16" and part not in _ALWAYS_FLOAT32 else torch.float32


@dataclass
class Recycled:
    """What a pass hands to the next one."""

    m_first: Tensor  # [n_res, c_m], first row of the MSA representation
    z: Tensor  # [n_res, n_res, c_z]; empty once it was moved out
    positions: Tensor  # [n_res, 37, 3], angstrom
    known: Tensor | None = None  # [n_res], 1 where positions are; None: everywhere

    def pair(self, last: bool) -> Tensor:
        """z; moved out for the last ensemble member, so that a pass does not hold this large array to its end."""
        z = self.z
        if last and not torch.is_grad_enabled():
            self.z = z.new_empty(0)
        return z


class Representations(NamedTuple):
    """What the trunk makes: averaged over the ensemble, but for m, which is its first member's."""

    m: Tensor  # [n_seq, n_res, c_m], without the template rows
    m_first: Tensor  # [n_res, c_m]
    z: Tensor  # [n_res, n_res, c_z]
    s: Tensor  # [n_res, c_s]


@dataclass
class Pass:
    """The result of one pass through the network."""

    index: int  # recycles before this pass
    inputs: Inputs  # of the first ensemble member
    representations: Representations
    structure: Structure
    change: float  # angstrom, of the C-alpha distances since the pass before

    def recycled(self) -> Recycled:
        """The input of the next pass. Moves the representations out of this one: they are large."""
        given = self.representations
        self.representations = Representations(*(x.new_empty(0) for x in given))
        return Recycled(given.m_first, given.z, self.structure.atoms.atom37)


class AlphaFold(nn.Module):
    """Algorithm 2 Inference, lines 3-22: features -> embedders -> extra MSA stack -> Evoformer -> structure -> heads.

    Built without weights on the meta device; `af2cpu.load_model` fills it. The trunk runs in the type of its weights,
    structure module and heads in float32.
    """

    def __init__(self, config: ConfigDict) -> None:
        super().__init__()
        self.config = config
        c_m, c_z, c_s = config.c_m, config.c_z, config.c_s
        self.input_embedder = InputEmbedder(c_m, c_z, config.input_embedder)
        self.recycling_embedder = RecyclingEmbedder(c_m, c_z, config.recycling_embedder)
        self.template_embedder = (
            TemplateEmbedder(c_m, c_z, config.template_embedder) if config.template_embedder.enabled else None
        )
        self.extra_msa_embedder = ExtraMSAEmbedder(config.extra_msa_stack.c_e)
        self.extra_msa_stack = ExtraMSAStack(c_z, config.extra_msa_stack)
        self.evoformer = EvoformerStack(c_m, c_z, c_s, config.evoformer)
        self.structure_module = StructureModule(c_s, c_z, config.structure_module)
        self.heads = Heads(c_m, c_z, c_s, config.heads)
        self._packed_for = ""  # instruction set
        self._dropouts = [(name, layer) for name, layer in self.named_modules() if isinstance(layer, Dropout)]

    def set_precision(self, precision: str) -> AlphaFold:
        """The type of the trunk's weights and activations: fp32 or bf16. Raises InputError for another."""
        types = {name: type_of_part(name, precision) for name, _ in self.named_children()}
        if self.is_released:
            raise RuntimeError("the network's arrays were released when it was prepared: load it again")
        self._packed_for = ""
        for name, module in self.named_children():
            module.to(types[name])
        return self

    def prepare(self, *, release: bool = False) -> AlphaFold:
        """Packs the parameters for engine native, once for a precision and an instruction set; other engines need none.

        release: lets go of the arrays that only kernels read; the network then runs on these kernels alone. Raises
        RuntimeError where it was released and another engine or instruction set is in use.
        """
        if self.is_released:
            if engine() != "native" or self._packed_for != level():
                raise RuntimeError(f"the network was prepared for engine native ({self._packed_for}): load it again")
        elif engine() == "native" and (release or self._packed_for != level()):
            pack_layers(self, release=release)
            self._packed_for = level()
        return self

    @property
    def is_released(self) -> bool:
        """Whether the arrays that only kernels read were freed (`prepare`)."""
        return self.evoformer.single.weight.is_meta and bool(self._packed_for)

    @property
    def dtype(self) -> torch.dtype:
        return self.evoformer.single.weight.dtype

    def start(self, n_res: int, guess: InitialGuess | None = None) -> Recycled:
        """The recycled input of the first pass: zeros; with an initial guess, its positions."""
        c_m, c_z = self.config.c_m, self.config.c_z
        zeros = torch.zeros
        m_first, z = zeros(n_res, c_m, dtype=self.dtype), zeros(n_res, n_res, c_z, dtype=self.dtype)
        if guess is None:
            return Recycled(m_first, z, zeros(n_res, 37, 3))
        if guess.n_res != n_res:
            raise ValueError(f"an initial guess of {guess.n_res} residues for a protein of {n_res}")
        positions, known = (torch.from_numpy(np.array(x, np.float32)) for x in (guess.positions, guess.known))
        return Recycled(m_first, z, torch.where(known[:, None, None] > 0, positions, _UNKNOWN), known)

    def trunk(
        self, x: Inputs, previous: Recycled, last: bool = True, dropout: DropoutSeed | None = None
    ) -> Representations:
        """Lines 5-18 for one member of the ensemble; the last one frees the recycled z."""
        with self._with_dropout(dropout):
            return self._trunk(x, previous, last)

    @contextmanager
    def _with_dropout(self, seed: DropoutSeed | None) -> Iterator[None]:
        """Within this block dropout is on with this seed; None: off."""
        for name, layer in self._dropouts:
            layer.start(name, seed)
        try:
            yield
        finally:
            for name, layer in self._dropouts:
                layer.start(name, None)

    def _trunk(self, x: Inputs, previous: Recycled, last: bool) -> Representations:
        dtype = self.dtype
        pair_mask, msa_mask, n_seq = x.pair_mask.to(dtype), x.msa_mask.to(dtype), x.msa_feat.shape[0]
        m, z = self.input_embedder(x.target_feat.to(dtype), x.msa_feat.to(dtype), x.residue_index, x.chains)
        m, z = self.recycling_embedder(m, z, previous.m_first, previous.pair(last), previous.positions, x.aatype)
        if self.template_embedder is not None:
            z = self.template_embedder(x.templates, x.n_empty_templates, z, pair_mask, x.chains)
            if len(x.templates.aatype):
                rows, rows_mask = self.template_embedder.torsion(x.templates)
                m, msa_mask = torch.cat([m, rows]), torch.cat([msa_mask, rows_mask])
        e = self.extra_msa_embedder(x.extra_msa, x.extra_has_deletion, x.extra_deletion_value)
        z = self.extra_msa_stack(e, z, x.extra_msa_mask.to(dtype), pair_mask)
        del e  # the largest tensor of all
        m, z, s = self.evoformer(m, z, msa_mask, pair_mask)
        return Representations(m[:n_seq], m[0], z, s)

    def ensemble(
        self, draws: Sequence[Inputs], previous: Recycled, dropout: DropoutSeed | None = None
    ) -> Representations:
        """Lines 4 and 19: the mean of the representations over the draws of one pass.

        dropout: of the first draw; the others are the ensemble's next members.
        """
        mean = self.trunk(draws[0], previous, len(draws) == 1, dropout)
        for k, x in enumerate(draws[1:], 1):
            update = self.trunk(x, previous, k == len(draws) - 1, dropout and dropout._replace(member=k))
            mean = mean._replace(m_first=mean.m_first + update.m_first, z=mean.z + update.z, s=mean.s + update.s)
        if len(draws) > 1:
            m_first, z, s = (total / len(draws) for total in mean[1:])
            mean = Representations(mean.m, m_first, z, s)
        return mean

    def forward(
        self, draws: Sequence[Inputs], previous: Recycled, index: int = 0, dropout_seed: int | None = None
    ) -> Pass:
        """One pass, lines 3-21: representations and structure. The heads run in `conclude`."""
        dropout = None if dropout_seed is None else DropoutSeed(dropout_seed, index, 0)
        representations = self.ensemble(draws, previous, dropout)
        x = draws[0]
        structure = self.structure_module(representations.s.float(), representations.z, x.aatype, x.seq_mask)
        mask = x.seq_mask if previous.known is None else x.seq_mask * previous.known
        change = ca_distance_change(previous.positions, structure.atoms.atom37.detach(), mask)
        return Pass(index, x, representations, structure, change)

    def passes(
        self,
        features: Sequence[ProcessedFeatures],
        recycles: int,
        tolerance: float,
        ensembles: int,
        extra_pass: bool = False,
        dropout_seed: int | None = None,
        guess: InitialGuess | None = None,
    ) -> Iterator[Pass]:
        """Algorithm 30 Generic recycling inference procedure: x <- network(features, x), x = 0 at first.

        With a guess, its positions are in the first x. With a dropout seed, dropout is on in every pass.

        Ends after `recycles` + 1 passes, or once the structure changes by less than `tolerance` angstrom from one pass
        to the next: with that pass, as ColabFold, or with an extra pass after it, as DeepMind's multimer code.
        """
        if not torch.is_grad_enabled():
            self.prepare()
        previous: Recycled | None = None
        last = recycles
        for index in range(recycles + 1):
            draws = [Inputs.from_features(features[index * ensembles + member]) for member in range(ensembles)]
            if previous is None:
                previous = self.start(len(draws[0].aatype), guess)
            result = self(draws, previous, index, dropout_seed)
            yield result
            if index > 0 and result.change < tolerance:
                last = min(last, index + int(extra_pass))
            if index == last:
                return  # the last pass keeps its representations
            previous = result.recycled()
            del result

    @torch.no_grad()
    def predict(  # noqa: PLR0913 - each is a keyword of the Python API
        self,
        features: Sequence[ProcessedFeatures],
        *,
        recycles: int | None = None,
        tolerance: float | None = None,
        ensembles: int | None = None,
        extra_pass: bool = False,
        dropout_seed: int | None = None,
        guess: InitialGuess | None = None,
        save_all: bool = False,
    ) -> Prediction:
        """Predict the structure of one protein.

        Args:
          features: one draw of the features for each pass and ensemble member, in this order:
            at least (recycles + 1) * ensembles of them, lengths in angstrom. They may be made on demand.
          recycles: passes after the first, 0 to 20. By default the model's own, 3.
          tolerance: stop recycling once the C-alpha distances change by less than this, in angstrom. 0: never.
            By default the model's own, 0.
          ensembles: draws whose representations are averaged in each pass, 1 or more. By default the model's own, 1.
          extra_pass: make one more pass after recycling has stopped early, as DeepMind's multimer code does.
          dropout_seed: run with the trunk's dropout, as ColabFold's use_dropout; masks follow from this number and from
            where they are used. By default there is none.
          guess: positions that the first pass gets as recycled ones, of as many residues.
          save_all: also keep logits and representations in `Prediction.extras`.

        Returns:
          Prediction with positions [n_res, 37, 3] in angstrom, pLDDT [n_res] 0-100, and for ptm models PAE
          [n_res, n_res] in angstrom and pTM 0-1. Trailing residues whose seq_mask is zero are cut off.

        Raises:
          ValueError: a number out of range, too few draws, features without a residue or a query row, or a guess of
            another length.
        """
        recycles = self.config.recycles if recycles is None else recycles
        tolerance = self.config.recycle_tolerance if tolerance is None else tolerance
        ensembles = self.config.ensembles if ensembles is None else ensembles
        _check_run(len(features), recycles, tolerance, ensembles)
        changes = []
        for result in self.passes(features, recycles, tolerance, ensembles, extra_pass, dropout_seed, guess):
            changes.append(result.change)
        return self.conclude(result, tuple(changes), save_all)

    def conclude(self, result: Pass, changes: tuple[float, ...], save_all: bool) -> Prediction:
        """Line 22: the heads on the last pass."""
        x, r, structure, heads = result.inputs, result.representations, result.structure, self.heads
        pae, ptm, iptm, max_pae, pairs = None, None, None, None, None
        if heads.predicted_aligned_error is not None:
            pae, ptm, iptm = heads.predicted_aligned_error.pae_and_ptm(r.z, x.seq_mask, x.chains.asym)
            max_pae = heads.predicted_aligned_error.max_pae
            pairs = chain_pairs(heads.predicted_aligned_error, heads.distogram, r.z, x.seq_mask, x.chains.asym)
        return Prediction(
            model=self.config.name,
            aatype=x.aatype.numpy(),
            residue_index=x.residue_index.numpy(),
            atom_positions=structure.atoms.atom37.numpy(),
            atom_mask=structure.atoms.atom37_mask.numpy(),
            plddt=heads.predicted_lddt.plddt(heads.predicted_lddt(structure.s)).numpy(),
            pae=None if pae is None else pae.numpy(),
            max_pae=max_pae,
            ptm=ptm,
            iptm=iptm,
            passes=len(changes),
            changes=changes,
            extras=self.everything(result) if save_all else {},
            asym_id=x.chains.asym.int().numpy(),
            entity_id=x.chains.entity.int().numpy(),
            sym_id=x.chains.sym.int().numpy(),
            chain_pairs=pairs,
        )

    def everything(self, result: Pass) -> dict[str, np.ndarray]:
        """Logits of all heads and the representations, float32, by name. Large: n_res^2 and n_seq n_res terms."""
        r, heads = result.representations, self.heads
        m, z, s = r.m.float(), r.z.float(), r.s.float()
        tensors = {
            "representations/msa": m,
            "representations/pair": z,
            "representations/single": s,
            "representations/structure_module": result.structure.s,
            "distogram/logits": heads.distogram(z),
            "masked_msa/logits": heads.masked_msa(m),
            "experimentally_resolved/logits": heads.experimentally_resolved(s),
            "predicted_lddt/logits": heads.predicted_lddt(result.structure.s),
        }
        if heads.predicted_aligned_error is not None:
            tensors["predicted_aligned_error/logits"] = heads.predicted_aligned_error(z)
        return {name: tensor.numpy() for name, tensor in tensors.items()}


def _check_run(n_draws: int, recycles: int, tolerance: float, ensembles: int) -> None:
    if not 0 <= recycles <= 20:
        raise ValueError(f"recycles must be 0 to 20, not {recycles}")
    if ensembles < 1:
        raise ValueError(f"ensembles must be 1 or more, not {ensembles}")
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be 0 angstrom or more, not {tolerance}")
    needed = (recycles + 1) * ensembles
    if n_draws < needed:
        raise ValueError(
            f"{n_draws} draws of the features for {recycles} recycles with {ensembles} ensemble members: "
            f"{needed} are needed"
        )
