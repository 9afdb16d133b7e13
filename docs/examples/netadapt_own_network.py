"""Train a network, then shrink it to nine tenths of its latency and keep what it has learned."""

from pathlib import Path

import nas

start = nas.network("mobilenet_v3_small-0.35-32", classes=10)
trained = nas.train(start, data="digits", epochs=1, out="start.safetensors")
print(f"before: {trained.score.accuracy:.1%} of the validation images")

table = Path("small.jsonl")
if not table.exists():
    nas.build_table("mobilenet_v3_small", table, resolution=32, held_out=10, budget_s=20, log=print)

before = nas.estimate(start, table, allow_failed=True)
run = nas.netadapt(
    start,
    0.9 * before.ms,
    data="digits",
    weights="start.safetensors",
    table=str(table),
    allow_failed=True,  # on a busy machine a table of networks this small may fail its validation
    resolution=32,
    images=300,
    epochs=1,
    workers=1,
    ending="inherited",
    baselines=False,
    out="runs/shrunk",
)
for step in run.steps:
    print(f"step {step['step']}: {step['predicted_ms']:.3f} ms")
print(run)
