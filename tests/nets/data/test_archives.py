import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.nets.data.dataset import Data, load_data
from nas.nets.data.sources import container
from tests.nets.pictures import classes, fill, picture


def png(seed: int, shade: int = 0) -> bytes:
    stream = io.BytesIO()
    picture(seed, shade=shade).save(stream, "PNG")
    return stream.getvalue()


def counts(data: Data) -> list[int]:
    return [len(part) for part in (data.train, data.val, data.test)]


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for other in others:
            archive.addfile(other)
    return path


def pets(count: int = 10) -> dict[str, bytes]:
    return {
        f"{name}/{seed}.png": png(seed + 1000 * k, 50 * k)
        for k, name in enumerate(("cat", "dog"))
        for seed in range(count)
    }


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_load_data_reads_an_archive_as_the_folder_it_was_made_of(tmp_path: Path, kind: str, wrapped: bool) -> None:
    folder = classes(tmp_path / "in" / "photos", 10)
    root, base = (tmp_path / "in", "photos") if wrapped else (folder, None)
    archive = shutil.make_archive(str(tmp_path / "photos"), kind, root, base)
    found, expected = load_data(archive), load_data(str(folder))
    assert found.digest == expected.digest
    assert found.line == expected.line
    assert found.notes == ()


def test_load_data_reads_splits_and_a_table_within_an_archive(tmp_path: Path) -> None:
    rows = "".join(f"{seed}.png,{'cat' if seed % 2 else 'dog'}\n" for seed in range(20))
    members = {f"{split}/{seed}.png": png(seed) for split in ("train", "val") for seed in range(20)}
    archive = zipped(
        tmp_path / "a.zip",
        {**members, **{f"{s}/labels.csv": b"file,label\n" + rows.encode() for s in ("train", "val")}},
    )
    data = load_data(str(archive))
    assert counts(data) == [18, 20, 2]
    assert data.classes == ("cat", "dog")


@pytest.mark.parametrize("inner", ["", "train/", "images/"])
def test_load_data_reads_an_archive_for_each_split(tmp_path: Path, inner: str) -> None:
    for split, count in (("train", 10), ("val", 4)):
        name = split + "/" if inner == "train/" else inner
        zipped(tmp_path / f"{split}.zip", {name + path: content for path, content in pets(count).items()})
    assert counts(load_data(str(tmp_path))) == [18, 8, 2]


def test_load_data_reads_an_archive_for_each_class(tmp_path: Path) -> None:
    for k, name in enumerate(("cat", "dog")):
        tarred(tmp_path / f"{name}.tar", {f"{seed}.png": png(seed + 100 * k) for seed in range(6)})
    data = load_data(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert sum(counts(data)) == 12


def test_load_data_takes_no_member_that_leads_out_of_its_archive(tmp_path: Path) -> None:
    fill(tmp_path / "secret", 1)
    link = tarfile.TarInfo("cat/link.png")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret" / "0.png")
    pipe = tarfile.TarInfo("cat/pipe.png")
    pipe.type = tarfile.FIFOTYPE
    outside = {"../out.png": png(1), "/abs.png": png(2), "cat/../../out.png": png(3)}
    data = load_data(str(tarred(tmp_path / "a.tar", {**pets(), **outside}, link, pipe)))
    assert sum(counts(data)) == 20
    assert data.notes == (
        "Left out: 3 members of an archive whose paths lead out of it: ../out.png, abs.png, cat/../../out.png.",
        "Left out: 2 links and special files of an archive: cat/link.png, cat/pipe.png.",
    )


def test_load_data_takes_no_link_of_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", pets())
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert load_data(str(path)).notes == ("Left out: 1 links and special files of an archive: cat/link.png.",)


def test_load_data_hides_what_systems_add_to_archives(tmp_path: Path) -> None:
    data = load_data(str(zipped(tmp_path / "a.zip", {**pets(), "__MACOSX/cat/._0.png": png(1), "cat/.DS_Store": b"x"})))
    assert sum(counts(data)) == 20
    assert data.notes == ()


@pytest.mark.parametrize("make", [zipped, tarred])
def test_load_data_leaves_out_members_that_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: type
) -> None:
    """By what the archive says, before a byte of them is unpacked."""
    monkeypatch.setattr("nas.nets.data.sources.container.MOST_MEMBER", 100_000)
    data = load_data(str(make(tmp_path / "a", {**pets(), "cat/bomb.png": bytes(200_000)})))
    assert data.notes == ("Left out: 1 members of an archive of more than 512 MB: cat/bomb.png.",)


def test_load_data_refuses_a_compressed_tar_that_would_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = shutil.make_archive(str(tmp_path / "photos"), "gztar", classes(tmp_path / "photos", 10))
    usage = type(shutil.disk_usage(tmp_path))(10_000, 0, 10_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(InvalidData, match="takes more than half of the free space"):
        load_data(archive)


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_load_data_refuses_an_archive_that_is_cut(tmp_path: Path, kind: str) -> None:
    """At many places: within a header, between it and the content, within that, and in the empty part after it."""
    whole = Path(shutil.make_archive(str(tmp_path / "photos"), kind, classes(tmp_path / "photos", 3)))
    content = whole.read_bytes().rstrip(b"\0") if kind == "tar" else whole.read_bytes()
    for length in range(700, len(content), len(content) // 60):
        whole.write_bytes(content[:length])
        with pytest.raises(InvalidData, match=r"photos\.\S+: is cut or no"):
            load_data(str(whole))


def test_load_data_refuses_a_tar_without_its_end(tmp_path: Path) -> None:
    """Cut right between two members it would look whole."""
    whole = tarred(tmp_path / "a.tar", pets())
    with tarfile.open(whole) as archive:
        end = archive.getmembers()[5].offset
    whole.write_bytes(whole.read_bytes()[:end])
    with pytest.raises(InvalidData, match="is cut or no tar archive"):
        load_data(str(whole))


def test_load_data_names_an_image_of_an_archive_that_is_broken(tmp_path: Path) -> None:
    members = pets(100)
    members["cat/7.png"] = members["cat/7.png"][:60]
    data = load_data(str(zipped(tmp_path / "a.zip", members)))
    assert data.notes == ("1 of 200 images could not be read: cat/7.png, skipped",)


def test_load_data_counts_a_member_whose_checksum_is_wrong(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", pets(100))
    content = path.read_bytes()
    place = content.index(b"IDAT") + 40
    path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
    assert load_data(str(path)).notes == ("1 of 200 images could not be read: cat/0.png, skipped",)


def test_load_data_refuses_an_encrypted_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", pets(3))
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InvalidData, match="is encrypted"):
        load_data(str(path))


def test_load_data_says_of_any_other_file_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no archive at all")
    with pytest.raises(InvalidData, match=r"model\.onnx: is no data set\. Give a folder, an archive"):
        load_data(str(tmp_path / "model.onnx"))


def test_most_member_is_what_its_reason_says() -> None:
    assert f"{container.MOST_MEMBER // 1_000_000} MB" in container.TOO_BIG
