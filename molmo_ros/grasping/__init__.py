"""Grasp candidates, their filters, and the rule that matches a point to a grasp."""
