"""uner-edge finds any kind of entity in a person's own files, on their own machine."""

import os

__version__ = "0.1.0"

# onnxruntime, once imported, would note a device's identity and report use over the network.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
