# SPDX-License-Identifier: Apache-2.0
"""What runs tell of themselves, as records and files: what each stage did, status, failures."""
