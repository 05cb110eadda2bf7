"""What the search and the features of a run depend on, and what was done for each query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from af2cpu.formats.streams import name_of
from af2cpu.records import Query
from af2cpu.search.databases import DatabaseSet
from af2cpu.workspace import Target

RECORD = "search.json"

Tell = Callable[[str, str], None]  # target, line
Progress = Callable[[str, int, int], None]  # what, done, in all


def with_log(tell: Tell, targets: Mapping[str, Target]) -> Tell:
    """`tell` that also writes the lines of each target into its log.txt."""

    def told(name: str, line: str) -> None:
        tell(name, line)
        try:
            targets[name].log(line)
        except OSError as error:  # a log that can't be written is no reason to lose the result
            tell(name, f"log.txt can't be written: {error}")

    return told


@dataclass(frozen=True)
class InputSettings:
    """What the search and the features of a run depend on."""

    databases: DatabaseSet
    alignments: tuple[Path, ...] = ()  # --msa: replace the search
    own_templates: tuple[Path, ...] = ()  # --template: replace the template search
    max_template_date: date | None = None
    threads: int = 1
    fetch_structures: Callable[[Sequence[str], Path], None] | None = None  # --mmcif on-demand


@dataclass
class InputReport:
    """What was done for one query; written to search.json."""

    query: Query
    target: Target
    alignments: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    given_hits: Path | None = None  # pdb_hits.sto that came with given alignments
    databases: list[dict[str, Any]] = field(default_factory=list)  # what was searched, now or by an earlier run
    fresh: set[str] = field(default_factory=set)  # what was made now: names of databases, "features"
    seconds: float | None = None  # of making features.npz, now or by an earlier run; None: not known
    n_seq: int = 0
    n_templ: int = 0
    error: str | None = None

    def write(self, settings: InputSettings) -> None:
        """Writes search.json. Raises OSError."""
        self.target.write_json(
            RECORD,
            {
                "name": self.query.name,
                "source": self.query.source,
                "sequence": self.query.sequence,
                "databases": self.databases,
                "alignments": [self._place(path) for path in self.alignments],
                "own_templates": [name_of(path) for path in settings.own_templates],
                "max_template_date": settings.max_template_date,
                "msa_rows": self.n_seq,
                "templates": self.n_templ,
                "notes": self.notes,
                "error": self.error,
            },
        )

    def _place(self, path: Path) -> str:
        """Below the target's folder, or, of a file that the user gave, as it was given."""
        folder = self.target.folder
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name_of(path)
