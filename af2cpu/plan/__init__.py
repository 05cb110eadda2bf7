# SPDX-License-Identifier: Apache-2.0
"""What will run, what it costs, what is wrong with it: everything that is found out before any work.

Planning imports the stages' readers and formulas; the pipeline imports planning, never the other way round.
"""
