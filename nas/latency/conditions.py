"""`Conditions`: all that a latency depends on besides the network. A table has exactly one."""

from msgspec import Struct, structs

from nas.errors import ConditionsDiffer


class Conditions(Struct, frozen=True, forbid_unknown_fields=True):
    """Device, runtime and protocol in words; tables under two different ones never mix."""

    device: str
    runtime: str
    runtime_version: str
    threads: int
    batch: int
    precision: str
    protocol: str


def differences(a: Conditions, b: Conditions) -> list[str]:
    """Each differing field with both values, like `runtime is 'torch' there, 'onnxruntime' here`."""
    pairs = zip(structs.asdict(a).items(), structs.asdict(b).values(), strict=True)
    return [f"{field} is {one!r} there, {other!r} here" for (field, one), other in pairs if one != other]


def require_same(there: Conditions, here: Conditions, where: str) -> None:
    """Raises ConditionsDiffer naming what differs between a table (`where` says which) and this machine."""
    if found := differences(there, here):
        raise ConditionsDiffer(
            f"{where} was measured under other conditions: {'; '.join(found)}. "
            "Build a table here with 'nas table build', or leave the table out."
        )
