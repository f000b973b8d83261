"""The webhook bridge: what Alertmanager cannot reach itself (group bots, SMS gateways), healthd does."""
