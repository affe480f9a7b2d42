"""Batch transform: files split into records, requests of several records, filters, and answers in order."""
