"""`write_example`: a short Python program that runs an exported model on a photo."""

import json

from nas.design.dense.head import TaskName
from nas.design.shipping.example_dense import DETECTION, SEGMENTATION

_START = '''"""{purpose}: python {script} PHOTO [MODEL]"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
{imports}
'''
_CLASSIFICATION = '''
def read_photo(path, height, width, mean, std):
    """The centre of an upright photo, [1, 3, height, width], normalised as the model expects it."""
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    scale = min(photo.width / width, photo.height / height)
    across, down = round(scale * width), round(scale * height)
    left, top = (photo.width - across) // 2, (photo.height - down) // 2
    photo = photo.resize((width, height), Image.Resampling.BILINEAR, (left, top, left + across, top + down))
    pixels = np.asarray(photo, np.float32) / 255
    return ((pixels - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None]


def main(photo, model=Path(__file__).with_name("{model}")):
    """Prints class and probability of the five most likely."""
    texts, run = open_model(model)
    mean, std, sides = json.loads(texts["mean"]), json.loads(texts["std"]), texts["resolution"].split("x")
    (logits,) = run(read_photo(photo, int(sides[0]), int(sides[-1]), mean, std))
    logits = logits[0]
    names = json.loads(texts["classes"]) if "classes" in texts else [str(i) for i in range(len(logits))]
    odds = np.exp(logits - logits.max())
    for best in np.argsort(-logits)[:5]:
        print(f"{names[best]}  {odds[best] / odds.sum():.1%}")


'''
_END = """

if __name__ == "__main__":
    main(*sys.argv[1:])
"""
_ONNX = '''
def open_model(path):
    """What an ONNX file says of itself, and a function from images to all outputs."""
    options = ort.SessionOptions()
    # Int8 only: x86 processors without VNNI would clip sums silently.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return session.get_modelmeta().custom_metadata_map, lambda images: session.run(None, {name: images})
'''
_TFLITE = '''
def open_model(path):
    """What a TFLite file says of itself, and a function from images to all outputs."""
    content = Path(path).read_bytes()
    model, texts = schema.Model.GetRootAsModel(content), {}
    for entry in (model.Metadata(i) for i in range(model.MetadataLength())):
        texts[entry.Name().decode()] = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes().decode()
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()

    def run(images):
        values = images.transpose(0, 2, 3, 1)
        scale, zero = taken["quantization"]
        if scale:  # an int8 model takes bytes
            values = np.clip(np.rint(values / scale) + zero, -128, 127)
        interpreter.set_tensor(taken["index"], values.astype(taken["dtype"]))
        interpreter.invoke()
        return [read(given) for given in interpreter.get_output_details()]

    def read(given):
        values, (scale, zero) = interpreter.get_tensor(given["index"]).astype(np.float32), given["quantization"]
        values = (values - zero) * scale if scale else values
        return values.transpose(0, 3, 1, 2) if values.ndim == 4 else values

    return texts, run
'''

_LITERT = """from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
"""


def write_example(
    suffix: str, task: TaskName = "classification", model: str | None = None, script: str = "example.py"
) -> str:
    """The program for a model of this suffix, `.onnx` or `.tflite`, that lies beside it as `script`.

    Without a file name of its own the model is called `model`.
    """
    purpose, main = _MAINS[task]
    imports, opener = (_LITERT, _TFLITE) if suffix == ".tflite" else ("import onnxruntime as ort\n", _ONNX)
    start = _START.replace("{purpose}", purpose).replace("{script}", script).replace("{imports}", imports)
    return start + opener + main.replace('"{model}"', json.dumps(model or f"model{suffix}")) + _END


_MAINS: dict[TaskName, tuple[str, str]] = {
    "classification": ("Names the most likely classes of a photo", _CLASSIFICATION),
    "detection": ("Names what is in a photo, and where", DETECTION),
    "segmentation": ("Names the class of every pixel of a photo", SEGMENTATION),
}
