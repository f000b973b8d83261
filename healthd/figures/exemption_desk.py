"""Where exemptions are filed and looked up, from the command line, the API and the page alike."""

from __future__ import annotations

from collections.abc import Collection

from healthd.filings import filing
from healthd.filings.filing import EndingSaid, Grounds, Said
from healthd.model import EvidenceFile, Exemption, Moment, ScopeKind
from healthd.problems import brief
from healthd.setup import Setup
from healthd.store import Store
from healthd.store.evidence_files import described, keep_evidence, kept_evidence


def file_exemption(
    store: Store, setup: Setup, said: Said, now: Moment, evidence: tuple[str, bytes] | None = None
) -> Exemption:
    """Check and keep an exemption, with the file that it rests on (name, content). On the disk when this returns.
    Raises Wrong, or StoreError: then nothing is filed."""
    proof = None if evidence is None else described(brief(evidence[0]), evidence[1])
    record = filing.exemption(said, _grounds(store, setup, now), proof)
    if evidence is not None:
        keep_evidence(store.path, evidence[1])
    store.file(record)
    return record


def end_exemption(store: Store, setup: Setup, said: EndingSaid, now: Moment) -> Exemption:
    """Check and keep the record that ends an exemption, and return how that stands then. Raises like
    `file_exemption`."""
    record = filing.ending(said, _grounds(store, setup, now))
    store.file(record)
    return next(one for one in store.exemptions() if one.id == record.exemption)


def exemption_evidence(store: Store, exemption: str, by: str, now: Moment) -> tuple[EvidenceFile, bytes] | None:
    """The file that an exemption rests on; that `by` read it is written down first. None: there is no such
    exemption, or it rests on none. Raises StoreError for what the disk does."""
    for one in store.exemptions():
        if one.id == exemption and one.evidence is not None:
            return one.evidence, kept_evidence(store.path, one.evidence, by, now)
    return None


def _grounds(store: Store, setup: Setup, now: Moment) -> Grounds:
    known: dict[ScopeKind, Collection[str]] = {
        ScopeKind.CAMERA: store.names().keys(),
        ScopeKind.REGION: store.regions().keys(),
        ScopeKind.DEVICE: {link.device for link in store.device_links()},
    }
    config = setup.config
    return Grounds(setup.inventory, known, store.exemptions(), config.exemptions, config.timezone, now)
