# SPDX-License-Identifier: Apache-2.0
"""From records to files: structures, scores, arrays, plots, in AlphaFold 2's layout or ColabFold's."""
