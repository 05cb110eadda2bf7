# SPDX-License-Identifier: Apache-2.0
"""The stages, one file for each kind of artefact, in the order of a run; `STAGES` finds them by name."""

from collections.abc import Mapping
from typing import Any

from af2cpu.pipeline.stages.database import DATABASE
from af2cpu.pipeline.stages.exports import EXPORTS
from af2cpu.pipeline.stages.features import FEATURES
from af2cpu.pipeline.stages.hh_suite import HHBLITS, HHSEARCH
from af2cpu.pipeline.stages.msa import MSA
from af2cpu.pipeline.stages.msa_server import MSA_SERVER, MSA_SERVER_HITS, MSA_SERVER_PAIRS
from af2cpu.pipeline.stages.plots import PLOTS
from af2cpu.pipeline.stages.prediction import PREDICTION
from af2cpu.pipeline.stages.ranked import RANKED
from af2cpu.pipeline.stages.ranking import RANKING
from af2cpu.pipeline.stages.relaxation import RELAXATION
from af2cpu.pipeline.stages.report import REPORT
from af2cpu.pipeline.stages.run_record import RUN_RECORD
from af2cpu.pipeline.stages.search_record import SEARCH_RECORD
from af2cpu.pipeline.stages.structures import STRUCTURES
from af2cpu.pipeline.stages.template_hits import TEMPLATE_HITS
from af2cpu.workspace import Stage

STAGES: Mapping[str, Stage[Any, Any]] = {
    stage.name: stage
    for stage in (
        DATABASE,
        MSA,
        HHBLITS,
        MSA_SERVER,
        MSA_SERVER_PAIRS,
        MSA_SERVER_HITS,
        TEMPLATE_HITS,
        HHSEARCH,
        STRUCTURES,
        FEATURES,
        SEARCH_RECORD,
        EXPORTS,
        PREDICTION,
        RANKING,
        RELAXATION,
        RANKED,
        PLOTS,
        RUN_RECORD,
        REPORT,
    )
}
