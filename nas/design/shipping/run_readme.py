"""`describe_folder`: what lies in a run folder, for the person who opens it."""

_TEXT = """# {title}

{headline}

Open `report.html` first: the whole run on one page.

| file | what it is |
| --- | --- |
| `report.html` | accuracy against latency, the network, its latency op by op, what it was compared with |
| `{model}` | the network that ships; its metadata says how to feed it |
| `example.py` | runs it on a photo: `python example.py photo.jpg` |
| `result.json` | the figures of the report, for programs |
| `architecture.json`, `weights.safetensors` | the network as data and its weights, for every command that takes ARCH |
| `journal.jsonl` | every piece of work that was done, a line each |
| `settings.json`, `asked.json`, `table.json` | what the run was asked for, and the latency table that it went by |
| `weights/`, `models/` | the weights and model files of all that was tried; nothing else needs them |

## How to go on

    nas measure architecture.json                      # the clock, once more
    nas train architecture.json --weights weights.safetensors --data DATA --epochs 20
    nas netadapt --from architecture.json --weights weights.safetensors --target-latency TARGET --data DATA
    nas export architecture.json --weights weights.safetensors --out model.onnx

In Python: `run = nas.open_run("."); run.module()`.
"""


def describe_folder(title: str, headline: str, model: str) -> str:
    """The README of a run folder; `model` is the name of the file that ships."""
    return _TEXT.format(title=title, headline=headline, model=model)
