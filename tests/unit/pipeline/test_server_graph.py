# SPDX-License-Identifier: Apache-2.0
"""The nodes that ask an MSA server: one ticket for many sequences, in the run's own process, nothing superfluous."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from plan_cases import MACHINE, search_plan

from af2cpu.pipeline.graph import Graph, Node, Output, build_graph
from af2cpu.pipeline.stages import STAGES
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import ModelPlan
from af2cpu.plan.plan import Plan
from af2cpu.records import Query
from af2cpu.schedule.choose import makespan, share_of_helpers
from af2cpu.schedule.workers.plan import WorkerPlan
from af2cpu.search.databases import DatabaseSet
from af2cpu.settings import RunSettings

URL = "https://msa.example.org/"
MODELS = (ModelPlan("model_1_ptm", "params.npz", "content", 93_000_000, 3, 0.0),)
NONE = DatabaseSet((), None, Path("data/mmcif_files"), None)


def query(name: str, sequence: str) -> Query:
    return Query(name, sequence, name, "made up")


def graph_of(*queries: Query | Job, models: tuple[ModelPlan, ...] = (), **settings: object) -> Graph:
    jobs = tuple(one if isinstance(one, Job) else Job.of(one, Path("out") / one.name) for one in queries)
    plan = search_plan(Path("out"), [], NONE, RunSettings(msa_server=URL, **settings))
    return build_graph(Plan(**vars(plan) | {"jobs": jobs, "models": models, "machine": MACHINE}))


def asking(graph: Graph) -> dict[str, Node]:
    return {node.id: node for node in graph.nodes if node.stage.startswith("msa server")}


def test_nodes_of_a_batch() -> None:
    graph = graph_of(query("a", "MKV"), query("ab", "MKV:MKT"), query("b", "MKT"), models=MODELS)
    found = asking(graph)
    assert list(found) == ["msa_server:a", "msa_server:hits:a", "msa_server:pairs:ab"]
    assert all(node.here and node.cost.cores == 1 and node.stage in STAGES for node in found.values())
    assert not any(node.here for node in graph.nodes if node.id not in found)
    items = found["msa_server:a"].items
    assert [item.task.query.sequence for item in items] == ["MKV", "MKT"]
    assert items[0].places == {
        "a": Path("out/a/msas/msa_server_hits.a3m"),
        "ab": Path("out/ab/msas/A/msa_server_hits.a3m"),
    }
    assert {item.task.url for item in items} == {"https://msa.example.org"}
    features = next(node for node in graph.nodes if node.id == "ab/features").items[0]
    assert features.inputs == {
        "A/alignments": (Output("msa_server:a", 0),),
        "A/pairing": (),
        "A/hits": (Output("msa_server:hits:a", 0),),
        "A/own_templates": (),
        "B/alignments": (Output("msa_server:a", 1),),
        "B/pairing": (),
        "B/hits": (Output("msa_server:hits:a", 1),),
        "B/own_templates": (),
        "paired": (Output("msa_server:pairs:ab"),),
    }
    assert [one.mmcif for one in features.task.entities] == [Path("out/.af2cpu/mmcif")] * 2
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_a_ticket_has_sixteen_sequences_at_the_most() -> None:
    graph = graph_of(*(query(f"t{k}", f"MKV{'ACDEFGHIKLMNPQRSTVWY'[k]}") for k in range(20)), template_search="none")
    assert [len(node.items) for node in asking(graph).values()] == [16, 4]


def test_equal_complexes_share_their_pairs() -> None:
    graph = graph_of(query("x", "MKV:MKT"), query("y", "MKV:MKT"), query("z", "MKT:MKV"), query("xx", "MKV:MKT:MKT"))
    pairs = [node for node in graph.nodes if node.stage == "msa server pairs"]
    assert [node.targets for node in pairs] == [("x", "y"), ("z",), ("xx",)]
    assert [item.task.copies for node in pairs for item in node.items] == [(1, 1), (1, 1), (1, 2)]


def test_what_is_given_is_not_asked_for() -> None:
    job = Job.of(query("ab", "MKV:MKT"), Path("out/ab"))
    first, second = job.entities
    own = (Path("own.a3m"),)
    half = replace(job, entities=(replace(first, alignments=own), second))
    assert list(asking(graph_of(half))) == ["msa_server:ab_B", "msa_server:hits:ab_B"]
    assert (
        asking(graph_of(replace(job, entities=(replace(first, alignments=own), replace(second, alignments=own))))) == {}
    )
    hits = replace(job, entities=(replace(first, hits=Path("pdb_hits.sto")), second))
    graph = graph_of(hits)
    assert [item.task.query.name for item in asking(graph)["msa_server:hits:ab_B"].items] == ["ab_B"]
    task = next(node for node in graph.nodes if node.id == "ab/features").items[0].task
    assert ([one.mmcif for one in task.entities], task.mmcif) == ([None, Path("out/.af2cpu/mmcif")], NONE.mmcif)
    templates = replace(job, entities=(replace(first, templates=(Path("x.cif"),)), second))
    assert "msa server hits" not in {node.stage for node in asking(graph_of(templates)).values()}
    assert "msa server pairs" not in {node.stage for node in asking(graph_of(query("ab", "MKV:MKV"))).values()}
    paired = replace(job, paired_msa=Path("paired.a3m"))
    assert "msa server pairs" not in {node.stage for node in asking(graph_of(paired)).values()}


def test_the_cache() -> None:
    graph = graph_of(query("ab", "MKV:MKT"), msa_cache=Path("cache"))
    caches = [item.cache for node in asking(graph).values() for item in node.items]
    assert len(set(caches)) == 5
    assert all(one is not None and one.is_relative_to("cache") for one in caches)
    assert asking(graph)["msa_server:hits:ab_A"].items[0].task.mmcif == Path("cache/mmcif")


def test_waiting_for_a_server_takes_time_and_no_worker() -> None:
    graph = graph_of(query("a", "MKV" * 30), query("b", "MKT" * 30), models=MODELS, template_search="none")
    workers = [WorkerPlan(f"fold-{k}", 1, (k,), True) for k in range(2)]
    ask = next(iter(asking(graph).values()))
    rest = [node for node in graph.nodes if node is not ask]
    together, without = (makespan(nodes, workers, 8e9) for nodes in (graph.nodes, rest))
    assert together == pytest.approx(without + ask.cost.seconds)
    assert share_of_helpers(graph.nodes, 1) == share_of_helpers(rest, 1)
