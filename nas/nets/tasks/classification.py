"""`Classification`: one class an image, by cross-entropy."""

from typing import ClassVar

from msgspec import Struct
from torch import Tensor
from torch.nn import functional as F

from nas.jobs import ClassScores, Score
from nas.nets.class_scores import score_classes
from nas.nets.score import score
from nas.nets.tasks.task import Outputs


class Classification(Struct, frozen=True):
    """Logits [N, classes] against labels [N]; an answer is whether the largest logit is the label's."""

    reflects: ClassVar[bool] = True

    def loss(self, outputs: Outputs, labels: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy, the mean over the batch."""
        return F.cross_entropy(outputs[0].float(), labels, label_smoothing=smoothing)

    def distil(self, outputs: Outputs, taught: Outputs, temperature: float) -> Tensor | None:
        """Divergence from the teacher's softened answers (Hinton et al. 2015, section 2)."""
        soft = F.softmax(taught[0].float() / temperature, 1)
        gap = F.kl_div(F.log_softmax(outputs[0].float() / temperature, 1), soft, reduction="batchmean")
        return temperature**2 * gap

    def losses(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Cross-entropy of each image."""
        return F.cross_entropy(outputs[0], labels, reduction="none")

    def answer(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Whether each image is recognised [N]."""
        return outputs[0].argmax(1) == labels

    def move(self, labels: Tensor, views: Tensor | None, size: tuple[int, int]) -> Tensor:
        """The class of an image stays."""
        return labels

    def score(self, losses: Tensor, answers: Tensor, labels: Tensor) -> Score:
        """Accuracy."""
        return score(losses, answers)

    def score_classes(self, answers: Tensor, labels: Tensor, classes: int) -> ClassScores:
        """Right answers of each class."""
        return score_classes(labels, answers, classes)
