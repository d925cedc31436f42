"""What others see of a run: lines in a log, spans for OpenTelemetry."""
