"""What docstrings say, in the three common forms."""

from __future__ import annotations

import pytest

from horay_async._protocol.structured.docstrings import parse_docstring

GOOGLE = """The weather of a city.

    Asks the national service.

    Args:
        city: Its name,
            in English.
        days (int, optional): How many days
            ahead.

            At most ten.
        *rest: Anything else.

    Returns:
        The forecast: a text.

    Example:
        city: not an argument
    """
NUMPY = """The weather of a city.

    Asks the national service.

    Parameters
    ----------
    city : str
        Its name,
        in English.
    days : int, optional
        How many days
        ahead.

        At most ten.
    *rest
        Anything else.

    Returns
    -------
    str
        The forecast.
    """
SPHINX = """The weather of a city.

    Asks the national service.

    :param city: Its name,
        in English.
    :param int days: How many days
        ahead.

        At most ten.
    :type city: str
    :param *rest: Anything else.
    :returns: The forecast.
    Prose again.
    """


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_forms(docstring: str) -> None:
    """Text before the first section is the description; entries go to their arguments."""
    found = parse_docstring(docstring)
    assert found.text == "The weather of a city.\n\nAsks the national service."
    assert found.arguments == {
        "city": "Its name, in English.",
        "days": "How many days ahead. At most ten.",
        "rest": "Anything else.",
    }


@pytest.mark.parametrize(
    ("docstring", "text"),
    [
        ("", ""),
        ("Just this.", "Just this."),
        ("Note that this is\nno section.\n\nNotes", "Note that this is\nno section.\n\nNotes"),
        ("Has a list:\n\n- of things", "Has a list:\n\n- of things"),
    ],
)
def test_no_sections(docstring: str, text: str) -> None:
    """Without sections all is description."""
    assert parse_docstring(docstring).text == text
    assert parse_docstring(docstring).arguments == {}


@pytest.mark.parametrize(
    "docstring",
    [
        "Sums up.\n\nArgs:\n    x: One.\n\nAnd some prose: here.",
        "Sums up.\n\nArgs:\n\n    x: One.\n    ???\n",
        "Sums up.\n\nParameters\n----------\nx\n    One.\n???\n    nothing\n",
        "Sums up.\n\nAttributes:\n    x: One.",
        "Sums up.\n\n:ivar x: One.\n:raises ValueError: never\n",
    ],
)
def test_strays(docstring: str) -> None:
    """What isn't an entry takes nothing away from those that are."""
    found = parse_docstring(docstring)
    assert found.text == "Sums up."
    assert found.arguments["x"].startswith("One.")
    assert "prose" not in found.arguments["x"]


def test_empty_section() -> None:
    """A section without entries, or an entry without words, says nothing."""
    assert parse_docstring("Sums up.\n\nArgs:\n").arguments == {}
    assert parse_docstring("Sums up.\n\nArgs:\n    x:\n").arguments == {}
    assert parse_docstring("Sums up.\n\n:param: what?").arguments == {}
