"""Media types: what a Content-Type says, and which types an Accept asks for."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecastle.contract.errors import InvalidData, NotAcceptable, UnsupportedMediaType
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, SYNONYMS, MediaType, negotiate

OFFERED = (JSON, JSON_LINES, RECORDIO)


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("text/csv", CSV, {}),
        ("text/csv;label_size=1", CSV, {"label_size": "1"}),
        (' TEXT/CSV ; Label_Size="1"; charset=UTF-8', CSV, {"label_size": "1", "charset": "UTF-8"}),
        ("text/csv;", CSV, {}),
        ("text/csv; charset*=us-ascii''utf-8", CSV, {"charset": "utf-8"}),
        ("application/x-ndjson", JSON_LINES, {}),
        ("csv", CSV, {}),
        ("CSV; label_size=1", CSV, {"label_size": "1"}),
        ("json", JSON, {}),
        ("jsonl", JSON_LINES, {}),
        ("jsonlines", JSON_LINES, {}),
        ("parquet", "application/x-parquet", {}),
    ],
)
def test_a_content_type_is_a_type_and_parameters(text: str, essence: str, parameters: dict[str, str]) -> None:
    assert MediaType.parse(text) == MediaType(essence, parameters)


@pytest.mark.parametrize("text", ["", ";", "tsv", "text/", "/csv", "text /csv", "text/csv\r\nX: y"])
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidData, match=r"^Content-Type: expected a media type such as text/csv, got "):
        MediaType.parse(text)


@given(st.text())
def test_any_text_is_a_media_type_or_the_users_error(text: str) -> None:
    with contextlib.suppress(InvalidData):
        assert all(isinstance(value, str) for value in MediaType.parse(text).parameters.values())


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii"])
def test_a_charset_that_is_utf8_is_read(charset: str) -> None:
    MediaType.parse(f"text/csv; charset={charset}").require_utf8()


def test_another_charset_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match=r"^Content-Type: expected charset=utf-8, got charset=utf-16\.$"):
        MediaType.parse("text/csv; charset=utf-16").require_utf8()


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("*", JSON),
        ("application/*", JSON),
        ("application/jsonlines", JSON_LINES),
        ("application/x-jsonlines", JSON_LINES),
        ("jsonlines", JSON_LINES),
        ("json", JSON),
        ("application/json;q=0.5, application/jsonlines", JSON_LINES),
        ("text/html, application/x-recordio-protobuf;q=0.1", RECORDIO),
        ("application/json;q=0, */*", JSON_LINES),
        ("APPLICATION/JSON; verbose=true", JSON),
        ("application/jsonlines;q=2", JSON_LINES),
        ("application/*;q=0.2, application/x-recordio-protobuf;q=0.3", RECORDIO),
    ],
)
def test_the_type_that_the_client_likes_best_is_chosen(accept: str | None, chosen: str) -> None:
    assert negotiate(accept, OFFERED) == chosen


@pytest.mark.parametrize("accept", ["text/csv", "*/*;q=0", "application/json;q=x", "text/*"])
def test_a_client_that_accepts_none_of_the_types_gets_their_names(accept: str) -> None:
    with pytest.raises(NotAcceptable) as caught:
        negotiate(accept, OFFERED)
    assert caught.value.sentence == f"Accept: expected one of {', '.join(OFFERED)}, got {accept!r}."


@given(st.text(alphabet="*/;,q=0.15 applicationjs"))
def test_any_accept_gives_an_offered_type_or_the_users_error(accept: str) -> None:
    with contextlib.suppress(NotAcceptable):
        assert negotiate(accept, OFFERED) in OFFERED


def test_a_synonym_leads_to_a_name_that_is_none() -> None:
    assert not set(SYNONYMS.values()) & set(SYNONYMS)


@pytest.mark.parametrize("text", ["text/csv", "text/csv; label_size=0", 'application/json; charset="utf-8; x"'])
def test_a_media_type_is_written_as_it_is_read(text: str) -> None:
    media_type = MediaType.parse(text)

    assert MediaType.parse(str(media_type)) == media_type
    assert str(MediaType.parse("text/csv;label_size=0")) == "text/csv; label_size=0"
