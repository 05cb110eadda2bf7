# SPDX-License-Identifier: Apache-2.0
"""Parameters: DeepMind's files as they are, or synthetic ones in the same form. `source` loads without PyTorch."""
