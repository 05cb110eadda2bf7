# SPDX-License-Identifier: Apache-2.0
"""af2cpu relax: one structure file, relaxed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.commands.console import print_sentence
from af2cpu.commands.errors import FAILED
from af2cpu.commands.paths import path as as_path
from af2cpu.errors import InputError
from af2cpu.settings import RunSettings

if TYPE_CHECKING:
    from af2cpu.records import Protein, Relaxed


File = Annotated[
    Path,
    typer.Argument(metavar="FILE", parser=as_path, help="Protein structure of any origin: PDB or mmCIF, plain or .gz."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        parser=as_path,
        metavar="FILE",
        help="PDB file to write, or mmCIF: NAME.cif. Default: NAME_relaxed.pdb.",
    ),
]
MaxRounds = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="NUMBER",
        help="Limit of minimisations; each frees the residues left with violations. A whole number, 1 or more.",
    ),
]


@o.with_settings("relax_threads", "relax_max_seconds", "relax_max_steps", "relax_anyway", "relax_springs")
def relax(
    file: File,
    settings: RunSettings,
    out: Out = None,
    max_rounds: MaxRounds = 3,
) -> None:
    """Relax a structure as AlphaFold 2 does: hydrogens, amber99sb, restraints.

    All chains of the file are relaxed together and keep their names and numbers.

    The exit code is 1 if the structure is not relaxed.

    Example: af2cpu relax model.pdb -o relaxed.pdb --relax-threads 4
    """
    from af2cpu.commands.listeners import showing_results
    from af2cpu.formats.streams import atomic_write
    from af2cpu.formats.structure import read_protein
    from af2cpu.relax.rounds import relax as relax_protein
    from af2cpu.relax.settings import relax_settings
    from af2cpu.relax.structure import mmcif_text, pdb_text

    target = out or Path(f"{_stem(file)}_relaxed.pdb")
    _check_target(target)
    protein, notes = read_protein(file)
    is_mmcif = target.suffix.lower() == ".cif"
    for note in (*notes, *_renamed(file, protein, is_mmcif)):
        print_sentence(f"note: {note}")
    with showing_results():
        relaxed = relax_protein(protein, relax_settings(settings, max_rounds=max_rounds))
    for note in relaxed.notes:
        print_sentence(f"note: {note}")
    if not relaxed.relaxed:
        print_sentence(f"{file}: not relaxed: {relaxed.reason}; nothing is written", stderr=True)
        raise typer.Exit(FAILED)
    text = mmcif_text if is_mmcif else pdb_text
    with atomic_write(target) as stream:
        stream.write(text(protein, relaxed.atoms).encode())
    _show(relaxed, target)


def _check_target(target: Path) -> None:
    """Before the minimisation, whose result would be lost otherwise. Raises InputError."""
    if target.is_dir():
        raise InputError(f"{target}: is a folder; give the name of a file with --out")
    if not target.parent.is_dir():
        raise InputError(f"{target.parent}: there is no such folder to write {target.name} to; make it or check --out")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError(f"{target.parent}: {target.name} can't be written there; check the folder's permissions")


def _renamed(file: Path, protein: Protein, is_mmcif: bool) -> Iterator[str]:
    """A line if chains get other names in the file to write. Raises InputError where the PDB format has too few."""
    from af2cpu.relax.structure import mmcif_chain_names, pdb_chain_names

    try:
        names = mmcif_chain_names(protein) if is_mmcif else pdb_chain_names(protein)
    except ValueError as error:
        raise InputError(f"{file}: {error}; give --out a name that ends with .cif") from error
    changes = [f"{name or 'no name'} to {new}" for name, new in names.items() if name != new]
    if changes:
        remedy = "" if is_mmcif else " for the PDB format (--out NAME.cif keeps their names)"
        yield f"chains renamed{remedy}: {', '.join(changes)}"


def _stem(file: Path) -> str:
    name = file.name.removesuffix(".gz")
    return name[: -len(Path(name).suffix)] if Path(name).suffix else name


def _show(relaxed: Relaxed, target: Path) -> None:
    if relaxed.reason:
        print_sentence(f"warning: {relaxed.reason}", stderr=True)
    before, after = int(relaxed.violations_before.sum()), int(relaxed.violations_after.sum())
    if after:
        print_sentence(f"warning: {after} residues still have structural violations", stderr=True)
    print_sentence(
        f"{target}: {relaxed.energy_before_kcal_mol:.0f} to {relaxed.energy_after_kcal_mol:.0f} kcal/mol, "
        f"residues with violations {before} to {after}, heavy atoms moved by {relaxed.rmsd_heavy:.3f} A (RMSD), "
        f"{relaxed.rounds} round{'s' if relaxed.rounds > 1 else ''}, {relaxed.steps} steps, {relaxed.seconds:.1f} s"
    )
