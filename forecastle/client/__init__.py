"""Clients: bytes to a server or an endpoint and back.

They import the standard library alone, and boto3 when an endpoint of SageMaker's is asked.
"""
