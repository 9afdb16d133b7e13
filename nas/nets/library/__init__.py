"""The block library: alternatives of a network's blocks, trained alone, and networks put together of them."""
