"""Block families, one file each: what a block is, how it lowers, and what may be changed of it."""
