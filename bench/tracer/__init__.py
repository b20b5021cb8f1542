"""The tracer: a calibration set whose truth is known by construction, and two tiny checkpoints trained on it."""
