# SPDX-License-Identifier: Apache-2.0
"""hh-suite in tests: miniature databases made with its own tools, and scripts that take the place of its programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from search_cases import demo, demo_database, queries

from af2cpu.records import Query
from af2cpu.search.profile_databases import LAYOUT, ProfileDatabase, files_of
from af2cpu.shipped import shipped

_TOOLS = ("hhblits", "hhsearch", "hhmake", "ffindex_build", "ffindex_apply")
_HOMES = ("/usr/share/hhsuite", os.environ.get("HHLIB", ""))
(GB1,) = queries("gb1")


def needs_hh_suite() -> None:
    """Skips the test where hh-suite is not installed."""
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if lacking or not _cstranslate() or _data() is None:
        pytest.skip(f"hh-suite is not installed (Debian's package hhsuite): {', '.join(lacking) or 'cstranslate'}")


def _cstranslate() -> str | None:
    """Debian's start script for it looks in the wrong folder: the portable build beside it is taken."""
    debian = Path("/usr/libexec/hhsuite/cstranslate-plain")
    return str(debian) if debian.is_file() else shutil.which("cstranslate")


def _data() -> Path | None:
    return next((Path(home, "data") for home in _HOMES if home and Path(home, "data/cs219.lib").is_file()), None)


def make_profiles(prefix: Path, families: Mapping[str, Sequence[str]]) -> None:
    """The six files of a database with an alignment for each family: header -> rows of equal length."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    alignments = prefix.parent / "alignments"
    alignments.mkdir()
    for header, rows in families.items():
        named = (f">{header}" if k == 0 else f">{header.split()[0]}_{k}" for k in range(len(rows)))
        text = "".join(f"{name}\n{row}\n" for name, row in zip(named, rows, strict=True))
        (alignments / header.split()[0]).write_text(text)  # names must differ between databases too
    a3m, hhm, cs219 = (f"{prefix}{part}" for part in ("_a3m", "_hhm", "_cs219"))
    _run("ffindex_build", "-s", f"{a3m}.ffdata", f"{a3m}.ffindex", alignments)
    hhmake = ("hhmake", "-v", 0, "-i", "stdin", "-o", "stdout")
    _run(
        "ffindex_apply", f"{a3m}.ffdata", f"{a3m}.ffindex", "-d", f"{hhm}.ffdata", "-i", f"{hhm}.ffindex", "--", *hhmake
    )
    libraries = ("-A", f"{_data()}/cs219.lib", "-D", f"{_data()}/context_data.lib")
    _run(_cstranslate() or "", *libraries, "-x", 0.3, "-c", 4, "--ffindex", "-b", "-I", "a3m", "-i", a3m, "-o", cs219)
    shutil.rmtree(alignments)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="af2cpu-hh-")


@cache
def full_dbs() -> Path:
    """AlphaFold's folder of databases for full_dbs and hhsearch, in miniature. Skips where hh-suite is missing."""
    needs_hh_suite()
    folder, rng = Path(_folder().name), np.random.default_rng(11)
    link_sequences(folder)
    make_profiles(folder / LAYOUT["bfd"], {f"bfd{k} a cluster": family(rng, 0.2 + 0.1 * k) for k in range(4)})
    make_profiles(folder / "uniref30/UniRef30_2021_03", {f"u{k} another": family(rng, 0.3 + 0.1 * k) for k in range(2)})
    make_profiles(
        folder / LAYOUT["pdb70"], {header: [row] for header, row in pdb_chains() if header.startswith(("0I6", "0I7"))}
    )
    return folder


def link_sequences(folder: Path) -> None:
    """The demo's sequences and structures in a data folder."""
    for name in ("uniref90", "mgnify"):
        demo_database(name)
        (folder / name).symlink_to(demo() / name)
    for name in ("pdb_seqres", "pdb_mmcif"):
        (folder / name).symlink_to(shipped("demo_databases") / name)


def family(rng: np.random.Generator, distance: float) -> list[str]:
    """A relative of GB1 and four of its own, without gaps."""
    first = _relative(rng, GB1.sequence, distance)
    return [first, *(_relative(rng, first, 0.3) for _ in range(4))]


def _relative(rng: np.random.Generator, sequence: str, distance: float) -> str:
    letters = np.frombuffer(sequence.encode(), np.uint8).copy()
    changed = rng.random(len(letters)) < distance
    letters[changed] = rng.choice(np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", np.uint8), changed.sum())
    return letters.tobytes().decode()


def pdb_chains() -> list[tuple[str, str]]:
    """Header as pdb70 has it, and sequence, of the demo's PDB sequences."""
    text = (shipped("demo_databases") / "pdb_seqres/pdb_seqres.txt").read_text()
    records = (record.split("\n", 1) for record in text.split(">")[1:])
    return [(f"{head[:4].upper()}{head.split()[0][4:]} DEMO PROTEIN", body.replace("\n", "")) for head, body in records]


def touched(folder: Path, names: Sequence[str] = tuple(LAYOUT)) -> Path:
    """A data folder whose databases of profiles are empty files: enough for scripts that take a program's place."""
    for name in names:
        prefix = folder / LAYOUT[name].replace("*", "2021_03")
        prefix.parent.mkdir(parents=True, exist_ok=True)
        for file in files_of(prefix):
            file.write_bytes(b"profile\t0\t57\n" if file.name.endswith("_cs219.ffindex") else b"x" * 57)
    return folder


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, body: str) -> Path:
    """A shell script on PATH in place of a program; it says its version, and writes its arguments to <program>.args."""
    script = folder / "bin" / program
    script.parent.mkdir(exist_ok=True)
    version = f"[ \"$1\" = -h ] && {{ echo '{program} 9.8.7:'; exit 0; }}"
    script.write_text(f'#!/bin/sh\n{version}\necho "$@" >> {folder}/{program}.args\n{body}\n')
    script.chmod(0o755)
    if str(script.parent) not in os.environ["PATH"].split(os.pathsep):
        monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)
    return script


def bfd_uniref(data_dir: Path) -> ProfileDatabase:
    """BFD and UniRef30 of a data folder."""
    return ProfileDatabase("bfd_uniref", (data_dir / LAYOUT["bfd"], data_dir / "uniref30/UniRef30_2021_03"), "hhblits")


def pdb70(data_dir: Path) -> ProfileDatabase:
    """pdb70 of a data folder."""
    return ProfileDatabase("pdb70", (data_dir / LAYOUT["pdb70"],), "hhsearch")


def named(query: Query, name: str) -> Query:
    """The query under another name."""
    return Query(name, query.sequence, f"{name} of a test", query.source)


HHR = f"""Query         gb1 a protein
Match_columns 56
No_of_seqs    3 out of 3
Command       hhsearch -i query.a3m

 No Hit                             Prob E-value P-value  Score    SS Cols Query HMM  Template HMM
  1 1ABC_A DEMO PROTEIN            100.0 1.7E-60 1.5E-61  317.6   0.0    5    3-9      11-16  (20)
  2 2XYZ_B                          99.0 1.7E-50 1.5E-51  217.6   0.0    5    1-5       1-5   (9)

No 1
>1ABC_A DEMO PROTEIN
Probab=100.00  E-value=1.7e-60  Score=317.56  Aligned_cols=5  Identities=74%  Similarity=1.069  Sum_probs=6.5  \
Template_Neff=1.900

Q ss_pred             CC-C
Q gb1               3 {GB1.sequence[2:4]}-{GB1.sequence[4]}    5 (56)
Q Consensus         3 xx-x    5 (56)
                      || |
T Consensus        11 xxx-   13 (20)
T 1ABC_A           11 MKV-   13 (20)
T ss_dssp             HHH-
Confidence            99 9

Q gb1               6 {GB1.sequence[5:9]}    9 (56)
Q Consensus         6 xxxx    9 (56)
T Consensus        14 xxxx   16 (20)
T 1ABC_A           14 A-AG   16 (20)

No 2
>2XYZ_B
Probab=99.00  E-value=1.7e-50  Score=217.6  Aligned_cols=5  Identities=50%  Similarity=1.0  Sum_probs=7.0  \
Template_Neff=1.9

Q gb1               1 {GB1.sequence[:5]}    5 (56)
T 2XYZ_B            1 ACDEF    5 (9)

""".replace("\\\n", "")
