# SPDX-License-Identifier: Apache-2.0
"""The subcommands: options in, pipeline calls, lines out. They import what they need when they run."""
