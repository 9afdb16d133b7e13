"""The errors a user can meet. Each message is a sentence: what was wrong, where, what to do next."""


class NasError(Exception):
    """Wrong input: the command ends with exit code 2."""

    exit_code = 2


class InvalidArchitecture(NasError):
    """An architecture file or edit that breaks a rule of the design."""


class InvalidSpace(NasError):
    """A search space file that breaks a rule."""


class InvalidTable(NasError):
    """A latency table that cannot be read or trusted."""


class ConditionsDiffer(NasError):
    """A latency table measured under other conditions than the ones asked for."""


class InvalidData(NasError):
    """A data set that cannot be used as it is."""


class InvalidRun(NasError):
    """A run folder that cannot be continued as asked."""


class Diverged(NasError):
    """A training whose loss is no number any more."""


class Unreachable(NasError):
    """No network can meet the target: the command ends with exit code 1."""

    exit_code = 1
