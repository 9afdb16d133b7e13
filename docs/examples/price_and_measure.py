"""Predict the latency of a network from a shipped table, then time it on this machine."""

import nas

network = nas.network("mobilenet_v3_small")

predicted = nas.estimate(network, "epyc-zen5-onnxruntime")
print(f"on the table's machine: {predicted.ms:.2f} ms, give or take {predicted.error_bound_ms:.2f}")
for part in sorted(predicted.parts, key=lambda part: part.ms, reverse=True)[:3]:
    print(f"  {part.name}: {part.ms:.3f} ms, {part.macs / 1e6:.1f} M MACs")

measured = nas.measure(network)
print(f"here: {measured.measured_ms:.2f} ms, most runs {measured.p10_ms:.2f} to {measured.p90_ms:.2f}")
