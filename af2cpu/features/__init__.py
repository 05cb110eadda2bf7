"""From a query, its alignments and its templates to the network's input (supplement 1.2)."""
