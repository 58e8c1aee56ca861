import unittest

from pocket.durations import parse_duration


class ParseDuration(unittest.TestCase):
    def test_knows_seconds_minutes_and_hours(self) -> None:
        self.assertEqual([parse_duration(text) for text in ("90s", "5m", "2h")], [90, 300, 7200])

    def test_refuses_what_is_none(self) -> None:
        with self.assertRaises(ValueError):
            parse_duration("soon")
