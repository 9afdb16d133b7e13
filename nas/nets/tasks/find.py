"""`task_of`: the task of a network."""

from typing import assert_never

from nas.design.graph import Graph
from nas.nets.tasks.classification import Classification
from nas.nets.tasks.detection import Detection
from nas.nets.tasks.segmentation import Segmentation
from nas.nets.tasks.task import Task


def task_of(graph: Graph) -> Task:
    """The task of a graph; a detector's has the anchors that its outputs belong to."""
    match graph.task:
        case "classification":
            return Classification()
        case "detection":
            return Detection(graph.anchors)
        case "segmentation":
            return Segmentation()
        case _:
            assert_never(graph.task)
