"""Mixtures of experts: what one needs to run, which experts an agent uses, which to keep."""
