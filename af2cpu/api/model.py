# SPDX-License-Identifier: Apache-2.0
"""The network alone: parameters loaded once, structures from features."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from af2cpu import records
from af2cpu.confidence import confidence_of
from af2cpu.errors import InputError, ParameterError
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.initial_guess import read_initial_guess
from af2cpu.formats.chain_templates import templates_of_chains
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import DEMO, model_config
from af2cpu.ops import dispatch
from af2cpu.plan.machine import engine_choice
from af2cpu.plan.models import draw_seed, sampling_of, sampling_remarks
from af2cpu.prediction import Prediction, letters_of
from af2cpu.query.names import description_of, own_names, safe_name
from af2cpu.records import CHAIN_BREAK, Features, InitialGuess, PredictionId, ProcessedFeatures, Provenance, Query
from af2cpu.settings import RunSettings, load_settings
from af2cpu.version import __version__
from af2cpu.weights.demo import DEMO_NETWORKS
from af2cpu.weights.load import load_parameters, read_parameters
from af2cpu.weights.source import caution

_log = logging.getLogger("af2cpu")


class Model(AlphaFold):
    """The network with its parameters, ready to predict; `load_model` makes it. A torch.nn.Module.

    It keeps no features: one model predicts many proteins, one after the other.
    """

    def __init__(self, name: str, source: str) -> None:
        """name: of the model. source: of its parameters, as files and records name it. The parameters are not loaded
        here."""
        super().__init__(model_config(name))
        self.name, self.source = name, source
        self._said: set[str] = set()  # cautions that were logged

    def __repr__(self) -> str:
        """In one line; `str(model.evoformer)` and the like list the layers."""
        return f"<Model {self.name}, parameters {self.source}, {str(self.dtype).removeprefix('torch.')}>"

    @torch.no_grad()
    def predict(  # type: ignore[override]  # noqa: PLR0913 - settings of its own: a seed, files
        self,
        features: Features | ProcessedFeatures | Sequence[ProcessedFeatures],
        *,
        seed: int = 0,
        recycles: int | None = None,
        tolerance: float | None = None,
        ensembles: int | None = None,
        extra_pass: bool = False,
        max_msa: str | None = None,
        dropout: bool = False,
        initial_guess: str | Path | InitialGuess | None = None,
        save_all: bool = False,
    ) -> Prediction:
        """Predict the structure of one protein or complex.

        Args:
          features: raw features (of `features_from_msa`, `read_features`), from which the network's input is drawn at
            random; or processed features, one draw for each pass and ensemble member: (recycles + 1) * ensembles.
            Lengths in angstrom.
          seed: of the random draws, 0 or more; the number in the prediction's name. Seed k draws what prediction k of
            `af2cpu predict --num-seeds` draws.
          recycles: passes after the first, 0 to 20. By default the model's own: 3, multimer models 20.
          tolerance: recycling ends once the C-alpha distances change by less than this, in angstrom; 0: never. By
            default the model's own: 0, multimer models 0.5.
          ensembles: draws whose representations are averaged in each pass, 1 or more. By default 1.
          extra_pass: make one more pass after recycling has ended early, as DeepMind's multimer code does.
          max_msa: CLUSTERS:EXTRA, limit of the MSA's rows, such as 256:512; of raw features only. By default the
            model's own.
          dropout: run with the dropout of the network's training, as `--dropout`; its masks follow from the seed.
          initial_guess: structure from whose positions the first pass is recycled, as `--initial-guess`: a PDB or mmCIF
            file (with raw features, which have the sequence), or positions.
          save_all: also keep logits and representations in `Prediction.extras`.

        Returns:
          A Prediction, with atom positions [n_res, 37, 3] in angstrom, pLDDT [n_res] 0-100, of models with
          aligned errors PAE [n_res, n_res] in angstrom and pTM 0-1. Cautions about demo and synthetic parameters go
          to the log "af2cpu" and into its structure files.

        Raises:
          InputError: features of another kind, a number out of range, a complex for a model without aligned errors, a
            structure file that can't be read or fits no chain.
          ValueError: too few draws, features without a residue or a query row, or a guess of another length.
        """
        if seed < 0:
            raise InputError(f"seed={seed}: must be 0 or more")
        who = PredictionId(self.name, seed, seed)
        raw = features if isinstance(features, Features) else None
        sampling = sampling_of(self.config, RunSettings(max_msa=max_msa))
        passes = (self.config.recycles if recycles is None else recycles) + 1
        count = passes * (self.config.ensembles if ensembles is None else ensembles)
        draws = Draws(raw, sampling, draw_seed(0, who), max(0, count)) if raw else _processed(features)
        if not self.config.heads.predicted_aligned_error.enabled:
            self._check_one_chain(raw or draws[0])
        record = super().predict(
            draws,
            recycles=recycles,
            tolerance=tolerance,
            ensembles=ensembles,
            extra_pass=extra_pass,
            dropout_seed=draw_seed(0, who) if dropout else None,
            guess=_guess(initial_guess, raw),
            save_all=save_all,
        )
        confidence = confidence_of(who, record, self.config.ranking)
        provenance = self._provenance(record, raw, sampling)
        remarks = sampling_remarks(dropout=dropout, guess=initial_guess is not None)
        return Prediction.of(record, confidence, replace(provenance, sampling=remarks))

    def _check_one_chain(self, features: Features | ProcessedFeatures) -> None:
        if len(np.unique(features.asym_id)) > 1:
            raise InputError(
                f"{self.name} predicts no aligned errors, by which complexes are ranked; load a ptm or multimer model"
            )

    def _provenance(self, record: records.Prediction, raw: Features | None, sampling: SamplingConfig) -> Provenance:
        """What structure files tell of a prediction; of processed features no more than their numbers is known."""
        names = [bytes(name).decode(errors="replace") for name in raw.domain_name.tolist()] if raw else [""]
        description, embeds = description_of(names), self.config.template_embedder.enabled
        warning = caution(self.name, self.source, _sequence_of(record, raw))
        if warning and warning not in self._said:
            _log.warning("%s: %s", self.name, warning)
            self._said.add(warning)
        templates = templates_of_chains(raw, sampling.max_templates) if raw and embeds else ()
        return Provenance(
            description=description,
            entry=safe_name((description.split() or ["query"])[0]),
            version=__version__,
            parameters=Path(self.source).name,
            templates=bool(templates),
            warning=warning,
            software=(("PyTorch", metadata.version("torch")),),
            network_templates=templates,
            own_templates=tuple({one.chain: None for one in templates}),  # features do not tell entries from files
            chain_names=own_names(names),
        )


def _processed(features: object) -> Sequence[ProcessedFeatures]:
    """One draw, or a sequence that may make them on demand. Raises InputError for anything else."""
    if isinstance(features, ProcessedFeatures):
        return [features]
    if isinstance(features, Draws):  # indexing one would draw it
        return features
    if isinstance(features, Sequence) and len(features) and isinstance(features[0], ProcessedFeatures):
        return features
    raise InputError(
        f"features: a {type(features).__name__} can't be predicted from; give what features_from_msa or read_features "
        "returns, or a list of ProcessedFeatures (ProcessedFeatures.from_arrays takes a dictionary of arrays)"
    )


def _guess(given: str | Path | InitialGuess | None, raw: Features | None) -> InitialGuess | None:
    """Lines about what a file lacks go to the log. Raises InputError."""
    if given is None or isinstance(given, InitialGuess):
        return given
    if raw is None:
        raise InputError(f"initial_guess={given}: processed features do not tell the sequence; give raw features")
    sequence = CHAIN_BREAK.join(bytes(one).decode() for one in raw.sequence.tolist())
    guess = read_initial_guess(given, Query("the protein", sequence, "", "its features"))
    for note in guess.notes:
        _log.warning("%s", note)
    return guess


def _sequence_of(record: records.Prediction, raw: Features | None) -> str:
    """The chains' letters, joined by ':'; raw features have the user's own."""
    if raw:
        return CHAIN_BREAK.join(bytes(sequence).decode() for sequence in raw.sequence.tolist())
    return letters_of(record)


def load_model(name: str, params: str | Path | None = None, *, precision: str = "fp32", engine: str = "auto") -> Model:
    """A model ready to predict.

    Args:
      name: model_1 ... model_5, model_1_ptm ... model_5_ptm, model_1_multimer_v3 ... model_5_multimer_v3, demo,
        demo_multimer, or tiny and tiny_multimer (networks of two blocks for tests).
      params: DeepMind's parameter file, params_<name>.npz, or the folder with it; demo, which comes with the program,
        for the models demo and demo_multimer (these need none); or synthetic:SEED, random parameters that mean nothing.
      precision: of the trunk: fp32, bf16, or auto, which is bf16 where the processor multiplies it in hardware.
        Structure module and heads are float32.
      engine: auto, native, torch, compile or ipex, as `--engine`; auto takes the native kernels where they were built,
        else PyTorch. One for the whole process: all models run on the engine that was named last.

    Raises:
      af2cpu.errors.InputError: an unknown name, precision or engine.
      af2cpu.errors.ParameterError: the file cannot be read or is not for this model; the message lists
        all that is wrong.
    """
    config = model_config(name)
    choice = engine_choice(load_settings({"engine": engine}, keywords=True, environ={}))
    source = _source(name, params)
    with torch.device("meta"):
        model = Model(name, source)
    precision = choice.precision if precision == "auto" else precision
    load_parameters(model, read_parameters(source, config), config, source, precision)
    if dispatch.describe() != str(choice) or choice.engine == "torch":
        dispatch.use_engine(engine)  # logs it where auto finds no kernels
    return model


def _source(name: str, params: str | Path | None) -> str:
    if params is None:
        if name in DEMO_NETWORKS:
            return DEMO
        raise ParameterError(
            f"params: {name} needs a parameter file; af2cpu params download fetches DeepMind's, synthetic:0 is for "
            "trials, and the model demo needs none"
        )
    path = Path(params)
    return str(path / f"params_{name}.npz" if path.is_dir() else params)
