# SPDX-License-Identifier: Apache-2.0
"""The Python API: whole runs (`run`), the network alone (`model`) and its input from own alignments (`features`).

`import af2cpu` has its public names, each loaded when it is first used.
"""
