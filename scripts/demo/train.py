# SPDX-License-Identifier: Apache-2.0
"""Trains the demo parameters on a handful of small experimental structures.

    python scripts/demo/train.py STATE --structures ../shared/data [--model demo] [--stop-after 500] [--export]

STATE is a file that the training is saved to and goes on from; `--export` writes the model's file in params/ and the
list of what the demo parameters know, and prints how well the model knows it. Which structures, and where their files
lie in the folder: scripts/demo/training/proteins.py.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from training import losses
from training.draws import decoy, sample, strangers
from training.initial import initialise
from training.muon import Optimiser
from training.proteins import KNOWN, OTHERS, Entry, Target, chains_of, cropped, joined_sequence, target_of
from training.report import of_pairs, of_random, table
from training.violations import violation_loss

from af2cpu.chemistry.residues import ATOM37_EXISTS
from af2cpu.features.config import SamplingConfig
from af2cpu.formats.chain import ProteinChain
from af2cpu.model.alphafold import AlphaFold, Pass, Recycled
from af2cpu.model.config import DEMO, DEMO_MULTIMER, model_config
from af2cpu.model.inputs import Inputs
from af2cpu.weights.demo import DEMO_NETWORKS, KnownProtein, demo_file, demo_list, known_proteins
from af2cpu.weights.load import load_parameters
from af2cpu.weights.save import file_arrays
from af2cpu.weights.synthetic import write_parameters

SEED = 20261121
MATRIX_RATE, RATE = 0.01, 2e-3
LEAST_RATE, WARM_UP = 0.01, 50  # share of the rates at the end; steps
CLIP = 1.0
LEARNING, FINISHING_RATE = 0.8, 0.3  # share of the steps for the structures; of the rates for the rest
AVERAGE = 0.995  # share of the running mean of the parameters that stays at each step; the mean is exported
SAVE_EVERY = 100  # steps; what a pass hands to the next is dropped then, so that a resumed training is the same
PASSES = 4
NOISE = 0.01  # of the representations between blocks, relative to their size: bf16 is to make no difference
SHARE_DECOYS, SHARE_OTHERS = 0.1, 0.07  # of the steps
# Of the steps of the multimer model, which has strangers only. The shipped parameters took 3,500 steps, over which the
# share and the kinds of strangers grew to these.
SHARE_STRANGERS = 0.3
CROP, SHARE_CROPS, CROPS_UNTIL = 56, 0.9, 0.6  # residues; share of the steps at the start; when there are none any more
VARIETY_FROM = 0.5  # of the training: until then fewer alignments and templates, more of the sequence alone
WEIGHTS = {
    "backbone": 1.0,
    "all_atoms": 1.0,
    "torsions": 0.3,
    "distogram": 0.15,
    "masked_msa": 0.02,
    "resolved": 0.02,
    "plddt": 0.05,
    "pae": 0.05,
    "violations": 0.3,
}
FINISHING_WEIGHTS = {"plddt": 0.3, "pae": 0.3, "violations": 1.0}
UNCLAMPED, UNCLAMPED_UNTIL = (0.7, 0.1), 0.4  # shares of FAPE; at first all residues lie at one point, far from all
VIOLATIONS_FROM = 0.65  # of the training; by then the proteins are folded
UNKNOWN_LDDT = 0.3  # what a prediction without a known structure is told to expect of itself


class Example(NamedTuple):
    name: str
    chains: tuple[ProteinChain, ...]
    target: Target

    @property
    def n_res(self) -> int:
        return len(self.target.aatype)


class Training:
    """Model, optimiser and running mean; a step is a function of the seed and its number."""

    def __init__(self, model: str, structures: Path, steps: int) -> None:
        self.config = model_config(model)
        data = self.config.data
        self.sampling = SamplingConfig(data.max_msa_clusters, data.max_extra_msa, data.max_templates, draw=data.draw)
        self.known, self.others = (
            [Example(e.name, chains, target_of(chains)) for e in entries for chains in [chains_of(e, structures)]]
            for entries in (KNOWN[model], OTHERS)
        )
        self.steps, self.step = steps, 0
        self.model = AlphaFold(self.config)
        initialise(self.model, SEED)
        # Divided by 1e-3 where there is no extra sequence: any value but zero would be a switch.
        for block in self.model.extra_msa_stack.blocks:
            block.outer_product_mean.out_bias.requires_grad_(False)
        self.trained = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        self.optimiser = Optimiser(self.trained, MATRIX_RATE, RATE)
        self.mean = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.recycled: dict[str, tuple[int, Recycled]] = {}
        self._strangers: Example | None = None
        self._noise = torch.Generator()
        for block in (*self.model.evoformer.blocks, *self.model.extra_msa_stack.blocks):
            block.register_forward_hook(self._disturb)

    def _disturb(self, module: nn.Module, inputs: object, outputs: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        if not torch.is_grad_enabled():
            return outputs
        return tuple(x + NOISE * x.detach() * torch.randn(x.shape, generator=self._noise) for x in outputs)

    def progress(self) -> float:
        """Of learning the structures, 0 to 1. What follows it sharpens the confidence and the chemistry."""
        return min(self.step / (LEARNING * self.steps), 1.0)

    def rate(self) -> float:
        """Share of the learning rates: a warm-up, then half a cosine; for the rest once more, from less."""
        first = LEARNING * self.steps
        top, done = (1.0, self.progress())
        if self.step >= first:
            top, done = FINISHING_RATE, (self.step - first) / (self.steps - first)
        cosine = top * (LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * done)))
        return min(1.0, (self.step + 1) / WARM_UP) * cosine

    def weights(self) -> dict[str, float]:
        return WEIGHTS | FINISHING_WEIGHTS if self.progress() == 1.0 else WEIGHTS

    def choose(self, rng: np.random.Generator) -> tuple[Example, bool]:
        """What the network shall know, or, for the confidence alone, something else."""
        complexes = self.config.name == DEMO_MULTIMER
        kind = rng.random()
        if kind < (SHARE_STRANGERS if complexes else SHARE_DECOYS):
            return (self._same_strangers(rng) if complexes else _decoy(rng, self.known)), False
        if not complexes and kind < SHARE_DECOYS + SHARE_OTHERS:
            return self.others[rng.integers(len(self.others))], False
        example = self.known[self.step % len(self.known)]
        crop = not complexes and rng.random() < SHARE_CROPS * (1 - self.progress() / CROPS_UNTIL)
        return (_crop(rng, example) if crop else example), True

    def _same_strangers(self, rng: np.random.Generator) -> Example:
        """The strangers of the last time until they have been through all passes, then new ones."""
        if self._strangers is None or "strangers" not in self.recycled:
            known = [[chain.sequence for chain in example.chains] for example in self.known]
            chains = strangers(rng, known, [example.chains[0].sequence for example in self.others])
            self._strangers = Example("strangers", chains, target_of(chains))
        return self._strangers

    def advance(self) -> str:
        """One step, on one protein; a line about it."""
        rng = np.random.default_rng([SEED, self.step])
        self._noise.manual_seed(SEED + self.step)
        told = self._learn(rng, *self.choose(rng))
        nn.utils.clip_grad_norm_([p for _, p in self.trained], CLIP)
        self.step += 1
        self.optimiser.step(self.step, self.rate())
        share = min(AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            for name, tensor in self.model.state_dict().items():
                self.mean[name].lerp_(tensor, 1 - share)
        return told

    def _learn(self, rng: np.random.Generator, example: Example, known: bool) -> str:
        """Adds the gradients of one protein."""
        variety = min(1.0, self.progress() / VARIETY_FROM)
        inputs = Inputs.from_features(sample(rng, example.chains, self.sampling, variety))
        depth, previous = self.recycled.get(example.name, (0, None))  # those of decoys and crops are not kept
        if previous is None:
            depth, previous = 0, self.model.start(example.n_res)
        result = self.model([inputs], previous)
        terms = self.losses(result, example, known)
        weights = self.weights()
        loss = sum(weights[name] * term for name, term in terms.items())
        # A long protein has more to learn: as in the paper, loss times the root of the length.
        (loss * math.sqrt(example.n_res / 64)).backward()
        self._keep(example.name, depth, result)
        told = f"{example.name} plddt {terms['plddt']:.1f} pae {terms['pae']:.1f}"
        if known:
            atoms, target = result.structure.atoms.atom14.detach(), example.target
            distance = losses.rmsd(atoms[:, 1], target.atom14[:, 1], target.atom14_mask[:, 1])
            told += "".join(f" {key} {terms[key]:.2f}" for key in ("backbone", "torsions", "distogram"))
            told += f" {distance:.2f} A" + (f" violations {terms['violations']:.2f}" if "violations" in terms else "")
        return told

    def _keep(self, name: str, depth: int, result: Pass) -> None:
        if name in {"decoy", "crop"}:
            return
        if depth + 1 < PASSES:
            self.recycled[name] = depth + 1, Recycled(**{k: x.detach() for k, x in vars(result.recycled()).items()})
        else:
            self.recycled.pop(name, None)

    def losses(self, result: Pass, example: Example, known: bool) -> dict[str, Tensor]:
        heads, structure, target = self.model.heads, result.structure, example.target
        z = result.representations.z
        plddt, pae = heads.predicted_lddt(structure.s), heads.predicted_aligned_error(z)
        if example.name in {"decoy", "strangers"}:
            return _unknown(plddt, pae, target.chain)
        terms = {
            "plddt": losses.plddt_loss(plddt, structure, target),
            "pae": losses.pae_loss(pae, structure, target, heads.predicted_aligned_error.max_error),
        }
        if not known:
            return terms
        layers = len(structure.backbones)
        unclamped = UNCLAMPED[0] if self.progress() < UNCLAMPED_UNTIL else UNCLAMPED[1]
        terms |= {
            "backbone": sum(losses.backbone_loss(b, target, unclamped) for b in structure.backbones) / layers,
            "all_atoms": losses.all_atom_loss(structure, target, unclamped),
            "torsions": sum(losses.torsion_loss(angles, target) for angles in structure.angles) / layers,
            "distogram": losses.distogram_loss(heads.distogram(z), target),
            "masked_msa": _masked_query(heads.masked_msa(result.representations.m[0]), result.inputs),
            "resolved": _resolved(heads.experimentally_resolved(result.representations.s), target),
        }
        if self.progress() > VIOLATIONS_FROM:
            ramp = min(1.0, (self.progress() - VIOLATIONS_FROM) * 5)
            terms["violations"] = ramp * violation_loss(target.aatype, structure.atoms.atom14, target.chain)
        return terms

    def save(self, path: Path) -> None:
        """Everything that the next step depends on, as a flat npz."""
        self.recycled.clear()
        arrays = {"step": np.array(self.step)}
        arrays |= {f"moments/{name}": tensor for name, tensor in self.optimiser.state.items()}
        arrays |= {f"value/{name}": tensor for name, tensor in self.model.state_dict().items()}
        arrays |= {f"mean/{name}": tensor for name, tensor in self.mean.items()}
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("wb") as file:
            np.savez(file, **{name: np.asarray(array) for name, array in arrays.items()})
        temporary.replace(path)

    def load(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as arrays:
            self.step = int(arrays["step"])
            values = {name: torch.from_numpy(arrays[f"value/{name}"]) for name in self.mean}
            self.model.load_state_dict(values)
            self.mean = {name: torch.from_numpy(arrays[f"mean/{name}"]) for name in self.mean}
            for name, moments in self.optimiser.state.items():
                moments.copy_(torch.from_numpy(arrays[f"moments/{name}"]))


def _decoy(rng: np.random.Generator, known: list[Example]) -> Example:
    chains = (decoy(rng, [example.chains[0].sequence for example in known]),)
    return Example("decoy", chains, target_of(chains))


def _crop(rng: np.random.Generator, example: Example) -> Example:
    """A part of a long protein, whose structure is that of the whole: cheaper, and it teaches as much at first."""
    if example.n_res <= CROP:
        return example
    start = int(rng.integers(0, example.n_res - CROP + 1))
    chains = tuple(cropped(chain, slice(start, start + CROP)) for chain in example.chains)
    return Example("crop", chains, target_of(chains))


def export(training: Training, structures: Path) -> None:
    """Writes the running mean of the parameters and the list of what they know, and prints how well."""
    arrays = file_arrays(training.mean, training.config)
    path = demo_file(training.config.name)
    write_parameters(path, arrays)
    _write_list([_known(entry, structures) for entry in KNOWN[training.config.name]])
    with torch.device("meta"):
        model = AlphaFold(training.config)
    load_parameters(model, arrays, training.config, path.name)
    known, others = (
        [(example.name, joined_sequence(example.chains), example.target) for example in examples]
        for examples in (training.known, training.others)
    )
    if model.config.name == DEMO:
        print(table(model, known, others), of_random(model), sep="\n")
        return
    sequences = sorted({chain.sequence for example in (*training.known, *training.others) for chain in example.chains})
    print(table(model, known, []), of_pairs(model, [sequence for _, sequence, _ in known], sequences), sep="\n")


def _known(entry: Entry, structures: Path) -> KnownProtein:
    parts = [f"chain {name}, residues {part.start + 1}-{part.stop}" for name, part in entry.parts]
    sequence = joined_sequence(chains_of(entry, structures))
    return KnownProtein(entry.name, sequence, f"PDB {entry.pdb} {'; '.join(parts)}: {entry.title}")


def _write_list(learned: list[KnownProtein]) -> None:
    """What one network knows now, and the others as they were."""
    every = learned + [known for known in known_proteins() if known.model != learned[0].model]
    lines = ["# What the demo parameters know by heart; written by scripts/demo/train.py."]
    for known in sorted(every, key=lambda known: DEMO_NETWORKS.index(known.model)):
        lines += ["", "[[protein]]", *(f'{key} = "{value}"' for key, value in vars(known).items())]
    demo_list().write_text("\n".join(lines) + "\n")


def _unknown(plddt: Tensor, pae: Tensor, chain: Tensor) -> dict[str, Tensor]:
    """A structure that nobody knows: low confidence and large errors."""
    low = torch.full(plddt.shape[:1], int(UNKNOWN_LDDT * plddt.shape[-1]))
    i = torch.arange(pae.shape[0])
    # Neighbours in the chain are always near.
    apart = torch.where(chain[:, None] == chain[None, :], (i[:, None] - i[None, :]).abs(), pae.shape[0])
    error = (3.8 * apart.float()).clamp(max=20.0)
    bins = (error / 31.0 * (pae.shape[-1] - 2)).long()
    return {"plddt": F.cross_entropy(plddt, low), "pae": F.cross_entropy(pae.flatten(0, 1), bins.flatten())}


def _masked_query(logits: Tensor, inputs: Inputs) -> Tensor:
    """Supplement 1.9.9 for the query's own row, where the draw hid or changed its residues."""
    changed = inputs.msa_feat[0, :, :23].argmax(-1) != inputs.aatype
    return F.cross_entropy(logits[changed], inputs.aatype[changed]) if changed.any() else logits.sum() * 0


def _resolved(logits: Tensor, target: Target) -> Tensor:
    """Supplement 1.9.10, over the atoms that the residues have."""
    exists = torch.as_tensor(ATOM37_EXISTS)[target.aatype] > 0
    return F.binary_cross_entropy_with_logits(logits[exists], target.atom37_mask[exists])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("--model", choices=KNOWN, default=DEMO)
    parser.add_argument("--structures", type=Path, required=True, help="folder with mmcif/ and pdb/")
    parser.add_argument("--steps", type=int, default=3000, help="of the whole training")
    parser.add_argument("--stop-after", type=int, help="steps of this run")
    parser.add_argument("--export", action="store_true", help="no step, but what the state holds is exported")
    arguments = parser.parse_args()
    training = Training(arguments.model, arguments.structures, arguments.steps)
    if arguments.state.exists():
        training.load(arguments.state)
    end = min(arguments.steps, training.step + (arguments.stop_after or arguments.steps))
    start = time.perf_counter()
    end = training.step if arguments.export else end
    while training.step < end:
        told = training.advance()
        if training.step % 30 < 6:
            print(f"{training.step} {time.perf_counter() - start:.0f} s: {told}", flush=True)
        if training.step % SAVE_EVERY == 0 or training.step == end:
            training.save(arguments.state)
    if arguments.export or training.step == arguments.steps:
        export(training, arguments.structures)


if __name__ == "__main__":
    main()
