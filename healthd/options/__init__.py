"""The sections of healthd.yml, each checked as a model of its own; `healthd.config` puts them together."""
