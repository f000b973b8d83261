"""Alertmanager's configuration, made from who is on call and from the inventory's regions and maintainers."""
