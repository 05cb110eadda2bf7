# SPDX-License-Identifier: Apache-2.0
"""How the demo parameters and the demo databases are made. Not part of the installed program."""
