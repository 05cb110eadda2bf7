# SPDX-License-Identifier: Apache-2.0
"""File names of the two layouts: AlphaFold 2's and ColabFold's.

AlphaFold 2's names of a prediction never change; the ranked ones are copies. ColabFold's bear the rank, which is known
only at the end: until then a file has its name without `rank_NNN_`, as with ColabFold itself. At every moment each file
has one of the two names, so that a run can be killed and gone on with.

The structures of the passes, kind recycles with endings .r0.pdb, .r1.pdb, ..., have ColabFold's names; in AlphaFold 2's
layout, which has none for them, they have a folder of their own, so that unrelaxed_*.pdb are whole predictions still.
"""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import orjson

from af2cpu.formats.streams import atomic_write
from af2cpu.outputs.scores import afdb_pae_json, colabfold_scores_json, confidence_json, pae_json
from af2cpu.records import Confidence, Prediction, PredictionId, Ranking
from af2cpu.records.chain_ids import MAX_IN_PDB
from af2cpu.settings import MAX_RECYCLES

STRUCTURES = (".pdb", ".cif")
_PROBED = 50  # ranks in ColabFold's names
RECYCLES = "recycles"  # kind of the structures of the passes


def structure_endings(n_chains: int) -> tuple[str, ...]:
    """Of the structure files of a prediction; for more chains than the PDB format has identifiers there is no .pdb."""
    return STRUCTURES if n_chains <= MAX_IN_PDB else (".cif",)


def pass_ending(recycle: int, ending: str) -> str:
    """Of the structure after so many recycles."""
    return f".r{recycle}{ending}"


def write_bytes(path: Path, content: bytes) -> Path:
    """A whole file or none. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(content)
    return path


@dataclass(frozen=True)
class Layout(ABC):
    """The paths of the files of one protein."""

    folder: Path
    job: str  # safe name of the protein

    score_kinds: ClassVar[tuple[str, ...]]  # of the JSON files of a prediction

    @abstractmethod
    def of(self, kind: str, who: PredictionId, ending: str) -> Path:
        """A prediction's file when it is written; kind: unrelaxed, relaxed, recycles, result or a score file."""

    @abstractmethod
    def find(self, kind: str, who: PredictionId, ending: str) -> Path | None:
        """The present path of a prediction's file, with a rank or without; None if it does not exist."""

    def is_relaxed(self, name: str) -> bool:
        """Whether the ranking names a relaxed structure for a prediction, known by AlphaFold 2's name."""
        path = self.document("relax_metrics")
        return path.is_file() and name in orjson.loads(path.read_bytes())

    @abstractmethod
    def plot(self, kind: str) -> Path:
        """coverage, plddt or pae."""

    @abstractmethod
    def document(self, name: str) -> Path:
        """A JSON file of the whole protein: ranking_debug, timings, relax_metrics or run."""

    @abstractmethod
    def page(self) -> Path:
        """The report."""

    @abstractmethod
    def scores(self, prediction: Prediction, confidence: Confidence) -> Iterator[tuple[Path, bytes]]:
        """The JSON files of a prediction."""

    def written_structures(self, who: PredictionId) -> list[str]:
        """Endings of the structure files that a prediction has under its name without rank."""
        return [ending for ending in STRUCTURES if ending == ".cif" or self.of("unrelaxed", who, ending).is_file()]

    def drop_old_passes(self, who: PredictionId) -> None:
        """Removes the structures of the passes of an earlier prediction of the same name."""
        self.drop_old([RECYCLES], who, [pass_ending(k, e) for k in range(MAX_RECYCLES + 1) for e in STRUCTURES])

    @abstractmethod
    def drop_old(self, kinds: Collection[str], who: PredictionId, endings: Collection[str] = STRUCTURES) -> None:
        """Removes what an earlier prediction of the same name left: structures of `kinds`, the sign of being done."""

    @abstractmethod
    def show_ranks(self, ranking: Ranking, relaxed: Collection[str]) -> list[Path]:
        """Gives the files names that tell the ranks; `relaxed` names the predictions whose relaxed structure counts."""


@dataclass(frozen=True)
class AlphaFoldLayout(Layout):
    """AlphaFold 2's folder of one target."""

    score_kinds = ("confidence", "pae")

    def of(self, kind: str, who: PredictionId, ending: str) -> Path:
        if kind == RECYCLES:
            return self.folder / RECYCLES / f"{who.name}{ending}"
        return self.folder / f"{kind}_{who.name}{ending}"

    def find(self, kind: str, who: PredictionId, ending: str) -> Path | None:
        path = self.of(kind, who, ending)
        return path if path.is_file() else None

    def plot(self, kind: str) -> Path:
        return self.folder / "plots" / f"{kind}.png"

    def document(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def page(self) -> Path:
        return self.folder / "report.html"

    def scores(self, prediction: Prediction, confidence: Confidence) -> Iterator[tuple[Path, bytes]]:
        yield self.of("confidence", confidence.who, ".json"), confidence_json(prediction, confidence)
        if prediction.pae is not None and prediction.max_pae is not None:
            yield (
                self.of("pae", confidence.who, ".json"),
                pae_json(prediction.pae, prediction.max_pae, prediction.chains),
            )

    def drop_old(self, kinds: Collection[str], who: PredictionId, endings: Collection[str] = STRUCTURES) -> None:
        for kind in kinds:
            for ending in endings:
                self.of(kind, who, ending).unlink(missing_ok=True)

    def show_ranks(self, ranking: Ranking, relaxed: Collection[str]) -> list[Path]:
        written = []
        for rank, entry in enumerate(ranking.entries):
            state = "relaxed" if entry.who.name in relaxed else "unrelaxed"
            endings = self.written_structures(entry.who)
            pairs = [(self.of(state, entry.who, ending), f"ranked_{rank}{ending}") for ending in endings]
            pairs.append((self.of("confidence", entry.who, ".json"), f"confidence_ranked_{rank}.json"))
            if entry.ptm is not None:
                pairs.append((self.of("pae", entry.who, ".json"), f"pae_ranked_{rank}.json"))
            written += [write_bytes(self.folder / name, source.read_bytes()) for source, name in pairs]
        self._drop_ranks(written)
        return written

    def _drop_ranks(self, keep: Collection[Path]) -> None:
        """Of an earlier, longer ranking."""
        name = re.compile(r"ranked_\d+\.(pdb|cif)|(pae|confidence)_ranked_\d+\.json")
        for path in self.folder.iterdir():
            if name.fullmatch(path.name) and path not in keep:
                path.unlink()


@dataclass(frozen=True)
class ColabFoldLayout(Layout):
    """ColabFold's names: all jobs in one folder."""

    score_kinds = ("scores",)

    def of(self, kind: str, who: PredictionId, ending: str) -> Path:
        return self.folder / f"{self.job}_{_colabfold_kind(kind)}_{colabfold_tag(who)}{ending}"

    def ranked(self, kind: str, who: PredictionId, ending: str, rank: int) -> Path:
        """The file's last name; ranks count from 1."""
        return self.folder / f"{self.job}_{_colabfold_kind(kind)}_rank_{rank:03d}_{colabfold_tag(who)}{ending}"

    def find(self, kind: str, who: PredictionId, ending: str) -> Path | None:
        # Names are probed rank by rank: the folder is that of all jobs, and listing it for each prediction takes long.
        path = self.of(kind, who, ending)
        names = itertools.chain([path], (self.ranked(kind, who, ending, rank) for rank in range(1, _PROBED + 1)))
        found = next((name for name in names if name.is_file()), None)
        return found or next((there for there, without in self._ranked_now() if without == path), None)

    def plot(self, kind: str) -> Path:
        return self.folder / f"{self.job}_{kind}.png"

    def document(self, name: str) -> Path:
        return self.folder / f"{self.job}_{name}.json"

    def page(self) -> Path:
        return self.folder / f"{self.job}_report.html"

    def alignment(self) -> Path:
        """The MSA."""
        return self.folder / f"{self.job}.a3m"

    def find_any_relaxed(self) -> bool:
        """Whether a relaxed structure of the job has a rank."""
        return any(there.name.startswith(f"{self.job}_relaxed_") for there, _ in self._ranked_now())

    def done(self) -> Path:
        """Empty; ColabFold's sign that nothing is left to do."""
        return self.folder / f"{self.job}.done.txt"

    def scores(self, prediction: Prediction, confidence: Confidence) -> Iterator[tuple[Path, bytes]]:
        yield self.of("scores", confidence.who, ".json"), colabfold_scores_json(prediction, confidence)

    def drop_old(self, kinds: Collection[str], who: PredictionId, endings: Collection[str] = STRUCTURES) -> None:
        for kind in kinds:
            for ending in endings:
                self.of(kind, who, ending).unlink(missing_ok=True)
        self.done().unlink(missing_ok=True)
        gone = {self.of(kind, who, ending) for kind in kinds for ending in endings}
        for there, without in self._ranked_now():
            if without in gone:
                there.unlink()

    def show_ranks(self, ranking: Ranking, relaxed: Collection[str]) -> list[Path]:
        for there, without in self._ranked_now():  # also those that have left the ranking
            if without.is_file():
                there.unlink()  # a file without rank is newer
            else:
                there.replace(without)
        written = []
        for rank, entry in enumerate(ranking.entries, start=1):
            endings = self.written_structures(entry.who)
            kinds = [("scores", ".json"), *(("unrelaxed", ending) for ending in endings)]
            kinds += [("relaxed", ending) for ending in endings] if entry.who.name in relaxed else []
            kinds += [(RECYCLES, ending) for ending in self._written_passes(entry.who)]
            for kind, ending in kinds:
                path = self.ranked(kind, entry.who, ending, rank)
                written.append(self.of(kind, entry.who, ending).replace(path))
        return written + self._best_pae(ranking)

    def _written_passes(self, who: PredictionId) -> Iterator[str]:
        """Endings of the structures of the passes under their names without rank."""
        for recycle in range(MAX_RECYCLES + 1):
            endings = [pass_ending(recycle, ending) for ending in STRUCTURES]
            found = [ending for ending in endings if self.of(RECYCLES, who, ending).is_file()]
            if not found:
                return
            yield from found

    def _best_pae(self, ranking: Ranking) -> list[Path]:
        """AlphaFold DB's format of the best one's PAE, as ColabFold writes it."""
        path = self.folder / f"{self.job}_predicted_aligned_error_v1.json"
        content = afdb_pae_json(self.ranked("scores", ranking.entries[0].who, ".json", 1).read_bytes())
        if content is None:
            path.unlink(missing_ok=True)
            return []
        return [write_bytes(path, content)]

    def _ranked_now(self) -> list[tuple[Path, Path]]:
        """Each file of the job that bears a rank, and its name without it."""
        name = re.compile(
            rf"({re.escape(self.job)}_(?:unrelaxed|relaxed|scores))_rank_\d{{3,}}"
            r"(_(?:alphafold2|af2cpu)\w*_seed_\d{3,}(?:\.r\d+)?\.(?:pdb|cif|json))"
        )
        found = ((path, name.fullmatch(path.name)) for path in sorted(self.folder.iterdir()))
        return [(path, self.folder / "".join(match.groups())) for path, match in found if match]


def _colabfold_kind(kind: str) -> str:
    return "unrelaxed" if kind == RECYCLES else kind


def colabfold_tag(who: PredictionId) -> str:
    """ColabFold's {model_type}_{model_N}_seed_{SSS}; presets that it does not know are af2cpu's."""
    match = re.fullmatch(r"(model_\d)(_ptm|_multimer_v\d)?", who.model)
    name = f"alphafold2{match[2] or ''}_{match[1]}" if match else f"af2cpu_{who.model}"
    return f"{name}_seed_{who.seed:03d}"


LAYOUTS: dict[str, type[Layout]] = {"af2": AlphaFoldLayout, "colabfold": ColabFoldLayout}
