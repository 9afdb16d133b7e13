import pytest

from nas.report.html.wording import duration, interval, millions, ms, percent, target


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (ms(14.6249), "14.6 ms"),
        (ms(12.0), "12.0 ms"),
        (ms(15.016, 4), "15.02 ms"),
        (ms(0.0417), "0.0417 ms"),
        (ms(103.2), "103 ms"),
        (ms(1234.5), "1,234 ms"),
        (target(15.0), "15 ms"),
        (target(7.25), "7.25 ms"),
        (percent(0.9753), "97.5 %"),
        (interval((0.951, 0.9854)), "95.1 to 98.5 %"),
        (millions(5_483_032), "5.48 M"),
        (millions(216_589_760), "217 M"),
        (millions(1_200_000_000), "1,200 M"),
        (duration(42.3), "42 s"),
        (duration(754), "12 min 34 s"),
        (duration(7260), "2 h 1 min"),
    ],
)
def test_numbers_read_as_people_write_them(printed: str, expected: str) -> None:
    assert printed.replace("\N{NO-BREAK SPACE}", " ") == expected
