# SPDX-License-Identifier: Apache-2.0
"""An alignment of your own, a numpy array, to a structure: python examples/own_msa.py"""

import numpy as np

import af2cpu

SEQUENCE = "NLYIQWLKDGGPSSGRPPPS"  # the Trp-cage TC5b
RELATIVES = ["DAYAQWLKDGGPSSGRPPPS", "RLFIEWLKNGGPSSGAPPPS"]  # its variant TC10b, and exendin-4, which it was made from

rows = np.array([list(row) for row in [SEQUENCE, *RELATIVES]])  # [n_seq, n_res]; the first row is the sequence
features = af2cpu.features_from_msa(SEQUENCE, rows, name="trp_cage")
model = af2cpu.load_model("demo")  # with DeepMind's parameters: load_model("model_1_ptm", "FOLDER")
prediction = model.predict(features)
print(prediction)
print("pLDDT by residue:", *(f"{letter}{value:.0f}" for letter, value in zip(SEQUENCE, prediction.plddt, strict=True)))
print("written:", *prediction.save("out/own_msa"), sep="\n  ")
