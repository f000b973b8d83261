"""All that a dispute about one camera's month needs, in one file that people and programs can read and check.

A .zip with the ledger, the changes of state with the results that decided them, incidents, exemptions, placements,
heartbeats and profiles, and a manifest of checksums. The same data give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from healthd import __version__
from healthd.figures.ledger import Ledger, flip_json, ledgers
from healthd.figures.period import Figures, figures, frozen_terms, watch_of
from healthd.filings.exemption_view import as_json as exemption_json
from healthd.incidents.attribution import LATE
from healthd.incidents.incident import Happening
from healthd.model import Moment, Placement
from healthd.periods import Span, iso
from healthd.rates.pool import Terms
from healthd.rates.profile_words import describe
from healthd.setup import Setup, rate_terms
from healthd.store import Store

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
_WHEN = (1980, 1, 1, 0, 0, 0)  # the earliest that a .zip can say: the same data give the same bytes
_LARGEST = 512 * 1024 * 1024  # bytes of one file in a pack that is checked

_README = {
    "en": """Evidence for camera {camera}, {month}
Site {site}; figures: {standing}{simulated}

README.zh.txt    the same in Chinese
rates.csv        the camera's figures of the month, by rate and profile
ledger.csv       every interval of the month: what it counts as, why, and the running sums
flips.csv        every change of state; flips.json has each result that decided it (asked when, answered what)
incidents.json   incidents that the camera was part of, and all that happened to them
exemptions.json  exemptions that cover the camera in the month
placements.csv   where the camera stood: region, class, unit, maintainer, lifecycle, hours; by whom and since when
heartbeats.csv   when healthd was watching; what lies between is unknown, for every camera
profiles.json    what each profile counts, in words
manifest.json    SHA-256 and size of every file here

Seconds are exact to the millisecond. rate = good / (good + bad); the last line of a ledger holds both sums.
Of a final month rates.csv holds the frozen figures. The ledger follows what is recorded today; "frozen" in
ledger.json says what was frozen and whether both agree. Where they do not, the frozen figures hold.
Check this file: healthd evidence --verify FILE, or without healthd, unpacked: sha256sum -c SHA256SUMS
""",
    "zh": """摄像机 {camera} {month} 举证材料
单位：{site}；数据状态：{standing}{simulated}

README.en.txt    本说明的英文版
rates.csv        该摄像机当月各项比率，按指标和统计口径列出
ledger.csv       当月逐段台账：每段时间计为什么、原因、累计值
flips.csv        每次状态变化；flips.json 中另附判定所依据的每次探测结果（何时探测、有何应答）
incidents.json   涉及该摄像机的故障事件及其处置经过
exemptions.json  当月适用于该摄像机的报备
placements.csv   摄像机所属区域、类别、使用单位、运维单位、生命周期、服务时段的历次变更，含变更人和登记时间
heartbeats.csv   healthd 的监测时段；其余时间对所有摄像机均计为“未知”
profiles.json    各统计口径的文字说明
manifest.json    本材料各文件的 SHA-256 校验值和大小

时长精确到毫秒。比率 = 正常时长 ÷（正常时长 + 不正常时长），台账最后一行即为两项累计值。
已定稿月份的 rates.csv 为定稿数据；台账按现有记录重新生成。
ledger.json 中的 frozen 列明定稿数值及二者是否一致，不一致时以定稿数据为准。
校验本文件：healthd evidence --verify 文件名；没有 healthd 时，解压后执行 sha256sum -c SHA256SUMS
""",
}
_STANDINGS = {
    "zh": {"provisional": "暂定", "published": "已发布（申诉期）", "final": "已定稿"},
    "en": {"provisional": "provisional", "published": "published", "final": "final"},
}
_SIMULATED = {"zh": "；模拟数据", "en": "; SIMULATED DATA"}


def collect(store: Store, setup: Setup, span: Span, month: str, camera: str) -> dict[str, bytes]:
    """name -> content of every file of the pack, manifest and checksums included. Raises StoreError."""
    zone = setup.config.timezone
    found = figures(store, setup, span, by="camera", camera=camera)
    files: dict[str, bytes] = {}
    files |= _both("rates", found.as_json(zone))
    files |= _ledger_files(ledgers(store, setup, span, camera), zone)
    files |= _flip_files(store, span, camera, zone)
    files |= _record_files(store, setup, span, camera, found)
    terms = frozen_terms(store, span) or rate_terms(setup, store.regions())
    files["profiles.json"] = _profiles(terms)
    files |= _readmes(setup, found, month, camera)
    return {**dict(sorted(files.items())), **_checksums(files, month, camera, found)}


def packed(files: Mapping[str, bytes]) -> bytes:
    """The files as a .zip, byte for byte the same for the same files. Nothing is compressed: other versions of
    zlib give other bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.create_system = 3  # Unix, whatever this is
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return stream.getvalue()


def problems(content: bytes) -> Iterator[str]:
    """What is wrong with a pack, a sentence each: not a pack, a file missing, added or changed, sums that don't
    add up. Nothing is written anywhere."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            large = next((one.filename for one in archive.infolist() if one.file_size > _LARGEST), "")
            if large:
                yield f"{large}: larger than {_LARGEST:,} bytes: no pack of healthd's"
                return
            names = archive.namelist()
            files = {name: archive.read(name) for name in names}
        manifest = json.loads(files[MANIFEST])
        listed = {name: one["sha256"] for name, one in manifest["files"].items()}
    except (zipfile.BadZipFile, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        yield f"not an evidence pack, or damaged: {str(error) or repr(error)}"
        return
    if len(names) != len(files):
        yield "a name stands in it twice"
    for name in sorted(listed.keys() - files.keys()):
        yield f"{name}: missing"
    for name in sorted(files.keys() - listed.keys() - {MANIFEST, SUMS}):
        yield f"{name}: not in the manifest"
    for name in sorted(listed.keys() & files.keys()):
        if _sha256(files[name]) != listed[name]:
            yield f"{name}: changed: its SHA-256 is not that of the manifest"
    if files.get(SUMS) != _sums({**files, SUMS: b""}):
        yield f"{SUMS}: does not agree with the files"
    if all(_sha256(files.get(name, b"")) == listed.get(name) for name in ("rates.json", "ledger.json")):
        yield from _sums_that_differ(json.loads(files["rates.json"]), json.loads(files["ledger.json"]), manifest)


def _sums_that_differ(
    rates: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> Iterator[str]:
    """Where ledger and figures part. A final month may: its figures are frozen, the ledger follows the records;
    but what the ledger says was frozen has to be those figures."""
    final = manifest.get("standing") == "final"
    for ledger in found:
        about = (ledger["rate"], ledger["profile"])
        rows = [row for row in rates if (row["rate"], row["profile"]) == about and row["class"] != "all"]
        timed = ledger.get("method", "duration") == "duration"
        names = ("good_seconds", "assessed_seconds") if timed else ("good_count", "assessed_count")
        told = ledger["frozen"] if final else (ledger["entries"] or [dict.fromkeys(names, 0)])[-1]
        if any(round(sum(row[name] for row in rows) - told[name], 3) for name in names):
            yield f"ledger.json: the sums of {' by '.join(about)} are not those of rates.json"


# --- what is in it ------------------------------------------------------------------------------------------


def _ledger_files(found: Iterable[Ledger], zone: ZoneInfo) -> dict[str, bytes]:
    documents = [ledger.as_json(zone) for ledger in found]
    lines = [
        {"rate": one["rate"], "profile": one["profile"], **_flat(entry, without=("decided_by", "parts"))}
        for one in documents
        for entry in one["entries"]
    ]
    return {"ledger.json": _json(documents), "ledger.csv": _csv(lines)}


def _flip_files(store: Store, span: Span, camera: str, zone: ZoneInfo) -> dict[str, bytes]:
    documents = [flip_json(flip, zone) for flip in store.flips(camera, span.start, span.end)]
    lines = [_flat(one, without=("results",)) | {"results": len(one["results"])} for one in documents]
    return {"flips.json": _json(documents), "flips.csv": _csv(lines)}


def _record_files(store: Store, setup: Setup, span: Span, camera: str, found: Figures) -> dict[str, bytes]:
    zone, now = setup.config.timezone, found.until
    changes = [
        {
            "at": iso(one.at, zone),
            "recorded": iso(one.recorded, zone),
            "author": one.author,
            **_placed(one.after),
        }
        for one in store.placement_changes(0, span.end, {camera})
    ]
    beats = [
        {"from": iso(start, zone), "to": iso(end, zone), "seconds": (end - start) / 1000}
        for start, end in watch_of(store, zone, span).heartbeats
        if end > span.start
    ]
    [history] = store.histories(span.start, span.end, cameras={camera})
    covering = store.cover().covering(camera, history.placements)
    exemptions = [
        exemption_json(one, zone, now) for one in store.exemptions(span.start, span.end) if one.id in covering
    ]
    return {
        **_both("placements", changes),
        **_both("heartbeats", beats),
        "exemptions.json": _json(exemptions),
        "incidents.json": _json(_incidents(store, span, camera, now, zone)),
    }


def _incidents(store: Store, span: Span, camera: str, now: Moment, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The incidents that the camera was ever part of, each with all that happened to it."""
    lives: dict[str, list[Happening]] = {}
    for happening in store.feed_of(span.start, span.end + LATE):
        lives.setdefault(happening.incident.id, []).append(happening)
    return [
        {
            **life[-1].incident.as_json(now),
            "happened": [
                {"at": iso(one.at, zone), "what": str(one.what), "detail": one.detail or None,
                 "cause": str(one.incident.cause), "camera_in_it": camera in one.incident.camera_ids}
                for one in life
            ],
        }
        for life in lives.values()
        if any(camera in one.incident.camera_ids for one in life)
    ]  # fmt: skip


def _placed(placement: Placement | None) -> dict[str, Any]:
    if placement is None:
        return {"in_inventory": False}
    return {
        "in_inventory": True,
        "region": placement.region,
        "class": placement.class_,
        "unit": placement.unit,
        "maintainer": placement.maintainer,
        "lifecycle": str(placement.lifecycle),
        "upstream": placement.upstream,
        "service_hours": placement.service_hours,
        "picture": placement.picture,
    }


def _readmes(setup: Setup, found: Figures, month: str, camera: str) -> dict[str, bytes]:
    files = {}
    for language, text in _README.items():
        said = text.format(
            camera=camera,
            month=month,
            site=setup.config.site,
            standing=_STANDINGS[language][found.standing],
            simulated=_SIMULATED[language] if setup.config.simulated else "",
        )
        files[f"README.{language}.txt"] = said.encode()
    return files


def _checksums(files: Mapping[str, bytes], month: str, camera: str, found: Figures) -> dict[str, bytes]:
    manifest = {
        "what": "healthd evidence",
        "camera": camera,
        "month": month,
        "standing": found.standing,
        "version": found.version,
        "frozen_sha256": found.versions[-1].digest if found.versions else None,
        "inventory": found.inventory,
        "program": __version__,
        "files": {
            name: {"sha256": _sha256(content), "size_bytes": len(content)}
            for name, content in sorted(files.items())
        },
    }
    whole = {**files, MANIFEST: _json(manifest)}
    return {MANIFEST: whole[MANIFEST], SUMS: _sums(whole)}


def _profiles(terms: Terms) -> bytes:
    """What each profile counts, in both languages."""
    names = {code: region.name for code, region in terms.inventory.regions.items()}
    return _json(
        [
            {
                "profile": profile.name,
                **{
                    language: [
                        {"what": what, "means": means} for what, means in describe(profile, language, names)
                    ]
                    for language in ("zh", "en")
                },
            }
            for profile in terms.profiles
        ]
    )


def _both(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    return {f"{name}.json": _json(rows), f"{name}.csv": _csv([_flat(row) for row in rows])}


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is marked as text."""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def _flat(row: Mapping[str, Any], without: Sequence[str] = ()) -> dict[str, Any]:
    return {name: _cell(value) for name, value in row.items() if name not in without}


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """With a byte-order mark, for spreadsheets; as many columns as any row has."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8-sig")


def _json(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _sums(files: Mapping[str, bytes]) -> bytes:
    """In the manner of sha256sum."""
    return "".join(f"{_sha256(files[name])}  {name}\n" for name in sorted(files) if name != SUMS).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
