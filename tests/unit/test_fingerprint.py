"""A lead's fingerprint tells a re-read from a change, by feed and by source."""

from __future__ import annotations

from gateway.reading.fingerprint import is_known, joined, lacking, marks_of

ITEM = {"leadMetaInfos": {"leadId": "a", "isCalled": False}, "x": ["é", None]}
OTHER = {"leadMetaInfos": {"leadId": "a", "isCalled": True}}


def test_the_same_item_again_is_known_whatever_the_order_of_its_keys() -> None:
    known = joined("", marks_of("seloger", {"leads": ITEM}))
    assert is_known(known, marks_of("seloger", {"leads": dict(reversed(ITEM.items()))}))


def test_a_change_is_not_known() -> None:
    known = joined("", marks_of("seloger", {"leads": ITEM}))
    assert not is_known(known, marks_of("seloger", {"leads": OTHER}))


def test_a_reading_of_fewer_feeds_changes_nothing() -> None:
    known = joined("", marks_of("seloger", {"leads": ITEM, "projects": OTHER}))
    assert is_known(known, marks_of("seloger", {"projects": OTHER}))


def test_two_sources_that_share_an_identity_do_not_overwrite_each_other() -> None:
    known = joined("", marks_of("one", {"leads": ITEM}))
    known = joined(known, marks_of("two", {"leads": OTHER}))

    assert is_known(known, marks_of("one", {"leads": ITEM}))
    assert is_known(known, marks_of("two", {"leads": OTHER}))
    assert not is_known(known, marks_of("two", {"leads": ITEM}))


def test_a_changed_reading_takes_the_place_of_the_one_before() -> None:
    known = joined("", marks_of("one", {"leads": ITEM}))
    known = joined(known, marks_of("one", {"leads": OTHER}))
    assert known == joined("", marks_of("one", {"leads": OTHER}))


def test_the_reading_that_was_lacking_takes_the_place_of_its_lack() -> None:
    known = joined("", (*marks_of("one", {"leads": ITEM}), lacking("one")))
    completed = joined(known, marks_of("one", {"leads": ITEM, "lead": OTHER}))

    assert lacking("one") in known.split()
    assert lacking("one") not in completed.split()


def test_an_older_form_is_dropped_and_half_a_surrogate_pair_is_no_trouble() -> None:
    marks = marks_of("one", {"leads": {"x": "\ud83d"}})
    assert joined("0123456789abcdef", marks) == " ".join(marks)
