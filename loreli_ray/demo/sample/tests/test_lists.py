import unittest

from pocket.lists import unique


class Unique(unittest.TestCase):
    def test_keeps_the_first_of_each(self) -> None:
        self.assertEqual(unique([3, 1, 3, 2, 1]), [3, 1, 2])
