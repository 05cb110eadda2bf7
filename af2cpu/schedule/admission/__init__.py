# SPDX-License-Identifier: Apache-2.0
"""Which node starts when, and on which worker: pure, for the runner and for simulations.

`Admission` decides; hosts.py has the hosts with their workers, queues.py the nodes that may start.
"""
