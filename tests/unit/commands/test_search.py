# SPDX-License-Identifier: Apache-2.0
"""The commands as users type them: what is written, what is said, which exit code."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pytest
from make_databases import EXAMPLES, example_files
from mmcif_cases import protein, write_mmcif
from search_cases import demo, demo_database, needs_kernels, queries
from typer.testing import CliRunner, Result

from af2cpu.cli import app
from af2cpu.formats.features import read_features
from af2cpu.search import msa, structures


def af2cpu(*arguments: object) -> Result:
    """Runs a command; errors that are not the user's are raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("out")
    result = af2cpu("search", *example_files(), "-o", out, "--data-dir", demo())
    assert result.exit_code == 0, result.output
    return out, result.output


def test_search_writes_af2s_layout(searched: tuple[Path, str]) -> None:
    out, text = searched
    assert {path.name for path in out.glob("[!.]*")} == {query.name for query in queries()} | {"status.json"}
    files = {path.name for path in (out / "gb1" / "msas").glob("[!.]*")}
    assert files == {"uniref90_hits.sto", "small_bfd_hits.sto", "mgnify_hits.sto", "pdb_hits.sto"}
    features = read_features(out / "gb1/features.npz")
    assert features.n_seq > 100
    record = orjson.loads((out / "gb1/search.json").read_bytes())
    assert [entry["name"] for entry in record["databases"]] == ["uniref90", "small_bfd", "mgnify", "pdb_seqres"]
    assert all(len(entry["hash"]) == 32 for entry in record["databases"])
    assert all(entry["hits"] > 0 and entry["seconds"] > 0 for entry in record["databases"])
    assert record["max_template_date"] is None
    hits = next(entry["hits"] for entry in record["databases"] if entry["name"] == "uniref90")
    assert re.search(rf"uniref90 \(\w+\): {demo_database('uniref90')[1].n_seq:,} sequences, .*{hits} hits, ", text)
    assert "lysozyme: 129 residues" in text


def test_a_second_run_reuses_everything(searched: tuple[Path, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(searched[0], out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.sto")} | {
        path: path.stat().st_mtime_ns for path in out.rglob("*.npz")
    }
    result = af2cpu("search", *example_files(), "-o", out, "--data-dir", demo())
    assert result.output.count("reused") == 4 * len(queries())
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (out / "gb1/msas/mgnify_hits.sto").unlink()
    result = af2cpu("search", *example_files(), "-o", out, "--data-dir", demo())
    assert result.output.count("reused") == 4 * len(queries()) - 1
    record = (out / "gb1/search.json").read_bytes()
    (out / "gb1/search.json").unlink()  # as a kill leaves it between the search and the features
    assert af2cpu("search", *example_files(), "-o", out, "--data-dir", demo()).exit_code == 0
    assert (out / "gb1/search.json").read_bytes() == record
    assert "ubiquitin" not in (out / "gb1/log.txt").read_text()
    assert "mgnify_hits.sto: up to date" in (out / "gb1/log.txt").read_text()
    assert (out / "gb1/msas/mgnify_hits.sto").exists()


def test_given_alignments_give_the_same_features(searched: tuple[Path, str], tmp_path: Path) -> None:
    msas = searched[0] / "ubiquitin/msas"
    result = af2cpu("search", EXAMPLES / "ubiquitin.fasta", "-o", tmp_path, "--msa", msas, "--features-only")
    assert result.exit_code == 0, result.output
    found, expected = (read_features(folder / "ubiquitin/features.npz") for folder in (tmp_path, searched[0]))
    assert (found.msa == expected.msa).all()
    assert (found.deletion_matrix_int == expected.deletion_matrix_int).all()
    files = ["--msa", msas / "uniref90_hits.sto", "--msa", msas / "mgnify_hits.sto"]
    af2cpu("search", EXAMPLES / "ubiquitin.fasta", "-o", tmp_path / "two", *files)
    assert read_features(tmp_path / "two/ubiquitin/features.npz").n_seq < found.n_seq


def test_an_alignment_as_input_is_not_searched(tmp_path: Path) -> None:
    path = tmp_path / "mine.a3m.gz"
    path.write_bytes(gzip.compress(b"#5\t1\n>101\nMKVLA\n>a\nM-VLA\n"))
    result = af2cpu("search", path, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    features = read_features(tmp_path / "out/mine/features.npz")
    assert features.msa.shape == (2, 5)
    assert np.array_equal(features.residue_index, np.arange(5))


def test_a_database_by_name(tmp_path: Path) -> None:
    fasta = demo() / "small_bfd/bfd-first_non_consensus_sequences.fasta"
    result = af2cpu("search", EXAMPLES / "ubiquitin.fasta", "-o", tmp_path, "--db", f"mine={fasta}", "--threads", 1)
    n_seq = fasta.read_bytes().count(b">")
    assert re.search(rf"mine \(\w+\): {n_seq:,} sequences, .*48 hits", result.output)  # the family has 48
    assert (tmp_path / "ubiquitin/msas/mine_hits.sto").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "full"], "--preset full: needs --data-dir"),
        (["--template-search", "hhsearch"], "--template-search hhsearch: needs pdb70"),
        ([], "no database to search"),
        (["--db", "x"], "must be demo, name=path or name=path:rows"),
        (["--features-only"], "needs alignments"),
        (["--mmcif", "some"], "--mmcif some: must be one of local, on-demand"),
        (["--db", "x=/nowhere/x.fa"], "databases are missing: x (/nowhere/x.fa)"),
        (["--msa", "/nowhere/x.a3m"], "there is no such alignment"),
    ],
)
def test_bad_options_end_with_one_line_and_exit_code_2(tmp_path: Path, options: list[str], message: str) -> None:
    result = af2cpu("search", EXAMPLES / "ubiquitin.fasta", "-o", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bad_input_ends_before_any_work(tmp_path: Path) -> None:
    path = tmp_path / "x.fasta"
    path.write_text(">a\nMKV\n>b\nMK1\n")
    result = af2cpu("search", path, "-o", tmp_path / "out", "--data-dir", demo())
    assert result.exit_code == 2
    assert "record 2 (b), position 3: '1' is no amino acid" in result.output
    assert not (tmp_path / "out").exists()
    result = af2cpu("search", *example_files(), "-o", tmp_path / "out", "--msa", path)
    assert f"--msa: fits one target, and the input has {len(queries())}" in result.output
    alignment = tmp_path / "y.a3m"
    alignment.write_text(">y\nMKV\n")
    result = af2cpu("search", alignment, "-o", tmp_path / "out", "--msa", alignment)
    assert result.exit_code == 2
    assert "y.a3m is an alignment itself" in result.output


def test_one_bad_target_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "ubiquitin").write_text("a file where the target's folder should be")
    inputs = [EXAMPLES / "ubiquitin.fasta", EXAMPLES / "trp_cage.fasta"]
    result = af2cpu("search", *inputs, "-o", tmp_path, "--data-dir", demo())
    assert result.exit_code == 1
    assert "failed: " in result.output
    assert str(tmp_path / "ubiquitin") in result.output
    assert (tmp_path / "trp_cage/features.npz").exists()


@pytest.mark.parametrize("content", ["data_X\n", "ATOM      1  P     G A   1       1.000   1.000   1.000\n"])
def test_a_template_that_can_not_be_used_is_refused_before_any_work(tmp_path: Path, content: str) -> None:
    template = tmp_path / "broken.cif"
    template.write_text(content)
    query, out = EXAMPLES / "ubiquitin.fasta", tmp_path / "out"
    for command in (["search"], ["predict", "--params", "demo"], ["predict", "--params", "demo", "--dry-run"]):
        result = af2cpu(*command, query, "-o", out, "--data-dir", demo(), "--template", template)
        assert result.exit_code == 2
        assert "broken.cif: no " in result.output
        assert not list(out.glob("*/*"))


@pytest.fixture(scope="module")
def with_structures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo databases and a structure for each chain of pdb_seqres that is a relative of an example."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("uniref90", "small_bfd", "mgnify", "pdb_seqres"):
        (folder / name).symlink_to(demo() / name)
    structures = folder / "pdb_mmcif/mmcif_files"
    structures.mkdir(parents=True)
    records = (demo() / "pdb_seqres/pdb_seqres.txt").read_text().split(">")[1 : 1 + 3 * len(queries())]
    for seed, record in enumerate(records):
        header, letters = record.splitlines()
        write_mmcif(
            structures / f"{header[:4]}.cif", [protein("A", "A", letters, seed)], ["2019-05-0" + str(seed % 9 + 1)]
        )
    return folder


def test_templates(with_structures: Path, tmp_path: Path) -> None:
    arguments = ["search", EXAMPLES / "ubiquitin.fasta", "-o", tmp_path, "--data-dir", with_structures]
    result = af2cpu(*arguments)
    assert result.exit_code == 0, result.output
    features = read_features(tmp_path / "ubiquitin/features.npz")
    assert features.n_templ >= 3  # three relatives, and weak hits
    skipped = result.output.count("skipped: ")
    assert skipped > 0
    assert af2cpu(*arguments).output.count("skipped: ") == skipped  # notes are kept when all is reused
    af2cpu(*arguments, "--max-template-date", "2019-01-01")
    assert read_features(tmp_path / "ubiquitin/features.npz").n_templ == 0
    assert orjson.loads((tmp_path / "ubiquitin/search.json").read_bytes())["max_template_date"] == "2019-01-01"


def test_an_own_template_and_a_given_hits_file(with_structures: Path, tmp_path: Path) -> None:
    own = sorted((with_structures / "pdb_mmcif/mmcif_files").iterdir())[0]
    query = tmp_path / "q.fasta"
    letters = next(
        text.split("\n")[1]
        for text in (demo() / "pdb_seqres/pdb_seqres.txt").read_text().split(">")
        if text.startswith(own.stem)
    )
    query.write_text(f">q\n{letters}\n")
    result = af2cpu("search", query, "-o", tmp_path, "--data-dir", with_structures, "--template", own)
    assert result.exit_code == 0, result.output
    assert read_features(tmp_path / "q/features.npz").n_templ == 1
    assert not (tmp_path / "q/msas/pdb_hits.sto").exists()

    ubiquitin = ["search", EXAMPLES / "ubiquitin.fasta", "--data-dir", with_structures]
    af2cpu(*ubiquitin, "-o", tmp_path / "a")
    af2cpu(*ubiquitin, "-o", tmp_path / "b", "--msa", tmp_path / "a/ubiquitin/msas", "--features-only")
    first, second = (read_features(tmp_path / name / "ubiquitin/features.npz") for name in "ab")
    assert (first.template_domain_names == second.template_domain_names).all()
    assert first.n_templ == second.n_templ >= 3


def test_structures_on_demand(with_structures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    shutil.copytree(with_structures, folder, symlinks=True)
    stored = tmp_path / "stored"
    (folder / "pdb_mmcif/mmcif_files").rename(stored)
    (folder / "pdb_mmcif/mmcif_files").mkdir()
    asked: list[str] = []

    def fetch(entries: Sequence[str], target: Path) -> list[str]:
        for entry in entries:
            asked.append(entry)
            if (stored / f"{entry}.cif").exists():
                shutil.copy(stored / f"{entry}.cif", target)
        return ["structure 9zzz not fetched: gone"]

    arguments = ["search", EXAMPLES / "ubiquitin.fasta", "--data-dir", folder, "-o", tmp_path / "out"]
    monkeypatch.setattr(structures, "fetch_entries", fetch)
    assert af2cpu(*arguments).exit_code == 0
    assert not asked  # only when asked for
    assert read_features(tmp_path / "out/ubiquitin/features.npz").n_templ == 0
    result = af2cpu(*arguments, "--mmcif", "on-demand")
    assert result.exit_code == 0, result.output
    assert len(asked) == len(set(asked)) > 3
    assert read_features(tmp_path / "out/ubiquitin/features.npz").n_templ >= 3


def test_ctrl_c_ends_with_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(msa, "search", interrupt)
    result = af2cpu("search", EXAMPLES / "ubiquitin.fasta", "-o", tmp_path, "--data-dir", demo())
    assert result.exit_code == 130
    assert "interrupted" in result.output
    assert "Traceback" not in result.output


@needs_kernels
def test_packed_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(demo(), folder, ignore=shutil.ignore_patterns("*.json"))
    fasta = folder / "uniref90/uniref90.fasta"
    assert af2cpu("db", "index", fasta).exit_code == 0
    assert "not packed" in af2cpu("db", "list", "--data-dir", folder).output
    assert "sequences packed, 0.00 GB" in af2cpu("db", "pack", fasta).output
    assert "sequences packed already" in af2cpu("db", "index", "--pack", fasta).output
    assert af2cpu("db", "verify", fasta).output.count(": as ") == 2
    listed = af2cpu("db", "list", "--data-dir", folder).output
    assert f"sequences, packed: {fasta}" in listed
    hidden = fasta.rename(folder / "aside")
    listed = af2cpu("db", "list", "--data-dir", folder).output
    assert f"sequences, packed, without the FASTA file: {fasta}" in listed
    downloads = af2cpu("db", "download", "uniref90", "--data-dir", folder, "--dry-run").output
    assert "uniref90    there already" in downloads
    assert "as packed" in af2cpu("db", "verify", fasta).output
    hidden.rename(fasta)
    packed = fasta.with_name(f"{fasta.name}.af2cpu-packed")
    packed.write_bytes(packed.read_bytes()[:-5])
    assert "packed file DAMAGED" in af2cpu("db", "list", "--data-dir", folder).output
    assert af2cpu("db", "verify", fasta).exit_code == 2
    packed.unlink()
    options = ["--db", f"mine={fasta}", "-o", tmp_path / "out"]
    for way in ("plain", "packed"):
        if way == "packed":
            shutil.rmtree(tmp_path / "out")
            af2cpu("db", "pack", fasta)
        text = af2cpu("search", EXAMPLES / "ubiquitin.fasta", *options).output
        (database,) = orjson.loads((tmp_path / "out/ubiquitin/search.json").read_bytes())["databases"]
        assert database["way"] == way
        assert database["hits"] <= database["passed"] < 0.1 * database["sequences"]
        assert f"mine ({way}): {database['sequences']:,} sequences, " in text
        assert f"{database['passed']:,} passed the filter, {database['hits']} hits, " in text


def test_db_commands(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(demo(), folder, ignore=shutil.ignore_patterns("*.json"))
    listed = af2cpu("db", "list", "--data-dir", folder).output
    assert listed.count("not indexed") == 5
    fasta = folder / "uniref90/uniref90.fasta"
    assert af2cpu("db", "verify", fasta).exit_code == 2
    result = af2cpu("db", "index", fasta)
    assert result.exit_code == 0
    assert f"{demo_database('uniref90')[1].n_seq:,} sequences" in result.output
    assert "as indexed" in af2cpu("db", "verify", fasta).output
    fasta.write_bytes(fasta.read_bytes()[:-5000])
    assert "CHANGED since it was indexed" in af2cpu("db", "list", "--data-dir", folder).output
    assert af2cpu("db", "verify", fasta).exit_code == 2
    shutil.rmtree(folder / "mgnify")
    (folder / "mgnify").mkdir()
    (folder / "mgnify/mgy_clusters_2022_05.fa.part").write_bytes(bytes(2_000_000))
    listed = af2cpu("db", "list", "--data-dir", folder).output
    assert "(af2cpu db download mgnify: about 67 GB, 0.002 GB of it are there, 120 GB on disk)" in listed
    assert "no database is named x" in af2cpu("db", "download", "x", "--data-dir", folder).output


def test_many_pairs_are_counted(tmp_path: Path) -> None:
    """A line or two for the screen: 55 pairs have 110 alignments."""
    path = tmp_path / "all.fasta"
    path.write_text("".join(f">p{k}\n{'MKTAYIAKQR' + 'WV' * k}\n" for k in range(11)))
    database = f"uniref90={demo_database('uniref90')[0].path}"
    result = af2cpu(
        "search", "--pairs", path, "-o", tmp_path / "out", "--db", database, "--pairing", "none", "--workers", 1
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["55 targets: 55 done, 0 failed"]
    assert len(list((tmp_path / "out").glob("p*__p*/features.npz"))) == 55
    assert sum("(plain): " in line for line in result.stderr.splitlines()) == 11
