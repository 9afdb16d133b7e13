import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from nas.jobs import ClassScores
from nas.nets.class_scores import score_classes


def test_score_classes_of_a_network_that_always_says_the_largest_class() -> None:
    labels = torch.tensor([0] * 95 + [1] * 5)
    found = score_classes(labels, labels == 0, 2)
    assert found == ClassScores((95, 0), (95, 5))
    assert found.accuracy == found.largest_share == 0.95
    assert found.balanced_accuracy == 0.5
    assert found.accuracies == (1.0, 0.0)
    assert not found.beats_largest_class


def test_score_classes_leaves_out_a_class_without_images() -> None:
    found = score_classes(torch.tensor([0, 0, 2]), torch.tensor([True, False, True]), 4)
    assert found.counts == (2, 0, 1, 0)
    assert found.accuracies == (0.5, None, 1.0, None)
    assert found.balanced_accuracy == 0.75


def test_class_scores_of_a_metric_are_its_values_and_their_mean() -> None:
    found = ClassScores((), (), (None, 0.2, None, 0.6), {"mAP@.5": 0.7})
    assert found.accuracies == (None, 0.2, None, 0.6)
    assert found.accuracy == found.balanced_accuracy == pytest.approx(0.4)
    assert found.largest_share == 0.0
    assert found.beats_largest_class


def test_class_scores_of_a_metric_of_no_class_have_no_accuracy() -> None:
    found = ClassScores((), (), (None, None))
    assert found.accuracies == (None, None)
    assert found.accuracy == 0.0


def test_class_scores_of_answers_are_written_as_hits_and_counts_alone() -> None:
    assert msgspec.json.encode(ClassScores((1,), (2,))) == b'{"hits":[1],"counts":[2]}'


def test_class_scores_of_a_metric_survive_their_file() -> None:
    found = ClassScores((), (), (None, 0.5), {"mAP@.5": 0.7})
    assert msgspec.json.decode(msgspec.json.encode(found), type=ClassScores) == found


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=80))
def test_score_classes_balances_as_scikit_learn_does(pairs: list[tuple[int, bool]]) -> None:
    labels, correct = (np.array(column) for column in zip(*pairs, strict=True))
    found = score_classes(torch.from_numpy(labels), torch.from_numpy(correct), 5)
    recalls = recall_score(labels, np.where(correct, labels, -1), labels=np.unique(labels), average=None)
    assert found.balanced_accuracy == pytest.approx(recalls.mean())
    assert found.beats_largest_class == (found.accuracy > found.largest_share)


@pytest.mark.parametrize("labels", [[], [2], [-1]])
def test_score_classes_refuses_labels_of_no_class(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="of 2 classes, numbered from 0"):
        score_classes(torch.tensor(labels, dtype=torch.long), torch.ones(len(labels)), 2)
