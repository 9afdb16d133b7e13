"""The block search: which networks are proposed, in which band of latencies, and the front."""
