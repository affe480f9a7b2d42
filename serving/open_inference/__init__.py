"""The Open Inference Protocol, version 2: tensors in requests and answers, as JSON or as bytes after the JSON.

Source: "Open Inference Protocol", kserve/open-inference-protocol; "Binary tensor data extension", NVIDIA's Triton.
"""
