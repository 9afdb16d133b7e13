"""`nas export`: a network with its weights as a model file, compared with the network that they came from."""

from typing import TYPE_CHECKING

from nas.api.options.structs import ExportOptions
from nas.cli.commands.train import ArchOrWeights
from nas.cli.options.takes import takes
from nas.cli.text.output import Json, emit, log

if TYPE_CHECKING:
    from nas.design.dense.head import TaskName
    from nas.ship.comparison import Comparison


@takes(ExportOptions)
def export(arch: ArchOrWeights, options: ExportOptions, as_json: Json = False) -> None:
    """Write a network with its weights for a runtime, and compare its outputs with those of where they came from.

    Example: nas export mobilenet_v3_small --weights small.safetensors --format onnx --out small.onnx
    """
    from nas.api.exporting import export_network

    made = export_network(arch, options, log)
    network, beside = made.architecture, made.original_comparison
    document = {
        "name": made.name,
        "task": network.task,
        "format": options.format,
        "precision": options.precision,
        "resolution": network.resolution,
        "classes": network.classes,
        "params": made.params,
        "mean": network.mean,
        "std": network.std,
        "norm_eps": network.norm_eps,
        "padding": network.padding,
        "max_output_difference": made.comparison.difference,
        "compared_on": made.compared_on,
        "original": made.original,
        "original_difference": beside.difference if beside else None,
        "original_agreement": beside.agreement if beside else None,
        "notes": made.notes,
        "example": str(made.example) if made.example else None,
        "out": str(made.out),
    }
    where = f"compared with {made.original or 'torch'} on {made.compared_on}"
    compared = _describe(beside or made.comparison, network.task)
    text = f"{made.name}: {made.params:,} parameters in {made.out}; {where}: {compared}"
    emit(document, as_json, f"{text}\nrun it on a photo: python {made.example} PHOTO" if made.example else text)


def _describe(comparison: "Comparison", task: "TaskName") -> str:
    """A comparison in words."""
    places = {"detection": "anchors", "segmentation": "pixels"}
    if task in places:
        same = f"{comparison.agreement:.2%} of the {places[task]} of {comparison.count} images"
    else:
        same = f"{round(comparison.agreement * comparison.count)} of {comparison.count} images"
    return (
        f"outputs within {comparison.difference:.2g}, of up to {comparison.largest:.3g}; the same class first on {same}"
    )
