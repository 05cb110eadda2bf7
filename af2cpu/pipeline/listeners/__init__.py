# SPDX-License-Identifier: Apache-2.0
"""Listeners to the events of a run that keep files for people up to date: log.txt, status.json, the index pages."""
