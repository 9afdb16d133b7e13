"""`relative_ms`: the figure to compare networks by."""

from nas.latency.timing import Measurement


def relative_ms(measurement: Measurement) -> float:
    """Milliseconds freed of the machine's drift if that is known, else as measured."""
    return measurement.measured_ms if measurement.nominal_ms is None else measurement.nominal_ms
