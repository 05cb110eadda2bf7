# SPDX-License-Identifier: Apache-2.0
"""How a model of a ModelCIF file was made: the software with its versions, the data that it worked on, the steps.

Ids: software 1 af2cpu and 2 AlphaFold, then libraries; software group 1 made the model, later groups the search and the
refinement; data group 1 is the target, 2 the model, 3 what the template search found, 4 what the network was given.
"""

from __future__ import annotations

from collections.abc import Sequence

from af2cpu.outputs.mmcif_columns import Columns
from af2cpu.outputs.modelcif_entities import Entity, model_data
from af2cpu.outputs.modelcif_templates import template_data
from af2cpu.outputs.text import plain
from af2cpu.records import Provenance

TARGET, MODEL, FOUND, GIVEN = "1", "2", "3", "4"  # data groups
MODELING = "1"  # software group
_MODELS, _SEARCHES, _REFINES = "model building", "data collection", "refinement"  # classifications of software
_PROGRAMS = {"hhblits", "hhsearch"}  # external ones; the others are libraries
_KINDS = {  # software -> what it does, its classification
    "PyTorch": ("Tensors and linear algebra of the network", _MODELS),
    "pyhmmer": ("Search of sequence databases: the algorithms of HMMER 3", _SEARCHES),
    "hhblits": ("Search of profile databases: HHblits of hh-suite", _SEARCHES),
    "hhsearch": ("Search of template profiles: HHsearch of hh-suite", _SEARCHES),
    "OpenMM": ("Energy minimisation with the Amber force field", _REFINES),
    "PDBFixer": ("Missing atoms and hydrogens before the minimisation", _REFINES),
}


def method_categories(entities: Sequence[Entity], provenance: Provenance, relaxed: bool) -> dict[str, Columns]:
    """Software, its groups, data and protocol."""
    libraries = _libraries(provenance, relaxed)
    groups = _groups(libraries)
    members = [(str(group), str(one)) for group, (_, ids) in enumerate(groups, start=1) for one in ids]
    return {
        "_software": {
            "pdbx_ordinal": [str(k) for k in range(1, len(libraries) + 3)],
            "name": ["af2cpu", "AlphaFold", *(name for name, _ in libraries)],
            "version": [provenance.version, "2.3.2", *(version for _, version in libraries)],
            "type": ["package", "package", *("program" if name in _PROGRAMS else "library" for name, _ in libraries)],
            "description": [
                "AlphaFold 2 on CPUs",
                "Structure prediction: the method",
                *(_KINDS[name][0] for name, _ in libraries),
            ],
            "classification": [_MODELS, _MODELS, *(_KINDS[name][1] for name, _ in libraries)],
            "citation_id": [None, "primary", *(None for _ in libraries)],
        },
        "_ma_software_group": {
            "ordinal_id": [str(k) for k in range(1, len(members) + 1)],
            "group_id": [group for group, _ in members],
            "software_id": [one for _, one in members],
        },
        **_data(entities, provenance),
        "_ma_protocol_step": _steps(provenance, relaxed, _group_of(_SEARCHES, groups), _group_of(_REFINES, groups)),
    }


def search_group(provenance: Provenance) -> str:
    """Id of the software group that searched and aligned."""
    return _group_of(_SEARCHES, _groups(_libraries(provenance, relaxed=False)))


def _libraries(provenance: Provenance, relaxed: bool) -> list[tuple[str, str]]:
    """Name and version, those of the refinement last and only where there was one."""
    return sorted(
        ((name, version) for name, version in provenance.software if relaxed or _KINDS[name][1] != _REFINES),
        key=lambda library: list(_KINDS).index(library[0]),
    )


def _groups(libraries: Sequence[tuple[str, str]]) -> list[tuple[str, list[int]]]:
    """Classification and software ids of each group, in order of their ids from 1."""
    members: dict[str, list[int]] = {_MODELS: [1, 2], _SEARCHES: [1], _REFINES: [1]}
    for number, (name, _) in enumerate(libraries, start=3):
        members[_KINDS[name][1]].append(number)
    return [(kind, ids) for kind, ids in members.items() if kind == _MODELS or len(ids) > 1]


def _group_of(kind: str, groups: Sequence[tuple[str, list[int]]]) -> str:
    """Id of the group of a classification; group 1 where that has no libraries of its own."""
    ids = {name: str(k) for k, (name, _) in enumerate(groups, start=1)}
    return ids.get(kind, MODELING)


def _data(entities: Sequence[Entity], provenance: Provenance) -> dict[str, Columns]:
    model = str(model_data(entities))
    data = [(entity.id, _target_name(entity, len(entities)), "target") for entity in entities]
    data.append((model, "Model", "model coordinates"))
    groups = [*((TARGET, entity.id) for entity in entities), (MODEL, model)]
    found = template_data(entities, provenance.network_templates)
    if found:
        groups += [(FOUND, number) for number, _, _ in found]
        groups += [(GIVEN, entity.id) for entity in entities] + [(GIVEN, number) for number, _, _ in found]
    data += found
    return {
        "_ma_data": {
            "id": [number for number, _, _ in data],
            "name": [name for _, name, _ in data],
            "content_type": [kind for _, _, kind in data],
        },
        "_ma_data_group": {
            "ordinal_id": [str(k) for k in range(1, len(groups) + 1)],
            "group_id": [group for group, _ in groups],
            "data_id": [number for _, number in groups],
        },
    }


def _target_name(entity: Entity, n_entities: int) -> str:
    if n_entities == 1:
        return "Target sequence"
    return f"Target sequence of chain{'s' if len(entity.chains) > 1 else ''} {', '.join(entity.chains)}"


def _steps(provenance: Provenance, relaxed: bool, search: str, refinement: str) -> Columns:
    """One row for each step: method, details, software group, input and output."""
    found, given = (FOUND, GIVEN) if provenance.network_templates else (MODEL, TARGET)
    steps = [("coevolution MSA", "search of homologous sequences", search, TARGET, MODEL)]
    if provenance.templates:
        steps.append(("template search", "search of homologous structures", search, TARGET, found))
    network = ", ".join([f"AlphaFold 2 network, parameters {plain(provenance.parameters)}", *provenance.sampling])
    steps.append(("modeling", network, MODELING, given, MODEL))
    if relaxed:
        steps.append(("model refinement", "energy minimisation with restraints", refinement, TARGET, MODEL))
    order = [str(k) for k in range(1, len(steps) + 1)]
    names = ("method_type", "details", "software_group_id", "input_data_group_id", "output_data_group_id")
    columns = {name: [step[k] for step in steps] for k, name in enumerate(names)}
    return {"ordinal_id": order, "protocol_id": ["1"] * len(steps), "step_id": order, **columns}
