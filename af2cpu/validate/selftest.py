# SPDX-License-Identifier: Apache-2.0
"""The official parameters on short proteins, against numbers that others have published: a user's own check.

The published numbers are ColabFold's float32 runs, as the alphafold2-webgpu project recorded them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor, log10
from pathlib import Path

import numpy as np
import torch

from af2cpu.errors import ParameterError
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.raw import make_features
from af2cpu.features.sample import Sampler
from af2cpu.formats.a3m import read_a3m
from af2cpu.model.config import model_config
from af2cpu.records import Chains, Features, Prediction, ProcessedFeatures, Query
from af2cpu.validate.threefry import PassNumbers
from af2cpu.weights.network import load_network
from af2cpu.weights.source import find_parameters, fingerprint

PLDDT, PTM, IPTM = "mean pLDDT", "pTM", "ipTM"


@dataclass(frozen=True)
class Published:
    """Scores of a protein or complex after each number of recycles, and what they were computed from."""

    model: str
    chains: tuple[str, ...]
    scores: Mapping[int, Mapping[str, float]]  # recycles -> score -> value; pLDDT 0-100, pTM and ipTM 0-1
    spread: Mapping[str, float]  # of each score: how far from the published value is right
    rows: tuple[str, ...] = ()  # of the MSA below the query, in its columns
    max_msa: tuple[int, int] | None = None  # clusters, without rows of templates, and extra rows; None: the model's own
    same_draws: bool = False  # the random numbers of the published run are known and are drawn again

    @property
    def sequence(self) -> str:
        return "".join(self.chains)


# A draw masks 15 % of the query's residues in the only row of the MSA, and our draws can't be those of the published
# runs. That is worth a few points of pLDDT; the published scores move by 130 points of pLDDT per unit of pTM, so that
# 5 points are 0.04 of pTM, and half of that again is left for the scatter of one about the other.
_MONOMER = Published(
    model="model_1_ptm",
    chains=("PIAQIHILEGRSDEQKETLIREVSEAISRSLDAPLTSVRVIITEMAKGHFGIGGELASK",),
    scores={0: {PLDDT: 56.99, PTM: 0.376}, 3: {PLDDT: 64.51, PTM: 0.434}},
    spread={PLDDT: 5.0, PTM: 0.06},
)

_COMPLEX = ("ACDE", "GHIK")
# Rows of that run's made-up alignments: digits are columns of the chain's query. The first four are paired, and all
# are each chain's own.
_PATTERNS = ("1234", "1-34", "-234", "12--", "--34", "12X4", "1111")
_PAIRED = 4


def _complex_rows() -> Iterator[str]:
    """ColabFold's MSA of the complex, without the query: paired rows, then each chain's own beside gaps."""
    own = [["".join(chain[int(c) - 1] if c.isdigit() else c for c in row) for row in _PATTERNS] for chain in _COMPLEX]
    first, second = own
    yield from (a + b for a, b in zip(first[1:_PAIRED], second[1:_PAIRED], strict=True))
    yield from (row + "-" * len(_COMPLEX[1]) for row in first)
    yield from ("-" * len(_COMPLEX[0]) + row for row in second)


# The draws are those of the published run. It rounds to half precision what it recycles and reports, which moves pLDDT
# by 0.03 and pTM by 0.1 % (measured on synthetic parameters), and a GPU's products are not of full precision either.
_MULTIMER = Published(
    model="model_1_multimer_v3",
    chains=_COMPLEX,
    scores={
        0: {PLDDT: 52.90625, PTM: 0.0120316, IPTM: 0.0019875},
        1: {PLDDT: 50.90625, PTM: 0.0112381, IPTM: 0.0022087},
        2: {PLDDT: 50.78125, PTM: 0.0112686, IPTM: 0.0021591},
        3: {PLDDT: 55.375, PTM: 0.0112000, IPTM: 0.0018730},
    },
    spread={PLDDT: 0.5, PTM: 0.0003, IPTM: 0.0002},
    rows=tuple(_complex_rows()),
    max_msa=(3, 4),
    same_draws=True,
)

PUBLISHED = (_MONOMER, _MULTIMER)


@dataclass(frozen=True)
class Row:
    """One number beside the published one."""

    what: str
    found: float
    published: float
    spread: float

    @property
    def passed(self) -> bool:
        return abs(self.found - self.published) <= self.spread  # false for NaN

    def __str__(self) -> str:
        d, verdict = max(2, 1 - floor(log10(self.spread))), "ok" if self.passed else "OFF"
        return f"{self.what}: {self.found:.{d}f}, published {self.published:.{d}f} +- {self.spread:.{d}f}  {verdict}"


def find_published(params: str | None, data_dir: Path | None) -> list[tuple[Published, str]]:
    """The published runs whose parameters are found, each with their source.

    Raises ParameterError if none are.
    """
    found: list[tuple[Published, str]] = []
    errors: list[ParameterError] = []
    for published in PUBLISHED:
        try:
            source = find_parameters(params, data_dir, published.model)
            if params is not None and Path(params).is_file():  # which may be either model's
                fingerprint(source, model_config(published.model))
        except ParameterError as error:
            errors.append(error)
        else:
            found.append((published, source))
    if not found:
        raise errors[0]
    return found


def run_selftest(source: str, published: Published, seed: int = 0) -> list[Row]:
    """Predicts the published protein in float32 with the parameters of `source`; a row for each published number.

    Raises ParameterError if the parameters are not those of the model.
    """
    model = load_network(model_config(published.model), source).set_precision("fp32")
    recycles = max(published.scores)
    rows = []
    with torch.no_grad():
        for result in model.passes(_draws(published, seed, recycles + 1), recycles, 0.0, 1):
            if result.index in published.scores:
                found = _scores(model.conclude(result, (), False))
                after = f"after {result.index} recycles"
                for score, value in published.scores[result.index].items():
                    rows.append(Row(f"{score} {after}", found[score], value, published.spread[score]))
    return rows


def _scores(prediction: Prediction) -> dict[str, float]:
    plddt = float(np.mean(prediction.plddt, dtype=np.float64))
    assert prediction.ptm is not None  # a model with PAE
    scores = {PLDDT: plddt, PTM: prediction.ptm}
    return scores if prediction.iptm is None else scores | {IPTM: prediction.iptm}


def _draws(published: Published, seed: int, count: int) -> Sequence[ProcessedFeatures]:
    """The input of each pass."""
    data = model_config(published.model).data
    config = SamplingConfig(data.max_msa_clusters, data.max_extra_msa, data.max_templates, draw=data.draw)
    if published.max_msa:
        clusters, extra = published.max_msa
        config = replace(config, max_msa_clusters=clusters + config.max_templates, max_extra_msa=extra)
    features = _features(published)
    if not published.same_draws:
        return Draws(features, config, seed, count)
    sampler = Sampler(features, config)
    numbers = (PassNumbers(seed, index, config.replace_fraction) for index in range(count))
    return [sampler.draw(one) for one in numbers]  # type: ignore[arg-type]


def _features(published: Published) -> Features:
    query = Query("selftest", published.sequence, "selftest", "published")
    lines = "".join(f">{k}\n{row}\n" for k, row in enumerate((published.sequence, *published.rows)))
    features = make_features(query, [read_a3m(io.BytesIO(lines.encode()))])
    residue_index = np.concatenate([np.arange(len(chain), dtype=np.int32) for chain in published.chains])
    return replace(features, residue_index=residue_index, **vars(Chains.of(published.chains)))
