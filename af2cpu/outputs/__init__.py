"""From records to files: structures, scores, arrays, plots, in AlphaFold 2's layout or ColabFold's."""
