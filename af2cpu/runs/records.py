# SPDX-License-Identifier: Apache-2.0
"""What each stage of a run did, as frozen records, and their JSON: written and read here and nowhere else.

The records travel from stage to stage and into the report. Their files keep the names and keys that users' scripts
know: run.json, search.json, relax_<prediction>.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from af2cpu.errors import InputError
from af2cpu.records import (
    CHAIN_BREAK,
    ChainConfidence,
    Confidence,
    Interface,
    NetworkTemplate,
    Ranking,
    TemplateSkipped,
    TemplateUsed,
)

_R = TypeVar("_R")


@dataclass(frozen=True)
class DatabaseIndexed:
    """A database that is ready to be searched."""

    name: str
    path: str
    hash: str  # of all its bytes
    sequences: int
    residues: int
    too_long_skipped: int  # sequences over HMMER's limit, which no search sees
    notes: tuple[str, ...] = ()
    seconds: float = 0.0  # of counting it, if that was done now


@dataclass(frozen=True)
class ServerAnswer:
    """An MSA server's part in a search."""

    url: str
    ticket: str | None  # of the sequences; None for the structures of template hits, which have none
    rows: Mapping[str, int] = field(default_factory=dict)  # by file of the answer, such as uniref.a3m; queries count


@dataclass(frozen=True)
class DatabaseUsed:
    """The search of one database for one sequence, as search.json and run.json have it."""

    name: str
    path: str
    hash: str  # of all its bytes; of profiles, of the names, sizes and times of their files
    sequences: int  # or profiles
    residues: int  # or columns of profiles
    too_long_skipped: int
    hits: int
    seconds: float  # the sequence's share of the pass over the database
    rows: int | None = None  # of the alignment, the query counts; None for template hits
    way: str | None = None  # packed, plain or without screen (search/targets.py); None in records of older versions
    passed: int | None = None  # sequences that passed the filter and that HMMER's pipeline has seen
    program: str | None = None  # external program with its version, such as hhblits 3.3.0; None: searched by pyhmmer
    command: str | None = None  # of that program
    chains: tuple[str, ...] = ()  # of a complex those whose sequence was searched
    server: ServerAnswer | None = None  # that searched: sizes and hash of its databases are not known then

    @property
    def kind(self) -> str:
        """What the database is made of, for people."""
        return "profiles" if self.program else "sequences"


@dataclass(frozen=True)
class DatabaseSearched(DatabaseUsed):
    """The search of one database for one sequence, with what later steps take from it."""

    notes: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()  # PDB entries of the template hits, best first
    hit_lines: tuple[str, ...] = ()  # of an MSA server: the best template hits, lines of its pdb70.m8


@dataclass(frozen=True)
class StructuresFetched:
    """Structures of template hits, fetched on demand."""

    notes: tuple[str, ...]  # one line for each that could not be had
    seconds: float


@dataclass(frozen=True)
class TemplateChoice:
    """The templates of the features, and the hits that gave none."""

    used: tuple[TemplateUsed, ...] = ()
    skipped: tuple[TemplateSkipped, ...] = ()


@dataclass(frozen=True)
class FeaturesMade:
    """The raw features of one protein."""

    n_seq: int  # rows of the joined MSA
    n_templ: int
    seconds: float
    notes: tuple[str, ...]  # templates that were skipped or realigned
    templates: TemplateChoice = TemplateChoice()
    files: Mapping[str, str] = field(default_factory=dict)  # which rows of a complex were paired -> content hash


@dataclass(frozen=True)
class SearchRecord:
    """search.json: where a protein's features come from."""

    name: str
    source: str
    sequence: str
    databases: tuple[DatabaseUsed, ...]
    alignments: tuple[str, ...]  # below the target's folder, or as the user gave them
    own_templates: tuple[str, ...]
    max_template_date: str | None
    msa_rows: int
    templates: int
    notes: tuple[str, ...] = ()
    template_choice: TemplateChoice = TemplateChoice()

    def as_json(self) -> dict[str, Any]:
        """The content of search.json."""
        return _without_servers(to_json(self))


def _without_servers(content: dict[str, Any]) -> dict[str, Any]:
    """A record without the key of MSA servers where none was asked."""
    for database in content["databases"]:
        if database["server"] is None:
            del database["server"]
    return content


@dataclass(frozen=True)
class EngineUsed:
    """What a prediction was computed with."""

    engine: str
    precision: str
    threads: int
    isa: str | None = None  # instruction set of the native kernels
    in_pytorch: tuple[str, ...] = ()  # operations that had no kernel


@dataclass(frozen=True)
class PassScores:
    """How sure a model is after one pass."""

    plddt: float  # mean, 0-100
    ptm: float | None  # 0-1; ptm models only
    change: float  # angstrom: of the C-alpha distances since the pass before
    iptm: float | None = None  # 0-1; complexes only


@dataclass(frozen=True)
class Predicted:
    """One prediction of one model."""

    confidence: Confidence
    engine: EngineUsed
    seconds: float  # of the passes
    draw_seconds: float  # of drawing the network's input from the features
    files: Mapping[str, str]  # kind and ending of the files beside the arrays -> content hash
    notes: tuple[str, ...]
    passes: tuple[PassScores, ...] = ()  # of each pass, in order
    templates: tuple[NetworkTemplate, ...] = ()  # that the network was given


@dataclass(frozen=True)
class Ranked:
    """The order of a protein's predictions, best first."""

    ranking: Ranking
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(entry.who.name for entry in self.ranking.entries)


@dataclass(frozen=True)
class RelaxationRecord:
    """relax_<prediction>.json: one relaxation."""

    relaxed: bool
    reason: str | None  # why it is not relaxed, or what ended it before it converged
    notes: tuple[str, ...]
    violations_before: tuple[int, ...]  # n_res, 1 for a residue with structural violations
    violations_after: tuple[int, ...]
    energy_before_kcal_mol: float | None
    energy_after_kcal_mol: float | None
    rmsd_heavy_angstrom: float | None
    rounds: int
    steps: int
    files: Mapping[str, str]  # ending -> content hash of the relaxed structure

    @property
    def remaining(self) -> int:
        """Residues with structural violations after the relaxation."""
        return sum(self.violations_after)


@dataclass(frozen=True)
class Remaining:
    """The entry of a relaxed prediction in relax_metrics.json, AlphaFold 2's."""

    remaining_violations: tuple[float, ...]  # n_res, 1.0 for a residue with structural violations
    remaining_violations_count: float


@dataclass(frozen=True)
class RelaxationDone:
    """A relaxation and what it cost."""

    record: RelaxationRecord
    seconds: float
    notes: tuple[str, ...]  # of the structure and of writing the files


@dataclass(frozen=True)
class FilesWritten:
    """Files that a stage wrote beside its first one."""

    files: Mapping[str, str]  # path below the first one's folder -> content hash
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParametersUsed:
    """The parameters of one model."""

    source: str
    fingerprint: str


@dataclass(frozen=True)
class PredictionScores:
    """One line of a ranking."""

    name: str
    plddt: float  # mean, 0-100
    ptm: float | None
    iptm: float | None = None  # 0-1, of a complex
    chains: tuple[ChainConfidence, ...] = ()  # of a complex, in its order
    interfaces: tuple[Interface, ...] = ()  # of a complex, each pair of chains once

    @classmethod
    def of(cls, confidence: Confidence) -> PredictionScores:
        return cls(
            name=confidence.who.name,
            plddt=confidence.mean_plddt,
            ptm=confidence.ptm,
            iptm=confidence.iptm,
            chains=confidence.chains,
            interfaces=confidence.interfaces,
        )


_OF_COMPLEXES = {"iptm", "chains", "interfaces"}


@dataclass(frozen=True, kw_only=True)
class TargetRun:
    """run.json: enough to predict a protein again in the same way, and to know what it cost."""

    name: str
    sequence: str  # of a complex those of its chains, joined by ':'
    source: str
    settings: Mapping[str, Any]
    engine: str | None = None
    isa: str | None = None  # of the native kernels
    in_pytorch: tuple[str, ...] = ()  # operations that had no native kernel
    precision: str | None = None
    threads: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, ParametersUsed] = field(default_factory=dict)
    databases: tuple[DatabaseUsed, ...] = ()
    template_choice: TemplateChoice = TemplateChoice()  # empty for features that were made elsewhere
    ranking: tuple[PredictionScores, ...]  # best first
    remaining_violations: Mapping[str, int] = field(default_factory=dict)  # relaxed prediction -> residues with some
    not_relaxed: Mapping[str, str]  # prediction that was to be relaxed -> why it is not
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds, by AlphaFold 2's names
    passes: Mapping[str, tuple[PassScores, ...]] = field(default_factory=dict)  # prediction -> scores of each pass

    @property
    def best(self) -> PredictionScores:
        return self.ranking[0]

    @property
    def n_chains(self) -> int:
        return self.sequence.count(CHAIN_BREAK) + 1

    @property
    def n_res(self) -> int:
        """Residues of all chains."""
        return len(self.sequence) - self.sequence.count(CHAIN_BREAK)

    def relaxation(self, prediction: str) -> str:
        """The outcome of the relaxation of a prediction, in one line; empty if it was not to be relaxed."""
        if prediction in self.not_relaxed:
            return f"not relaxed: {self.not_relaxed[prediction]}"
        if prediction not in self.remaining_violations:
            return ""
        left = self.remaining_violations[prediction]
        return f"relaxed, {left or 'no'} violation{'s remain' if left != 1 else ' remains'}"

    def as_json(self) -> dict[str, Any]:
        """The content of run.json; only engine native has an instruction set, only complexes have scores of chains."""
        content: dict[str, Any] = _without_servers(to_json(self))
        left_out = {"isa", "in_pytorch"} if self.isa is None else set()
        content = {name: value for name, value in content.items() if name not in left_out}
        if self.n_chains == 1:
            lines = [*content["ranking"], *(line for passes in content["passes"].values() for line in passes)]
            for line in lines:
                for name in _OF_COMPLEXES & line.keys():
                    del line[name]
        return content


@dataclass(frozen=True)
class Pair:
    """A target of --pairs and the names of the two records that it is a complex of."""

    target: str
    a: str  # of baits and preys, the bait
    b: str


@dataclass(frozen=True)
class Failure:
    """Why a target's last run failed."""

    stage: str
    message: str  # one line


_adapters: dict[Any, TypeAdapter[Any]] = {}  # by type; each takes milliseconds to make


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_json(record: Any) -> Any:
    """A record as values that JSON can hold."""
    return _adapter(type(record)).dump_python(record, mode="json")


def from_json(kind: type[_R], value: Any) -> _R:
    """A record from `to_json`'s values. Raises ValueError that says what is missing or of another type."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else str(first["msg"])) from error


def record_bytes(record: Any) -> bytes:
    """The content of a record's file."""
    return orjson.dumps(to_json(record), option=orjson.OPT_INDENT_2)


def read_record(kind: type[_R], path: Path) -> _R:
    """The record in a file. Raises InputError that names the file and what is wrong with it."""
    try:
        return from_json(kind, orjson.loads(path.read_bytes()))
    except (OSError, ValueError) as error:  # orjson's and ours are ValueErrors
        raise InputError(f"{path}: can't be read ({error}); run af2cpu predict again") from error
