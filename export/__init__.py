"""Turn trained students into the files the runtime loads, and prove that nothing was lost."""

import uner_edge as uner_edge  # before onnxruntime, whose telemetry it turns off
