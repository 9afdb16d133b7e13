"""The search that begins with a pretrained network: alternatives of its blocks, chosen exactly under a latency."""
