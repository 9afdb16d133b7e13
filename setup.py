"""What pyproject.toml cannot say: packages found by looking, and two data folders that are installed inside `nas`."""

from setuptools import find_packages, setup

DATA = {"nas.search_spaces": "search_spaces", "nas.latency_tables": "latency_tables"}

setup(
    packages=[*find_packages(include=["nas", "nas.*"]), *DATA],
    package_dir=DATA,
    package_data={"nas.search_spaces": ["*.toml"], "nas.latency_tables": ["*.jsonl"], "nas": ["py.typed"]},
)
