# SPDX-License-Identifier: Apache-2.0
"""What train.py is made of: proteins, losses, optimiser, its report."""
