# SPDX-License-Identifier: Apache-2.0
"""Worker processes: planned for a host, started, accepted by a run, and what they are told to do."""
