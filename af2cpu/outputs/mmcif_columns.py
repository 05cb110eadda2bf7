# SPDX-License-Identifier: Apache-2.0
"""Categories of an mmCIF file before they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Columns = Mapping[str, Sequence[object]]  # item -> values; None is unknown (?), False does not apply (.)
