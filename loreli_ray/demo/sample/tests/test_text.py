import unittest

from pocket.text import shorten


class Shorten(unittest.TestCase):
    def test_leaves_a_short_text_alone(self) -> None:
        self.assertEqual(shorten("abc", 3), "abc")

    def test_cuts_a_long_one(self) -> None:
        self.assertEqual(shorten("abcdef", 4), "abc…")
