"""What the example programs do with the outputs of detectors and segmenters."""

_READ = '''
def read_photo(path, height, width, mean, std):
    """An upright photo, and all of it as [1, 3, height, width], normalised as the model expects it."""
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    pixels = np.asarray(photo.resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255
    return photo, ((pixels - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None]


'''
DETECTION = (
    _READ
    + '''def lay_anchors(maps):
    """Centre and sides of all anchors [anchors, 4], as shares of the image."""
    found = []
    for one in maps:
        y, x = np.mgrid[: one["rows"], : one["columns"]] + 0.5
        for row in np.stack([x / one["columns"], y / one["rows"]], -1).reshape(-1, 2):
            found += [[*row, *sides] for sides in one["sides"]]
    return np.float32(found)


def decode(boxes, anchors):
    """Corners (left, top, right, bottom) of boxes, as shares of the image."""
    centres = boxes[:, :2] / 10 * anchors[:, 2:] + anchors[:, :2]
    halves = np.exp(np.minimum(boxes[:, 2:] / 5, 4.135)) * anchors[:, 2:] / 2
    return np.clip(np.concatenate([centres - halves, centres + halves], 1), 0, 1)


def best_of(scores, boxes, least=0.3, most_overlap=0.55):
    """Numbers of the boxes that no better one overlaps too much."""
    left = [number for number in np.argsort(-scores) if scores[number] > least]
    while left:
        best, *left = left
        yield best
        shared = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2])
        shared = np.maximum(shared, 0).prod(1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        overlap = shared / (areas[best] + areas[left] - shared)
        left = [number for number, share in zip(left, overlap) if share <= most_overlap]


def objects(texts, outputs):
    """Class, probability and corners, as shares of the image, of everything found."""
    if "detections" in outputs:
        yield from ((int(row[4]), row[5], row[:4]) for row in outputs["detections"] if row[5] > 0.3)
        return
    odds = np.exp(outputs["scores"][0] - outputs["scores"][0].max(1, keepdims=True))
    odds /= odds.sum(1, keepdims=True)
    boxes = decode(outputs["boxes"][0], lay_anchors(json.loads(texts["anchors"])))
    for label in range(1, odds.shape[1]):  # 0 is the background
        yield from ((label, odds[best, label], boxes[best]) for best in best_of(odds[:, label], boxes))


def main(photo, model=Path(__file__).with_name("{model}")):
    """Prints class, probability and corners in pixels of everything found."""
    texts, run = open_model(model)
    mean, std, sides = json.loads(texts["mean"]), json.loads(texts["std"]), texts["resolution"].split("x")
    image, pixels = read_photo(photo, int(sides[0]), int(sides[-1]), mean, std)
    outputs = dict(zip(json.loads(texts["outputs"]), run(pixels)))
    names = json.loads(texts.get("classes", "[]"))
    for label, share, box in objects(texts, outputs):
        corners = box * [image.width, image.height, image.width, image.height]
        print(f"{names[label] if names else label}  {share:.1%}  {corners.round().astype(int).tolist()}")

'''
)
SEGMENTATION = (
    _READ
    + '''def main(photo, model=Path(__file__).with_name("{model}")):
    """Prints the share of every class, and writes the class of every pixel as PHOTO.classes.png."""
    texts, run = open_model(model)
    mean, std, sides = json.loads(texts["mean"]), json.loads(texts["std"]), texts["resolution"].split("x")
    image, pixels = read_photo(photo, int(sides[0]), int(sides[-1]), mean, std)
    (logits,) = run(pixels)
    classes = logits[0].argmax(0).astype(np.uint8)
    names = json.loads(texts["classes"]) if "classes" in texts else [str(i) for i in range(len(logits[0]))]
    shares = np.bincount(classes.ravel()) / classes.size
    for label in np.argsort(-shares):
        if shares[label]:
            print(f"{names[label]}  {shares[label]:.1%}")
    Image.fromarray(classes).resize(image.size, Image.Resampling.NEAREST).save(f"{photo}.classes.png")

'''
)
