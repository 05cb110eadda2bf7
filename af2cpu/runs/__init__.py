# SPDX-License-Identifier: Apache-2.0
"""What runs record of themselves in the results: what each stage did, their status, failures."""
