"""Evaluation of the whole stack in one process: episodes, their verdicts, a report and pictures."""
