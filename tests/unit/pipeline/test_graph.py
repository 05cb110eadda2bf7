# SPDX-License-Identifier: Apache-2.0
"""The graph of a run: plain data, in an order in which it can be made, equal sequences searched once."""

from __future__ import annotations

import pickle
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from plan_cases import MACHINE, search_plan

from af2cpu.commands.plan_text import plan_lines, steps_lines, target_line
from af2cpu.pipeline.graph import AmongBest, Graph, Node, Output, UntilScore, build_graph, total_cost
from af2cpu.pipeline.stages import STAGES
from af2cpu.pipeline.survey import Step, Survey
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import ModelPlan, Passes, count_passes
from af2cpu.plan.plan import Plan
from af2cpu.records import Query
from af2cpu.search.databases import Database, DatabaseSet
from af2cpu.search.profile_databases import ProfileDatabase
from af2cpu.settings import RunSettings

DATABASES = DatabaseSet(
    (Database("uniref90", Path("u.fasta"), 10_000), Database("mgnify", Path("m.fa"), 501)),
    Database("pdb_seqres", Path("pdb_seqres.txt")),
    Path("mmcif_files"),
    None,
)
MODELS = tuple(ModelPlan(f"model_{k}_ptm", "params.npz", f"content {k}", 93_000_000, 3, 0.0) for k in (1, 2, 3))


def query(name: str, sequence: str) -> Query:
    return Query(name, sequence, name, "made up")


def graph_of(*queries: Query, models: tuple[ModelPlan, ...] = MODELS, **settings: object) -> Graph:
    plan = search_plan(Path("out"), queries, DATABASES, RunSettings(**settings))
    return build_graph(Plan(**vars(plan) | {"models": models, "machine": MACHINE}))


def of_stage(graph: Graph, stage: str) -> list[Node]:
    return [node for node in graph.nodes if node.stage == stage]


def test_every_node_follows_those_that_it_needs() -> None:
    graph = graph_of(query("a", "MKV"), query("b", "MKV"), query("c", "MKT"), relax="all")
    seen: set[str] = set()
    for node in graph.nodes:
        assert node.stage in STAGES
        assert set(node.needs()) <= seen, node.id
        assert node.id not in seen
        seen.add(node.id)


def test_it_is_plain_data() -> None:
    graph = graph_of(query("a", "MKV"), num_seeds=2)
    assert pickle.loads(pickle.dumps(graph)) == graph
    assert graph_of(query("a", "MKV"), num_seeds=2) == graph


def test_equal_sequences_are_searched_once() -> None:
    graph = graph_of(query("a", "MKV"), query("b", "MKT"), query("c", "MKV"))
    for node in (*of_stage(graph, "msa"), *of_stage(graph, "template hits")):
        assert [item.targets for item in node.items] == [("a", "c"), ("b",)]
    first = of_stage(graph, "msa")[0].items[0]
    assert first.places == {name: Path(f"out/{name}/msas/uniref90_hits.sto") for name in "ac"}
    features = {node.id: node.items[0] for node in of_stage(graph, "features")}
    assert features["a/features"].inputs["A/alignments"] == features["c/features"].inputs["A/alignments"]


def test_each_sequence_of_a_complex_is_searched_once_whichever_complexes_have_it() -> None:
    """Two complexes and a protein of three sequences: three searches; UniProt only for what is paired."""
    databases = replace(DATABASES, pairing=Database("uniprot", Path("uniprot.fasta"), 50_000))
    jobs = [query("ab", "MKV:MKT"), query("b", "MKT"), query("aca", "MKV:MKL:MKV"), query("cc", "MKL:MKL")]
    graph = build_graph(search_plan(Path("out"), jobs, databases))
    (uniref, pairing) = (node for node in of_stage(graph, "msa") if node.id.split(":")[1] in {"uniref90", "uniprot"})
    assert [item.task.query.sequence for item in uniref.items] == ["MKV", "MKT", "MKL"]
    assert [item.targets for item in uniref.items] == [("ab", "aca"), ("ab", "b"), ("aca", "cc")]
    assert uniref.items[1].places == {
        "ab": Path("out/ab/msas/B/uniref90_hits.sto"),
        "b": Path("out/b/msas/uniref90_hits.sto"),
    }
    assert [item.targets for item in pairing.items] == [("ab", "aca"), ("ab",), ("aca",)]
    features = {node.id: node.items[0] for node in of_stage(graph, "features")}
    assert features["aca/features"].inputs["B/pairing"] == (Output(pairing.id, 2),)
    assert features["cc/features"].inputs["A/alignments"][0] == Output(uniref.id, 2)
    assert features["cc/features"].inputs["A/pairing"] == ()
    assert [one.ids for one in features["aca/features"].task.entities] == [("A", "C"), ("B",)]


def test_a_complex_and_a_protein_take_different_models() -> None:
    multimer = replace(MODELS[0], name="tiny_multimer")
    settings = RunSettings(models=("tiny_multimer",))
    plan = search_plan(Path("out"), [query("ab", "MKV:MKT")], DATABASES, settings)
    graph = build_graph(Plan(**vars(plan) | {"models": (MODELS[0], multimer)}))
    assert [node.network for node in of_stage(graph, "prediction")] == ["tiny_multimer"]


def test_the_cache_keeps_alignments_by_sequence_and_database() -> None:
    graph = graph_of(query("a", "MKV"), query("b", "MKT"), models=(), msa_cache=Path("cache"))
    items = [item for node in of_stage(graph, "msa") for item in node.items]
    assert all(item.cache is not None and item.cache.is_relative_to("cache") for item in items)
    assert len({item.cache for item in items}) == 4
    other = graph_of(query("another", "MKV"), models=(), msa_cache=Path("cache"))
    assert of_stage(other, "msa")[0].items[0].cache == items[0].cache


def test_passes_are_shared_by_sixteen_sequences_and_results_come_early() -> None:
    graph = graph_of(*(query(f"t{k}", "MKV" + "ACDEFGHIKLMNPQRSTVWY"[k % 20] * (1 + k // 20)) for k in range(40)))
    assert [len(node.items) for node in of_stage(graph, "msa")] == [16, 16, 16, 16, 8, 8]
    ids = [node.id for node in graph.nodes]
    assert ids.index("t0/report") < ids.index("msa:uniref90:t16")


@pytest.mark.parametrize(("relax", "first", "chance"), [("best", 1, 1 / 3), ("all", 3, 1.0)])
def test_relaxations_depend_on_the_ranking(relax: str, first: int, chance: float) -> None:
    nodes = of_stage(graph_of(query("a", "MKV"), relax=relax), "relaxation")
    assert len(nodes) == 3
    for node in nodes:
        assert isinstance(node.condition, AmongBest)
        assert (node.condition.after, node.condition.first) == (Output("a/ranking"), first)
        assert node.condition.chance == pytest.approx(chance)
    assert of_stage(graph_of(query("a", "MKV"), relax="none"), "relaxation") == []


def test_pairs_search_each_sequence_once() -> None:
    letters = "ACDEFGHIKLMN"
    pairs = [(one, other) for k, one in enumerate(letters) for other in letters[k + 1 :]]
    graph = graph_of(*(query(f"{one}__{other}", f"MKV{one}:MKV{other}") for one, other in pairs), models=())
    nodes = of_stage(graph, "msa")
    assert [len(node.items) for node in nodes] == [12, 12]
    assert len(of_stage(graph, "features")) == 66
    assert {len(item.places) for node in nodes for item in node.items} == {11}


def test_predictions_until_a_score_are_a_chain_seed_by_seed() -> None:
    nodes = of_stage(graph_of(query("a", "MKV"), num_seeds=2, stop_at_score=85), "prediction")
    names = [f"a/prediction/model_{model}_ptm_pred_{index}" for index in (0, 1) for model in (1, 2, 3)]
    assert [node.id for node in nodes] == names
    assert [node.condition for node in nodes] == [None, *(UntilScore(Output(name), 85.0) for name in names[:-1])]
    assert all(before in node.needs() for before, node in zip(names, nodes[1:], strict=False))
    free = of_stage(graph_of(query("a", "MKV"), num_seeds=2), "prediction")
    assert sorted(node.id for node in free) == sorted(names)
    assert {node.condition for node in free} == {None}


def test_the_order_of_making_changes_no_artefact() -> None:
    """Ranking, pictures and reports have the same inputs in the same order with a score as without."""
    free, until = (graph_of(query("a", "MKV"), num_seeds=2, stop_at_score=score) for score in (None, 85))
    for stage in ("ranking", "ranked", "plots"):
        assert of_stage(free, stage) == of_stage(until, stage)


def test_what_an_early_end_saves() -> None:
    multimer = tuple(replace(model, recycles=20, recycle_tolerance=0.5) for model in MODELS)
    free, until = (graph_of(query("a", "MKV"), models=multimer, stop_at_score=score) for score in (None, 85))
    first, *others = (node.cost for node in of_stage(free, "prediction"))
    assert first.saved == pytest.approx(first.seconds * 19 / 21)
    costs = [total_cost(of_stage(graph, "prediction")) for graph in (free, until)]
    seconds = first.seconds + sum(one.seconds for one in others)
    assert [cost.seconds for cost in costs] == pytest.approx([seconds] * 2)
    assert [seconds - cost.saved for cost in costs] == pytest.approx([seconds * 2 / 21, first.seconds * 2 / 21])
    settings = [RunSettings(stop_at_score=score) for score in (None, 85)]
    assert [count_passes(multimer, one) for one in settings] == [Passes(6, 63), Passes(2, 63)]
    assert count_passes(MODELS, RunSettings()) == Passes(12, 12)
    assert count_passes(multimer, RunSettings(num_seeds=2, ensembles=2)) == Passes(24, 252)
    assert count_passes([replace(multimer[0], recycles=0)], RunSettings()) == Passes(1, 1)


def test_costs_add_up() -> None:
    graph = graph_of(query("a", "MKV" * 30))
    predictions = of_stage(graph, "prediction")
    cost = total_cost(graph.nodes)
    assert cost.memory == max(node.cost.memory for node in predictions)
    relaxations = sum(node.cost.seconds for node in of_stage(graph, "relaxation"))
    rest = sum(node.cost.seconds for node in graph.nodes if node.stage != "relaxation")
    assert cost.seconds == pytest.approx(rest + relaxations / 3)


def test_given_alignments_and_features_need_no_search() -> None:
    plan = search_plan(Path("out"), [query("a", "MKV")], DATABASES)
    given = Job.of(query("a", "MKV"), Path("out/a"))
    given = replace(given, entities=(replace(given.entities[0], alignments=(Path("mine/uniref90_hits.sto"),)),))
    graph = build_graph(Plan(**vars(plan) | {"jobs": (given,)}))
    assert [node.stage for node in graph.nodes] == ["database", "template hits", "features", "search record"]
    assert graph.nodes[1].items[0].inputs["profile"] == (Path("mine/uniref90_hits.sto"),)
    made = Job.of(query("a", "MKV"), Path("out/a"), features=Path("out/a/features.npz"))
    graph = build_graph(Plan(**vars(plan) | {"jobs": (made,), "models": MODELS[:1]}))
    assert graph.nodes[0].stage == "prediction"
    assert graph.nodes[0].items[0].inputs["features"] == (Path("out/a/features.npz"),)


def test_building_takes_time_in_proportion_to_the_targets() -> None:
    """Thousands of targets start within seconds: 10,000 take 4 s, with the lines that say what they take."""

    def seconds(count: int) -> float:
        plan = search_plan(Path("out"), [query(f"t{k}", f"M{k}") for k in range(count)], DATABASES)
        plan = Plan(**vars(plan) | {"models": MODELS[:1]})
        start = time.process_time()
        nodes = build_graph(plan).by_target()
        assert len([target_line(plan, job, nodes[job.name]) for job in plan.jobs]) == count
        return time.process_time() - start

    seconds(50)
    assert seconds(2400) < 20 * min(seconds(300) for _ in range(3))  # 8 times as many; squares would take 64 times


def test_many_targets_are_summed_up() -> None:
    few = search_plan(Path("out"), [query(f"t{k}", "MKV") for k in range(3)], DATABASES)
    many = search_plan(Path("out"), [query(f"t{k}", "MKV" * (k + 1)) for k in range(1000)], DATABASES)
    of_few, of_many = (list(plan_lines(plan, build_graph(plan).by_target())) for plan in (few, many))
    assert [line.split(":")[0] for line in of_few] == ["t0", "t1", "t2"]
    assert of_many[0].startswith("1,000 targets of 3 to 3,000 residues: at most about ")
    assert [line.split(":")[0] for line in of_many[1:]] == ["t999"]


def test_a_dry_run_of_many_targets_has_a_line_for_each_kind_of_step() -> None:
    def lines(count: int) -> list[str]:
        graph = graph_of(*(query(f"t{k}", "MKV" * (k + 1)) for k in range(count)), num_seeds=2, stop_at_score=80)
        steps = [Step(node, 1, total_cost([node]).seconds, total_cost([node]).saved) for node in graph.nodes]
        return list(steps_lines(Survey(tuple(steps), 0)))

    few, many = lines(20), lines(21)
    assert "t19/prediction/model_2_ptm_pred_1 (if still needed)" in " ".join(" ".join(few).split())
    assert len(many) == 2 + len(dict.fromkeys(node.stage for node in graph_of(query("t", "MKV")).nodes))
    (predictions,) = (line for line in many if line.startswith("prediction "))
    assert predictions.startswith("prediction (126 steps) ")
    assert re.fullmatch(r"\d+ steps, about \d+ min to \d+ h one after the other, at most [\d.]+ GB", few[-1])
    assert max(map(len, many)) <= 80


def test_programs_of_hh_suite_get_a_node_for_each_sequence_and_few_cores() -> None:
    profiles = ProfileDatabase("bfd_uniref", (Path("bfd"), Path("u30")), "hhblits")
    databases = replace(
        DATABASES,
        msa=(*DATABASES.msa, profiles),
        templates=ProfileDatabase("pdb70", (Path("pdb70"),), "hhsearch"),
    )
    plan = search_plan(Path("out"), [query("a", "MKV"), query("b", "MKV"), query("c", "MKT")], databases)
    graph = build_graph(replace(plan, machine=replace(MACHINE, cores=64)))
    nodes = of_stage(graph, "hhblits")
    assert [node.id for node in nodes] == ["msa:bfd_uniref:a", "msa:bfd_uniref:c"]
    assert [node.targets for node in nodes] == [("a", "b"), ("c",)]
    assert nodes[0].items[0].places["b"] == Path("out/b/msas/bfd_uniref_hits.a3m")
    hits = of_stage(graph, "hhsearch")
    assert [node.items[0].places[node.targets[0]].name for node in hits] == ["pdb_hits.hhr"] * 2
    assert hits[0].items[0].inputs == {"profile": (Output("msa:uniref90:a", 0),)}
    assert {node.cost.cores for node in (*nodes, *hits)} == {8}
    assert not of_stage(graph, "template hits")
    assert [node.items[0].task.name for node in of_stage(graph, "database")] == ["uniref90", "mgnify"]
    alignments = next(node for node in graph.nodes if node.id == "a/features").items[0].inputs["A/alignments"]
    assert alignments[2] == Output("msa:bfd_uniref:a", 0)
