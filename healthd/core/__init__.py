"""The core side: batches of results in, flips to the store, and what is committed to the published view.

It touches no device and reads no clock; the prober side is steered only through `Steering`.
"""

from healthd.core.core import Core
from healthd.core.exchange import CoreRules, Outbox, Past, Steering

__all__ = ["Core", "CoreRules", "Outbox", "Past", "Steering"]
