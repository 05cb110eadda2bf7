"""af2cpu: AlphaFold 2 protein structure prediction on ordinary CPUs."""
