# SPDX-License-Identifier: Apache-2.0
"""Many targets on many cores: worker processes planned, nodes of the graph admitted to them, run by Dask.

Dask is imported only by functions that start or use a cluster: the plain program does not load it.
"""
