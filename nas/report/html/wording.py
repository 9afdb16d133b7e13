"""Numbers as the page prints them; a unit is never broken off from its number."""

_SPACE = "\N{NO-BREAK SPACE}"
UNFINISHED = (
    "Start the same command, or make the same call, with the same folder to go on; this page shows what there is."
)


def ms(value: float, digits: int = 3) -> str:
    """Milliseconds with three digits that matter, or more: 14.6 ms, 0.0417 ms, 103 ms."""
    number = f"{value:#.{digits}g}".removesuffix(".") if value < 1000 else f"{value:,.0f}"
    return f"{number}{_SPACE}ms"


def target(value_ms: float) -> str:
    """A target as the user wrote it: 15 ms, 7.25 ms."""
    return f"{value_ms:g}{_SPACE}ms"


def percent(fraction: float) -> str:
    """A fraction in percent with one decimal: 97.5 %."""
    return f"{100 * fraction:.1f}{_SPACE}%"


def interval(bounds: tuple[float, float]) -> str:
    """A 95 % interval in percent: 95.1 to 98.5 %."""
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}{_SPACE}%"


def millions(count: int) -> str:
    """A count in millions with three digits that matter: 5.48 M, 217 M."""
    number = f"{count / 1e6:#.3g}".removesuffix(".") if count < 999_500_000 else f"{count / 1e6:,.0f}"
    return f"{number}{_SPACE}M"


def duration(seconds: float) -> str:
    """A time span for people: 42 s, 12 min 34 s, 2 h 1 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(megabytes: int | None) -> str:
    """Memory in gigabytes: 1.9 GB; empty if it is not known."""
    return "" if megabytes is None else f"{megabytes / 1024:.1f}{_SPACE}GB"
