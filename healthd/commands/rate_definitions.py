"""`healthd rates --definitions`: what each profile in use means, whole and in words."""

from __future__ import annotations

from healthd.commands.common import print_json
from healthd.rates.profile_words import describe
from healthd.setup import Setup


def print_definitions(setup: Setup, lang: str, *, as_json: bool) -> int:
    """Every profile in use; returns the exit code."""
    names = {code: region.name for code, region in setup.inventory.regions.items()}
    found = [(profile.name, describe(profile, lang, names)) for profile in setup.config.chosen_profiles]
    if as_json:
        print_json(
            [
                {"profile": name, "definitions": [{"what": what, "means": means} for what, means in lines]}
                for name, lines in found
            ]
        )
        return 0
    for number, (name, lines) in enumerate(found):
        print(("" if not number else "\n") + name)
        for what, means in lines:
            print(f"  {what}{'：' if lang == 'zh' else ': '}{means}")
    return 0
