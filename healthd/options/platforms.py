"""`platforms:` in the configuration: what video platforms say of the cameras, as their catalogues tell."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from healthd.options.section import AbsolutePath, Label, Section
from healthd.problems import Wrong
from probes.base import Duration


class CatalogueColumns(Section):
    """How the columns of the file are named."""

    id: Label = "id"
    status: Label = "status"
    at: Label = "at"


class PlatformOptions(Section):
    """One platform; seconds. `catalogue`: the file that it exports. `match`: the column of cameras.csv that holds
    the platform's ids. `interval`: between two looks at the file. `max_age`: what was said longer ago is taken for
    nothing said. `patience`: how long the platform may take to notice that a camera went or came."""

    name: Label
    catalogue: AbsolutePath
    columns: CatalogueColumns = CatalogueColumns()
    match: Label = "id"
    interval: Duration = 30.0
    max_age: Annotated[Duration, Field(ge=60.0)] = 86_400.0
    patience: Duration = 300.0

    @model_validator(mode="after")
    def _fit(self) -> PlatformOptions:
        if len({self.columns.id, self.columns.status, self.columns.at}) < 3:
            raise Wrong("columns: two of them are the same", "each has a column of its own")
        return self


def one_of_a_name(platforms: tuple[PlatformOptions, ...]) -> tuple[PlatformOptions, ...]:
    """Raises Wrong where two platforms have one name."""
    names = [platform.name for platform in platforms]
    for name in names:
        if names.count(name) > 1:
            raise Wrong(f'"{name}" is the name of two platforms', "rename one of the two")
    return platforms
