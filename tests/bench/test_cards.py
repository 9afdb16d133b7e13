from nas.bench.tables.cards import CALIBRATION, assign_roles


def test_assign_roles_takes_anchors_first_outsiders_last_and_calibrates_evenly_between() -> None:
    roles = assign_roles(range(10, 10 + 5 + 59 + 10), anchors=5, outside=10)
    assert list(roles.outside) == list(range(74, 84))
    assert list(roles.calibration[:5]) == [10, 11, 12, 13, 14]
    drawn = roles.calibration[5:]
    assert len(drawn) == CALIBRATION
    assert list(drawn) == [15 + 2 * n for n in range(CALIBRATION)]
    assert list(roles.held_out) == [16 + 2 * n for n in range(29)]


def test_assign_roles_calibrates_on_fewer_networks_where_so_many_are_asked_for() -> None:
    roles = assign_roles(range(16 + 10), anchors=0, outside=0, calibration=16)
    assert (len(roles.calibration), len(roles.held_out)) == (16, 10)


def test_assign_roles_holds_two_networks_out_of_however_few() -> None:
    roles = assign_roles(range(6), anchors=1, outside=1)
    assert len(roles.held_out) == 2
    assert sorted([*roles.calibration, *roles.held_out, *roles.outside]) == list(range(6))
