"""The runner's verdict: a target that tests nothing has not passed."""
import unittest

from run import judge


class Judge(unittest.TestCase):
    def test_clean_crashed_and_nothing_tested(self):
        self.assertEqual(judge(0, "#2 cov: 5 ft: 3\n#900 DONE cov: 310 corp: 40/2Kb"), ("clean", False))
        for text in ("#900 DONE cov: 3 corp: 1/1b", "", "INFO: no interesting inputs"):
            words, failed = judge(0, text)
            self.assertTrue(failed, text)
            self.assertIn("TESTED NOTHING", words)
        self.assertEqual(judge(77, "cov: 310\nTest unit written to /x/crash-1"), ("CRASHED: /x/crash-1", True))
        self.assertTrue(judge(-9, "")[1])


if __name__ == "__main__":
    unittest.main()
