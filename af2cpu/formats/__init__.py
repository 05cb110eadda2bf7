"""Readers and writers of the file formats: sequences, alignments, structures."""
