"""Sequence to sequence: translation with a recurrent network and attention."""
