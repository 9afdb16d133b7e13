"""Search with an evaluator of one's own: it prefers large kernels, whatever else they cost."""

from pathlib import Path

import nas


def evaluate(architectures):
    """One value for each network, in their order; more is better."""
    return [sum(block.kernel for stage in network.stages for block in stage.blocks) for network in architectures]


space = nas.load_space(str(Path(__file__).with_name("tiny_space.toml")))
table = Path("tiny.jsonl")
if not table.exists():
    nas.build_table(space, table, resolution=32, held_out=10, budget_s=20, log=print)

fast, slow = (nas.estimate(network, table, allow_failed=True).ms for network in (space.smallest(32), space.largest(32)))
run = nas.search(
    (fast + slow) / 2,
    data="digits",
    space=space,
    resolution="32",
    evaluator=evaluate,
    table=str(table),
    allow_failed=True,  # on a busy machine a table of networks this small may fail its validation
    trials=16,
    images=300,
    epochs=1,
    workers=1,
    ending="scratch",
    baselines=False,
    out="runs/large-kernels",
)
print(run)
for trial in run.trials[:3]:
    print(trial["state"], trial["predicted_ms"])
