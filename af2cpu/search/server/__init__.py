# SPDX-License-Identifier: Apache-2.0
"""A client of the MSA server that ColabFold uses (MMseqs2-App): tickets for sequences, and what comes back for them.

The description of the protocol is ColabFold's own client, `run_mmseqs2` in its colabfold/colabfold.py.
"""
