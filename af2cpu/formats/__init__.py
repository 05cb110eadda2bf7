# SPDX-License-Identifier: Apache-2.0
"""Readers and writers of the file formats: sequences, alignments, structures."""
