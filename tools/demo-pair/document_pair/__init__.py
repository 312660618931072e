"""The second demo pair: documents in place of coloured boxes, a deep and thin large model."""
