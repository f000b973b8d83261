"""A real PostgreSQL of the tests' own: on a free loopback port, in a directory of its own, gone afterwards."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from healthd.store import StoreUrl
from tests.running import free_port, wait_until

PASSWORD = "geheim-4711"
_USERS = ("postgres", "nobody")  # initdb refuses root


def programs() -> Path | None:
    """Where Debian keeps initdb and pg_ctl; the newest version. None: there is no server."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    return Path(found[-1]).parent if found else None


@dataclass
class Server:
    """One running server. `url` names a database of its own each time it is asked for."""

    directory: Path
    port: int
    _count: int = field(default=0, init=False)

    def new_url(self) -> StoreUrl:
        """An empty database."""
        self._count += 1
        name = f"healthd_{self._count}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "healthd", name)
        return StoreUrl(f"postgresql://healthd@127.0.0.1:{self.port}/{name}", PASSWORD, self.directory)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs as its user."""
        return _as_user(program, *arguments, home=self.directory)

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.directory} -c fsync=off -c max_connections=60"
        log = str(self.directory / "log")
        self.run("pg_ctl", "-D", str(self.directory / "data"), "-o", options, "-l", log, "-w", "start")


def _as_user(program: str, *arguments: str, home: Path) -> str:
    place = programs()
    assert place is not None
    user = _user()
    environment = {"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "LC_ALL": "C", "HOME": str(home)}
    done = subprocess.run(
        [place / program, *arguments],
        user=user,
        group=user and pwd.getpwnam(user).pw_gid,
        extra_groups=[] if user else None,
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
    return done.stdout


def _user() -> str | None:
    """Who runs the server, if we are root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _USERS if name in known)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A started server that wants a password."""
    directory = Path(tempfile.mkdtemp(prefix="healthd-pg-"))
    try:
        user = _user()
        if user:
            shutil.chown(directory, user)
        secret = directory / "secret"
        secret.write_text(PASSWORD)
        if user:
            shutil.chown(secret, user)
        arguments = ("-U", "healthd", "--pwfile", str(secret), "-A", "scram-sha-256", "-E", "UTF8", "-N")
        _as_user("initdb", "-D", str(directory / "data"), *arguments, home=directory)
        running = Server(directory, free_port())
        running.start()
        try:
            yield running
        finally:
            with contextlib.suppress(AssertionError):
                running.stop()
            wait_until(lambda: not (directory / "data" / "postmaster.pid").exists(), 10)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
