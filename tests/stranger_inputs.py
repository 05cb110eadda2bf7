# SPDX-License-Identifier: Apache-2.0
"""Sequences, alignments, template hits and structures, for the fuzz tests."""

from __future__ import annotations

import gzip
from pathlib import Path

from hh_cases import GB1, HHR
from mmcif_cases import entry_of_a_hit, protein, write_mmcif
from relax_cases import helix, joined, text_of
from search_cases import demo_database, queries
from stranger import Parts, Stranger

from af2cpu.features.own_template import check_template, read_template
from af2cpu.features.template import TemplateSource, hit_templates
from af2cpu.formats.a3m import read_a3m
from af2cpu.formats.obsolete import read_obsolete
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.formats.structure import read_protein
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.query import read_inputs
from af2cpu.query.alignments import read_given, read_paired
from af2cpu.query.pairs import read_pairs
from af2cpu.records import Query

EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS = ">q\nMKVLAWWW\n>r1 relative\nMKaaVLA-WW\n>r2\n--VLAWW-\n"
STOCKHOLM = (
    "# STOCKHOLM 1.0\n#=GF ID q\n\n#=GS r/1-8 DE a relative\n\nq            MKV.LAWWW\nr/1-8        MKVaLA-WW\n"
    "#=GC RF      xxx.xxxxx\n//\n"
)
JOINED = "#3,2\t1,1\n>101\t102\nMKVLA\n>u1\tu2\nM-VXA\n>101\nMKV--\n>own\nM----\n>102\n---LA\n>u3\nMKaVL-\n"
CSV = "id,sequence,description\na,MKVLA,one\nb,MKVLA:GGSW,two chains\n"
QUERY = Query("q", "MKVLAWWW", "q", "test")
CHAINS = (Query("a", "MKV", "a", "test"), Query("b", "LA", "b", "test"))


def _inputs(path: Path) -> object:
    return read_inputs([path])


def fasta(folder: Path) -> Stranger:
    return Stranger("in.fasta", {"": (EXAMPLES / "pairs.fasta").read_bytes()}, _inputs)


def fasta_gz(folder: Path) -> Stranger:
    content = (EXAMPLES / "small_proteins.fasta").read_bytes()
    return Stranger("in.fasta.gz", {"text": content, "end": b""}, _inputs, _gzipped)


def _gzipped(parts: Parts) -> bytes:
    text, end = parts.values()
    return gzip.compress(text, 1, mtime=0) + end


def fasta_pairs(folder: Path) -> Stranger:
    return Stranger("in.fasta", {"": (EXAMPLES / "pairs.fasta").read_bytes()}, lambda path: read_pairs([path]))


def csv(folder: Path) -> Stranger:
    return Stranger("in.csv", {"": CSV.encode()}, _inputs)


def a3m(folder: Path) -> Stranger:
    def read(path: Path) -> object:
        return read_a3m(path), read_given(path, QUERY), read_inputs([path])

    return Stranger("q.a3m", {"": ROWS.encode()}, read)


def a3m_of_complex(folder: Path) -> Stranger:
    return Stranger("c.a3m", {"": JOINED.encode()}, lambda path: (read_paired(path, CHAINS), read_inputs([path])))


def stockholm(folder: Path) -> Stranger:
    return Stranger("q.sto", {"": STOCKHOLM.encode()}, lambda path: (read_stockholm(path), read_given(path, QUERY)))


def template_hits(folder: Path) -> Stranger:
    from plan_cases import searched

    from af2cpu.search.databases import select

    (query,) = queries("ubiquitin")
    done = searched(folder / "hits", query, select(demo_database("uniref90")[0].path.parents[1], None, []))
    source = TemplateSource(folder / "none")

    def read(path: Path) -> object:
        return hit_templates(query, read_template_hits(path, query), source)

    return Stranger("pdb_hits.sto", {"": (done.folder / "msas" / "pdb_hits.sto").read_bytes()}, read)


def hhsearch_hits(folder: Path) -> Stranger:
    return Stranger("pdb_hits.hhr", {"": HHR.encode()}, lambda path: read_template_hits(path, GB1))


def obsolete(folder: Path) -> Stranger:
    text = b" LIST OF OBSOLETE COORDINATE ENTRIES AND SUCCESSORS\nOBSLTE    31-JUL-94 116L     216L\n"
    return Stranger("obsolete.dat", {"": text + b"OBSLTE    29-JAN-96 125D\n"}, read_obsolete)


def _own_template(path: Path) -> object:
    return check_template(Query("q", "SAKDHRELQA", "", "test"), read_template(path))


def pdb(folder: Path) -> Stranger:
    text = text_of(joined(helix("SAKDHRELQA", first=10), helix("MCEL", chain="B", shift=25.0)))
    return Stranger("template.pdb", {"": text.encode()}, lambda path: (_own_template(path), read_protein(path)))


def mmcif(folder: Path) -> Stranger:
    made = write_mmcif(folder / "1abc.cif", [protein("A", "A", "SAKDHRELQA", 1)], ("2009-01-02",))
    return Stranger("template.cif", {"": made.read_bytes()}, _own_template)


def mmcif_of_the_pdb(folder: Path) -> Stranger:
    """Damaged ones are skipped: nothing is raised at all."""
    made, query, hit = entry_of_a_hit(folder)
    return Stranger(
        "1abc.cif", {"": made.read_bytes()}, lambda path: hit_templates(query, [hit], TemplateSource(path.parent))
    )
