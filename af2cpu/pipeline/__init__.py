"""The stages composed: from inputs to ranked structures."""
