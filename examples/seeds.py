# SPDX-License-Identifier: Apache-2.0
"""Ten random seeds of one model, with dropout, to a table: python examples/seeds.py"""

from pathlib import Path

import af2cpu

FASTA = Path(__file__).with_name("trp_cage.fasta")
settings = {"models": "demo", "params": "demo", "db": "demo", "relax": "none"}  # DeepMind's: params and data_dir

(outcome,) = af2cpu.predict(FASTA, "out/seeds", num_seeds=10, dropout=True, **settings)
predictions = [outcome.prediction(rank) for rank in range(10)]  # best first
lines = ["seed\tplddt\tptm\trmsd_to_best\ttm_score_to_best"]
for one in predictions:
    numbers = (one.mean_plddt, one.ptm, one.rmsd(predictions[0]), one.tm_score(predictions[0]))
    lines.append("\t".join([str(one.confidence.who.seed), *(f"{number:.3f}" for number in numbers)]))
table = Path("out/seeds/seeds.tsv")
table.write_text("\n".join(lines) + "\n")
print(table.read_text(), f"in {table}", sep="")
