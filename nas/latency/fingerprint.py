"""What a table remembers of its machine beyond the conditions: the fingerprint, and anchors to know it again by."""

from msgspec import Struct

# The keys of those anchors that are the ends of the table's space; the others are names of published networks.
ENDS = ("smallest", "largest")


class Fingerprint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that may matter for speed and can be read without rights; None where it cannot.

    Unlike `Conditions` it need not be equal for a table to be used: it says where to look when speeds differ.
    `core_mask` is like "0-3,8"; `quota_cores` is the share a control group grants; `pressure` is the mean of the
    kernel's "some avg10" for the CPU during the build, in percent; `library` is the start of the SHA-256 of the
    runtime's shared library; `gap_ms` is the pause between two runs, 0 for back to back.
    """

    cpu: str
    cores: int | None = None
    core_mask: str | None = None
    governor: str | None = None
    min_mhz: float | None = None
    max_mhz: float | None = None
    observed_mhz: float | None = None
    temperature_c: float | None = None
    memory_mib: int | None = None
    virtualised: bool | None = None
    quota_cores: float | None = None
    power: str | None = None
    pressure: float | None = None
    boot_id: str | None = None
    os: str | None = None
    library: str | None = None
    layout: str | None = None
    gap_ms: float = 0.0


class Anchor(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole network that was timed all through the build.

    `key` is a known network's name, or "smallest" or "largest" of the table's space. `ratio` is its time over the
    reference's, the median of the rounds; `spread` is half the range of the rounds over that median.
    """

    key: str
    ratio: float
    spread: float
