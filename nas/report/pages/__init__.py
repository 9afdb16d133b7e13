"""The pages that a run folder becomes."""
