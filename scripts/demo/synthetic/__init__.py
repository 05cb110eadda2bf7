# SPDX-License-Identifier: Apache-2.0
"""What make_databases.py is made of: simulated evolution, template structures, their mmCIF files."""
