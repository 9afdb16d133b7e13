"""`add_texts`: a model file that says of itself what a program needs to know to use it."""

from collections.abc import Mapping


def add_texts(content: bytes, suffix: str, texts: Mapping[str, str]) -> bytes:
    """A model file, `.onnx` or `.tflite`, with these texts by name in its metadata; its graph stays as it is."""
    if suffix == ".tflite":
        from nas.runtimes.graphs.tflite_schema import add_metadata

        return add_metadata(content, texts)
    from nas.runtimes.graphs.onnx_graph import add_properties

    return add_properties(content, texts)
