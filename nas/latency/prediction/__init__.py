"""From a table's timings to the latency of a network."""
