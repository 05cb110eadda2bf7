# SPDX-License-Identifier: Apache-2.0
"""`RunSettings`: the only place where a setting has its name, type, range, default and help."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field

PTM_MODELS = tuple(f"model_{k}_ptm" for k in range(1, 6))
MULTIMER_MODELS = tuple(f"model_{k}_multimer_v3" for k in range(1, 6))
DEMO_MODELS, DEMO_MULTIMER_MODELS = ("demo",), ("demo_multimer",)

MAX_RECYCLES = 20

# Groups of settings, in the order in which the help of the commands and the documentation show them. No result depends
# on those of BATCH.
GROUPS = INPUT, NETWORK, OUTPUT, RUN, BATCH = "Search and features", "Network", "Output", "Run", "Many targets"


def default_models(params: str | None, n_chains: int = 1) -> tuple[str, ...]:
    """The models that run for a target unless others are named: the demo parameters have their own."""
    if n_chains > 1:
        return DEMO_MULTIMER_MODELS if params == "demo" else MULTIMER_MODELS
    return DEMO_MODELS if params == "demo" else PTM_MODELS


def parts_of(text: str) -> list[str]:
    """The elements of a list written as text: `a,b`, or a JSON list for elements that have commas in them.

    Raises ValueError for text that begins as a JSON list of texts and is none.
    """
    if text.startswith('["'):
        return [str(part) for part in json.loads(text)]
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _listed(value: Any) -> Any:
    """One text or path given for a list."""
    if isinstance(value, str):
        return parts_of(value)
    return [value] if isinstance(value, os.PathLike) else value


def _preset(value: Any) -> Any:
    """AlphaFold's own words, reduced_dbs and full_dbs, for our reduced and full."""
    return value.removesuffix("_dbs") if isinstance(value, str) else value


def _auto(value: Any) -> Any:
    return None if value == "auto" else value


_Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
_Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed)]


def _setting(
    group: str, text: str, default: Any = None, *, unset: str = "none", example: Any = None, **limits: Any
) -> Any:
    """A field. text: its help, full sentences. Where the default is no value, unset says what the run does then, and
    example is a value for the TOML template."""
    extra = {"group": group, "unset": unset, "example": default if example is None else example}
    return Field(default, description=text, json_schema_extra=extra, **limits)


class RunSettings(BaseModel):
    """All that a run depends on besides its inputs and the output folder. Lengths in angstrom, memory in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: _Texts = _setting(
        NETWORK,
        "Models to run: model_1 to model_5; model_1_ptm to model_5_ptm, which also predict aligned errors; or "
        "model_1_multimer_v3 to model_5_multimer_v3, those of AlphaFold-Multimer.",
        (),
        unset="the five ptm models, for a complex the five multimer models; with --params demo its own",
        example=PTM_MODELS,
        min_length=1,
    )
    params: str | None = _setting(
        NETWORK,
        "Parameters of the network: a folder with params_model_*.npz, one such file, demo (comes with the program), "
        "or synthetic:SEED (random numbers, for tests).",
        unset="the folder params in the data folder",
        example="/data/alphafold/params",
    )
    data_dir: Path | None = _setting(
        INPUT,
        "Folder with databases and parameters, in the layout that AlphaFold's scripts make.",
        example="/data/alphafold",
    )
    preset: Annotated[str | None, BeforeValidator(_preset)] = _setting(
        INPUT,
        "Set of databases to search in the data folder: reduced is AlphaFold's reduced_dbs, and full its full_dbs, "
        "which needs hh-suite's hhblits on PATH. AlphaFold's own names, reduced_dbs and full_dbs, work too.",
        unset="reduced",
        example="reduced",
    )
    db: _Texts = _setting(
        INPUT,
        "Databases to search besides those of the data folder: name=path for a FASTA file, name=path:rows to cap its "
        "alignment, or demo for the small made-up databases that come with the program. AlphaFold's names, such as "
        "uniref90, replace the database of the data folder and keep AlphaFold's caps. bfd, uniref30 and pdb70 take the "
        "common beginning of the paths of hh-suite's files.",
        (),
        example=["mine=/data/mine.fasta"],
    )
    msa_server: str | None = _setting(
        INPUT,
        "Address of an MSA server with ColabFold's protocol, which finds alignments, paired rows of complexes and "
        "templates in place of all databases. Sequences without an alignment of your own are sent to it; without this "
        "setting no sequence leaves the machine. The data folder is used for parameters only.",
        example="https://msa.example.org",
    )
    complex: bool = _setting(
        INPUT,
        "Read each FASTA or CSV file as one complex: its records are the chains, and the complex is named after the "
        "file. Without it each record is a target, and a colon joins the chains of a complex.",
        False,
    )
    msa: _Paths = _setting(
        INPUT,
        "Alignments to use in place of the search (one target only): files, or AlphaFold's msas folder. In a complex "
        "a file belongs to the chain whose sequence is its first row, and A=FILE to chain A and its copies; chains "
        "without an alignment are searched.",
        (),
        example=["mine.a3m"],
    )
    paired_msa: Path | None = _setting(
        INPUT,
        "Alignment whose rows are paired as given, in place of the pairing by species: an a3m with the distinct "
        "sequences of a complex side by side, with or without ColabFold's first line.",
        example="paired.a3m",
    )
    pairing: Literal["species", "complete", "none"] = _setting(
        INPUT,
        "Pairing of the alignments of a complex's different chains: species searches UniProt (uniprot in the data "
        "folder) and puts rows of one species side by side, none leaves them unpaired. An MSA server pairs by species "
        "too, with complete only the species that all chains have.",
        "species",
    )
    msa_cache: Path | None = _setting(
        INPUT,
        "Folder that keeps alignments by sequence and database, so that later runs reuse them.",
        example="/data/msa_cache",
    )
    template: _Paths = _setting(
        INPUT,
        "Structure files (mmCIF or PDB) to use as templates in place of the template search. In a complex a file is "
        "used for the chains that resemble one of its own, and A=FILE for chain A and its copies.",
        (),
        example=["mine.cif"],
    )
    template_search: Literal["hmmsearch", "hhsearch", "none"] = _setting(
        INPUT,
        "Search of templates: hmmsearch on pdb_seqres, as AlphaFold's multimer pipeline, or hhsearch on pdb70, as its "
        "monomer pipeline, which needs hh-suite's hhsearch on PATH; an MSA server finds its own hits in place of "
        "hmmsearch's. With none there are no templates but those of --template.",
        "hmmsearch",
    )
    max_template_date: date | None = _setting(
        INPUT,
        "Only templates that were released up to this day are used, for example 2020-05-14.",
        unset="all",
        example=date(2020, 5, 14),
    )
    mmcif: Literal["local", "on-demand"] = _setting(
        INPUT,
        "Source of the template hits' structures: local takes those of the data folder, on-demand also fetches the "
        "missing ones from files.wwpdb.org.",
        "local",
    )
    recycles: int | None = _setting(
        NETWORK,
        "Number of times that the network's output is fed back to it as input.",
        unset="the model's own (3; multimer models 20)",
        example=3,
        ge=0,
        le=MAX_RECYCLES,
    )
    recycle_tolerance: float | None = _setting(
        NETWORK,
        "Recycling stops early once the structure changes by less than this distance, in angstrom.",
        unset="the model's own (0: it never stops early; multimer models 0.5)",
        example=0.5,
        ge=0,
        allow_inf_nan=False,
    )
    recycle_extra_pass: bool = _setting(
        NETWORK,
        "Make one more pass after recycling has stopped early, as DeepMind's program does for multimer models; "
        "ColabFold does not.",
        False,
    )
    ensembles: int = _setting(
        NETWORK, "Number of random draws of the MSA that each pass averages over.", 1, ge=1, le=32
    )
    max_msa: str | None = _setting(
        NETWORK,
        "Limit of the MSA's size, CLUSTERS:EXTRA rows, for example 256:512; smaller is faster and needs less memory.",
        unset="the model's own",
        example="256:512",
    )
    seed: int = _setting(NETWORK, "Random seed. The same seed gives the same result.", 0, ge=0)
    num_seeds: int = _setting(
        NETWORK,
        "Number of predictions of each model, each with a random seed of its own; with 5 a complex has the 25 "
        "predictions of AlphaFold-Multimer.",
        1,
        ge=1,
    )
    dropout: bool = _setting(
        NETWORK,
        "Run the network with the dropout of its training in the trunk, as ColabFold's --use-dropout, so that "
        "predictions of different seeds differ more.",
        False,
    )
    initial_guess: Path | None = _setting(
        NETWORK,
        "Structure (PDB or mmCIF) from whose positions the first pass is recycled, as with ColabFold's "
        "--initial-guess; or a folder with such a file for each target, named after the target.",
        example="guess.pdb",
    )
    stop_at_score: float | None = _setting(
        NETWORK,
        "No more predictions of a target are made after one that scores higher than this: the mean pLDDT of a single "
        "chain, 80 ipTM + 20 pTM of a complex. The predictions are then made one after the other: all models with the "
        "first seed, then all with the next.",
        unset="all predictions are made",
        example=85.0,
        ge=0,
        le=100,
    )
    precision: Literal["auto", "bf16", "fp32"] = _setting(
        NETWORK,
        "Number format of the network's large products: auto takes bf16 where the processor multiplies it in hardware.",
        "auto",
    )
    engine: Literal["auto", "native", "torch", "compile", "ipex"] = _setting(
        NETWORK,
        "Implementation that the network runs on: auto takes the native kernels where they were built, else PyTorch.",
        "auto",
    )
    relax: Literal["best", "all", "none"] = _setting(
        OUTPUT, "Predictions to relax with the Amber force field: the best one, all, or none.", "best"
    )
    relax_threads: int = _setting(
        OUTPUT,
        "Threads of the relaxation. With one thread the result is the same to the last bit each time; more are faster.",
        1,
        ge=1,
    )
    relax_anyway: bool = _setting(
        OUTPUT,
        "Also relax structures that are noise: over half of their residues overlap others, or over half of their "
        "peptide bonds are torn.",
        False,
    )
    relax_max_seconds: float = _setting(
        OUTPUT,
        "Time limit of one structure's relaxation, in seconds; after it the last complete round is used.",
        7200.0,
        ge=0,
        allow_inf_nan=False,
    )
    relax_max_steps: int = _setting(
        OUTPUT, "Limit of the minimiser's steps in each of the up to three rounds of a relaxation.", 20_000, ge=1
    )
    relax_springs: bool = _setting(
        OUTPUT,
        "Minimise first with springs in place of the constrained bonds to hydrogen: up to 3.5 times faster, but some "
        "atoms end up to 0.13 angstrom away from where AlphaFold's protocol leaves them.",
        False,
    )
    layout: Literal["af2", "colabfold"] = _setting(
        OUTPUT, "Names of the output files: those of AlphaFold 2, or those of ColabFold.", "af2"
    )
    model_date: date | None = _setting(
        OUTPUT,
        "Date of the model that is written into the structure files, for example 2024-01-31.",
        unset="left out",
        example=date(2024, 1, 31),
    )
    save_recycles: bool = _setting(OUTPUT, "Also write the structure of each pass through the network.", False)
    save_all: bool = _setting(OUTPUT, "Also save the network's logits and representations, which are large.", False)
    af2_pickles: bool = _setting(OUTPUT, "Also write the .pkl files of AlphaFold 2.", False)
    threads: int | None = _setting(
        RUN,
        "Number of threads for the search and the network.",
        unset="all cores that the process may use",
        example=8,
        ge=1,
    )
    numa_node: int | None = _setting(
        RUN, "NUMA node of the machine whose cores and memory the run keeps to.", unset="all nodes", example=0, ge=0
    )
    memory: ByteSize | None = _setting(
        RUN, "Memory limit for the run, for example 16G.", unset="the memory that is free", example="16G", ge=1
    )
    workers: Annotated[int | None, BeforeValidator(_auto)] = _setting(
        BATCH,
        "Number of worker processes that share the cores of this machine; 1 runs everything in the process itself.",
        unset="auto: several for more than one target, if that is estimated to be faster; else 1",
        example=2,
        ge=1,
    )
    cores_per_fold: int | None = _setting(
        BATCH,
        "Number of cores of each worker process that runs the network.",
        unset="the cores divided by the workers; on large machines those of a NUMA node, but for some that relax",
        example=16,
        ge=1,
    )
    wait: bool = _setting(
        BATCH, "Wait for targets that another run is at work on; without it they are skipped and reported.", False
    )
    scheduler: str | None = _setting(
        BATCH,
        "Dask scheduler to run on: tcp://HOST:PORT, tls://HOST:PORT, or the path of a scheduler file. Its workers are "
        "started with af2cpu worker and see the same folders.",
        example="tcp://node1:8786",
    )
    slurm: bool = _setting(BATCH, "Start the workers as Slurm jobs; --cluster-config says which.", False)
    pbs: bool = _setting(BATCH, "Start the workers as PBS jobs; --cluster-config says which.", False)
    lsf: bool = _setting(BATCH, "Start the workers as LSF jobs; --cluster-config says which.", False)
    sge: bool = _setting(BATCH, "Start the workers as Grid Engine jobs; --cluster-config says which.", False)
    cluster_config: Path | None = _setting(
        BATCH,
        "TOML file for --slurm, --pbs, --lsf or --sge: jobs (their number), cores and memory of each, and "
        "other options of dask-jobqueue, such as queue, account and walltime.",
        example="cluster.toml",
    )
    tls_ca: Path | None = _setting(
        BATCH,
        "Certificate of the authority that signed those of the cluster, a PEM file. With the three --tls settings all "
        "connections are encrypted, and those without a certificate of this authority are refused.",
        example="ca.pem",
    )
    tls_cert: Path | None = _setting(BATCH, "Certificate of this host or user, a PEM file.", example="cert.pem")
    tls_key: Path | None = _setting(BATCH, "Key of the certificate, a PEM file.", example="key.pem")

    def models_for(self, n_chains: int) -> tuple[str, ...]:
        """The models that run for a target of so many chains."""
        return self.models or default_models(self.params, n_chains)
