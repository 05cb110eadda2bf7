# SPDX-License-Identifier: Apache-2.0
"""The stages composed: from inputs to ranked structures."""
