"""`nas guidelines`: rules of thumb of published papers, measured here."""

from nas.api.options.structs import GuidelineOptions
from nas.cli.options.takes import takes
from nas.cli.text.output import Json, emit


@takes(GuidelineOptions)
def guidelines(options: GuidelineOptions, as_json: Json = False) -> None:
    """Measure which rules of thumb for fast networks hold on this device, in this runtime.

    The four guidelines of ShuffleNetV2 and MobileNetV3's edits: networks that differ in one thing, at equal
    multiply-adds where the rule allows it, are timed in turns with a reference. Each is told beside the first one of
    its rule, with a 95 % interval and the paper's figure. All take one to three minutes.

    Example: nas guidelines --runtime openvino --only groups --only width-grid
    """
    from nas.api.guidelines import find_guidelines
    from nas.cli.text.guidelines_text import guidelines_text
    from nas.cli.text.run_text import terminal

    found = find_guidelines(options, terminal())
    emit(found, as_json, guidelines_text(found, options.out))
