# SPDX-License-Identifier: Apache-2.0
"""Five models and their pairwise TM-scores: python examples/compare_models.py [FOLDER]

FOLDER has DeepMind's params_model_1_ptm.npz to params_model_5_ptm.npz. Without it the five are five random seeds of the
demo network, which is the only one for single chains that comes with the program.
"""

import sys

import af2cpu

SEQUENCE = "KETKHLLKIKKEDYPQIFDFLENVPRGTKTAHIREALRRYIEEIG"  # the DNA-binding part of ParR, PDB entry 2Q2K

features = af2cpu.features_from_msa(SEQUENCE, [SEQUENCE])
if len(sys.argv) > 1:
    predictions = [af2cpu.load_model(f"model_{k}_ptm", sys.argv[1]).predict(features) for k in range(1, 6)]
else:
    demo = af2cpu.load_model("demo")
    predictions = [demo.predict(features, seed=seed) for seed in range(5)]
print(f"{'prediction':<20} pLDDT  TM-score with each of them")
for one in predictions:
    print(f"{one.name:<20} {one.mean_plddt:5.1f} ", *(f"{one.tm_score(other):.3f}" for other in predictions))
