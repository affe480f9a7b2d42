"""Requests for translations and their answers, whatever translates."""
