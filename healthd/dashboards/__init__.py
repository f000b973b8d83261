"""Grafana dashboards, in Chinese and English, from one source: plain dicts of Grafana's classic JSON.

`files` writes them; each board is a module of its own. Numbers of panels and variables are the same in both
languages, texts alone differ. What they ask of Prometheus is put together in `promql`.
"""
