"""Helpers of the book "Multilevel models in Python": simulate, fit safely, compare, plot."""
