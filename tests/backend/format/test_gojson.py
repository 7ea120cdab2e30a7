import json
import math
import os
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import IntegrityError, InvalidInputError
from backend.format.gojson import DEEPEST, Struct, dumps, loads, members, quoted
from backend.model import Json, Number

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.one_of(st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr)).map(
    Number
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)


class TestLoads:
    @pytest.mark.parametrize("literal", ["0", "-0.0", "1.50e+02", "12345678901234567890123", "1E400"])
    def test_numbers_keep_their_literal(self, literal: str) -> None:
        assert loads(f'{{"a":[{literal}]}}'.encode()) == {"a": [Number(literal)]}

    def test_a_number_of_a_million_digits_is_only_text(self) -> None:
        assert loads(b"9" * 1_000_000) == Number("9" * 1_000_000)

    def test_each_byte_that_is_not_utf8_is_replaced(self) -> None:
        assert loads(b'"a\xe2\x82b\xff\xed\xa0\x80"') == "a\ufffd\ufffdb\ufffd\ufffd\ufffd\ufffd"

    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (rb'"\ud800"', "\ufffd"),
            (rb'"\uDFFFx"', "\ufffdx"),
            (rb'"\ud83d\ude00"', "\U0001f600"),
            (rb'"\ud800\ud83d\ude00"', "\ufffd\U0001f600"),
            (rb'"\ud800\u0041"', "\ufffdA"),
            (rb'"\\ud800"', r"\ud800"),
            (rb'"\\\ud800\n"', "\\\ufffd\n"),
        ],
    )
    def test_half_a_surrogate_pair_is_replaced(self, raw: bytes, text: str) -> None:
        assert loads(raw) == text

    def test_of_duplicate_keys_the_last_stays_in_its_place(self) -> None:
        value = loads(b'{"a":1,"b":2,"a":3}')
        assert isinstance(value, dict)
        assert list(value.items()) == [("b", Number("2")), ("a", Number("3"))]

    @pytest.mark.parametrize("raw", [b" 1 ", b"\n[1]\r\n\t"])
    def test_white_space_around_is_accepted(self, raw: bytes) -> None:
        loads(raw)

    @pytest.mark.parametrize(
        "raw",
        [
            *(
                b"",
                b" ",
                b"1 2",
                b"{}x",
                b"{}}",
                b"[]]",
                b"NaN",
                b"-Infinity",
                b"[Infinity]",
                b"01",
                b"1.",
                b"+1",
            ),
            *(b'"\n"', b'"\x00"', b"{'a':1}", b'{"a":}', b'{"a":1,}', b"\xef\xbb\xbf1", b'"\\x"', b'"\\u12"'),
            *(b'{"a":1}\x00', "{}".encode("utf-16"), b'"abc', b"nul"),
        ],
    )
    def test_anything_but_one_value_is_refused(self, raw: bytes) -> None:
        with pytest.raises(IntegrityError, match=r"^cannot parse json value: "):
            loads(raw)

    @pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
    def test_a_million_brackets_are_refused(self, raw: bytes) -> None:
        with pytest.raises(IntegrityError, match="nested too deeply"):
            loads(raw)

    def test_nesting_is_accepted_up_to_the_limit(self) -> None:
        deepest = loads(b"[" * DEEPEST + b"]" * DEEPEST)
        assert dumps(deepest) == "[" * DEEPEST + "]" * DEEPEST
        with pytest.raises(IntegrityError, match="nested too deeply"):
            loads(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))

    def test_many_brackets_side_by_side_are_not_deep(self) -> None:
        assert loads(b"[" + b"{}," * 1000 + b"[]]") == [*[{}] * 1000, []]

    def test_more_than_the_limit_is_refused(self) -> None:
        assert loads(b"123", limit=3) == Number("123")
        with pytest.raises(IntegrityError, match="longer than 3 bytes"):
            loads(b"1234", limit=3)

    @given(st.binary())
    def test_arbitrary_bytes_give_a_value_or_our_error(self, raw: bytes) -> None:
        try:
            dumps(loads(raw)).encode()
        except IntegrityError:
            pass

    @given(st.binary())
    def test_arbitrary_bytes_in_a_text_give_a_text_that_can_be_encoded(self, raw: bytes) -> None:
        try:
            value = loads(b'"' + raw + b'"')
        except IntegrityError:
            return
        assert isinstance(value, str)
        value.encode()

    @given(values)
    def test_written_values_read_back(self, value: Json) -> None:
        assert loads(dumps(value).encode()) == value
        assert loads(dumps(value, newer=True).encode()) == value

    @given(values)
    def test_the_standard_library_reads_the_same(self, value: Json) -> None:
        raw = dumps(value)
        assert json.loads(raw, parse_int=Number, parse_float=Number) == value


class TestDumps:
    def test_escapes_as_go(self) -> None:
        text = 'a"b\\c\n\r\t\x00\x1f\x7f<>&\u2028\u2029/é\U0001f600'
        assert dumps(text) == (
            r'"a\"b\\c\n\r\t\u0000\u001f' + "\x7f" + r"\u003c\u003e\u0026\u2028\u2029/é" + '\U0001f600"'
        )

    def test_backspace_and_form_feed_have_two_spellings(self) -> None:
        assert dumps("a\b\f\bz\\b") == r'"a\u0008\u000c\u0008z\\b"'
        assert dumps("a\b\f\bz\\b", newer=True) == r'"a\b\f\bz\\b"'

    def test_bytes_that_are_not_utf8_become_the_replacement_character(self) -> None:
        assert dumps(os.fsdecode(b"a\xff\xfe")) == r'"a\ufffd\ufffd"'
        assert dumps({"\ud800": "<\udfff"}) == r'{"\ufffd":"\u003c\ufffd"}'

    def test_keys_are_sorted_by_bytes_at_every_depth(self) -> None:
        value: dict[str, Json] = {
            "b": {"z": None, "Z": True},
            "a": False,
            "é": 1,
            "\U0001f600": 2,
            "\uffff": 3,
        }
        assert dumps(value) == '{"a":false,"b":{"Z":true,"z":null},"é":1,"\uffff":3,"\U0001f600":2}'

    def test_undecodable_keys_are_sorted_by_their_bytes(self) -> None:
        keys = [os.fsdecode(raw) for raw in (b"\xff", "\U0001f600".encode(), b"\x80", b"a")]
        assert dumps(dict.fromkeys(keys, 1)) == '{"a":1,"\\ufffd":1,"\U0001f600":1,"\\ufffd":1}'

    def test_a_struct_keeps_its_order(self) -> None:
        assert dumps(Struct([("b", 1), ("a", Struct([])), ("<", ("x",))])) == '{"b":1,"a":{},"\\u003c":["x"]}'

    def test_numbers(self) -> None:
        assert (
            dumps([0, -7, 2**64 - 1, Number("1.50e+02"), True]) == "[0,-7,18446744073709551615,1.50e+02,true]"
        )

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (0.000001, "0.000001"),
            (1e-7, "1e-7"),
            (-1.25e-10, "-1.25e-10"),
            (12345678901234567890.0, "12345678901234567000"),
            (-12345678901234567890.0, "-12345678901234567000"),
            (1.5, "1.5"),
            (150.0, "150"),
            (-0.0, "-0"),
            (0.0, "0"),
            (0.00001234, "0.00001234"),
            (-1e-05, "-0.00001"),
            (5e-324, "5e-324"),
            (sys.float_info.max, "1.7976931348623157e+308"),
        ],
    )
    def test_floats_as_go(self, number: float, text: str) -> None:
        assert dumps(number) == text

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_floats_read_back_and_choose_notation_by_size(self, number: float) -> None:
        text = dumps(number)
        assert struct.pack("d", float(text)) == struct.pack("d", number)
        assert ("e" in text) == (number != 0 and not 1e-6 <= abs(number) < 1e21)
        assert ".0e" not in text
        assert not text.endswith(".0")

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_infinities_and_nan_are_refused(self, number: float) -> None:
        with pytest.raises(InvalidInputError):
            dumps([number])

    def test_endless_nesting_is_refused(self) -> None:
        value: list[Json] = []
        value.append(value)
        with pytest.raises(InvalidInputError, match="nested too deeply"):
            dumps(value)

    @given(st.text())
    def test_any_text_can_be_encoded_and_holds_no_special_character(self, text: str) -> None:
        raw = dumps(text)
        raw.encode()
        assert not set(raw) & set("<>&\u2028\u2029\x00\x1b\n")


class TestMembers:
    def test_keys_match_in_any_case_and_the_last_wins(self) -> None:
        value = loads('{"ſnap":"x","SNAP":"a","snap":"b","Snap":"c","other":1}'.encode())
        assert isinstance(value, dict)
        assert members(value, {"snap"}) == {"snap": "c"}

    def test_null_replaces_nothing(self) -> None:
        assert members({"a": "x", "A": None, "B": None}, {"a", "b"}) == {"a": "x", "b": None}


class TestQuoted:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ('"y1"', r'"\"y1\""'),
            ("é/$X", '"é/$X"'),
            ("\x1b[31m\n\x00\x7f", r'"\x1b[31m\n\x00\x7f"'),
            ("\u202e\ud800\U000e0001", r'"\u202e\ud800\U000e0001"'),
            (os.fsdecode(b"\xff"), r'"\xff"'),
        ],
    )
    def test_nothing_reaches_a_terminal_unescaped(self, text: str, shown: str) -> None:
        assert quoted(text) == shown

    def test_long_texts_are_cut(self) -> None:
        assert quoted("a" * 1000, 5) == '"aaaaa…"'
