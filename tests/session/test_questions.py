"""A question is asked once, has a deadline, and may stay open (RULINGS C2)."""

from __future__ import annotations

import pytest

from biofeedback.events import Answer, Ask, Suds
from biofeedback.hrv.beats import NEVER
from biofeedback.session.questions import ANSWER_WITHIN_US, Questions


def ask(questions: Questions, at: int) -> Ask:
    asked = questions.ask_suds(at, "epoch")[-1]
    assert isinstance(asked, Ask)
    return asked


@pytest.mark.parametrize("value", [0, 7, 10, None])
def test_an_answer_closes_its_question(value: int | None) -> None:
    questions = Questions()
    asked = ask(questions, 100)
    assert questions.deadline == asked.until_us == 100 + ANSWER_WITHIN_US
    assert questions.answer(Answer(200, asked.id, "suds", value, "sim")) == [Suds(200, value, "epoch", "sim")]
    assert questions.deadline == NEVER
    assert questions.answer(Answer(201, asked.id, "suds", value)) == []


@pytest.mark.parametrize("value", [-1, 11, 100])
def test_a_value_outside_0_to_10_leaves_it_open(value: int) -> None:
    questions = Questions()
    asked = ask(questions, 0)
    assert questions.answer(Answer(1, asked.id, "suds", value)) == []
    assert questions.deadline == asked.until_us


def test_an_answer_to_another_question_is_ignored() -> None:
    questions = Questions()
    assert questions.answer(Answer(1, "suds-1", "suds", 3)) == []
    asked = ask(questions, 0)
    assert questions.answer(Answer(1, asked.id + "x", "suds", 3)) == []
    assert questions.deadline == asked.until_us


def test_c2_unanswered_is_value_none_by_nobody() -> None:
    questions = Questions()
    asked = ask(questions, 0)
    assert questions.close(asked.until_us) == [Suds(asked.until_us, None, "epoch", "nobody")]
    assert questions.close(asked.until_us) == []


def test_a_new_question_closes_the_old_one_first_and_has_its_own_id() -> None:
    questions = Questions()
    first = ask(questions, 0)
    said = questions.ask_suds(50, "after")
    assert said[0] == Suds(50, None, "epoch", "nobody")
    assert isinstance(said[1], Ask)
    assert said[1].id != first.id
    assert questions.answer(Answer(60, first.id, "suds", 3)) == []
    assert questions.answer(Answer(60, said[1].id, "suds", 3)) == [Suds(60, 3, "after", "trainee")]
