"""Receivers as Alertmanager takes them: mail, webhooks, the WeCom application, and healthd's own hooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from healthd.options.alerting import AlertingOptions, Receiver, WecomApp
from healthd.problems import Wrong

NOBODY = "nobody"
"""Takes what only silences others."""
DEADMAN = "deadman not configured"
"""Takes the watchdog where no receiver was named for it."""
_FILES_SINCE = 31  # Alertmanager 0.31 reads the WeCom secret from a file
_MOST_ALERTS = 100  # in one message; a hook says how many more there were


def receivers(options: AlertingOptions, names: Iterable[str]) -> list[dict[str, Any]]:
    """One entry for each of these names; prefixes say what is left out."""
    return [{"name": name, **_ways(name, options)} for name in names]


def _ways(name: str, options: AlertingOptions) -> dict[str, Any]:
    bare = name.removeprefix("digest ").removeprefix("direct ")
    receiver = options.receivers.get(bare)
    if receiver is None:
        return {}
    resolved = not name.startswith("digest ")
    hooks = not name.startswith("direct ")
    ways: dict[str, Any] = {
        "email_configs": [_mail(address, options, resolved) for address in receiver.email],
        "webhook_configs": [*_webhooks(receiver, options, resolved, hooks)],
        "wechat_configs": [_wecom(receiver.wecom_app, options, resolved)] if receiver.wecom_app else [],
    }
    return {kind: entries for kind, entries in ways.items() if entries}


def _mail(address: str, options: AlertingOptions, resolved: bool) -> dict[str, Any]:
    return {
        "to": address,
        "send_resolved": resolved,
        "headers": {"Subject": _SUBJECTS[options.language]},
        "html": "",
        "text": _TEXTS[options.language],
    }


def _webhooks(
    receiver: Receiver, options: AlertingOptions, resolved: bool, hooks: bool
) -> Iterator[dict[str, Any]]:
    for webhook in receiver.webhooks:
        yield _webhook(webhook.url, webhook.token_file, resolved)
    for hook in receiver.hooks if hooks else ():
        url = f"{options.healthd_url.rstrip('/')}/hooks/alertmanager/{hook}"
        yield _webhook(url, options.hook_token_file, resolved)


def _webhook(url: str, token_file: str | None, resolved: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"url": url, "send_resolved": resolved, "max_alerts": _MOST_ALERTS}
    if token_file:
        entry["http_config"] = {"authorization": {"credentials_file": token_file}}
    return entry


def _wecom(app: WecomApp, options: AlertingOptions, resolved: bool) -> dict[str, Any]:
    entry = {
        "corp_id": app.corp_id,
        "agent_id": app.agent_id,
        "api_url": app.api_url,
        "to_user": app.to_user,
        "to_party": app.to_party,
        "to_tag": app.to_tag,
        "send_resolved": resolved,
        "message": _TEXTS[options.language],
    }
    if int(options.alertmanager_version.partition(".")[2]) >= _FILES_SINCE:
        entry["api_secret_file"] = str(app.secret_file)
    else:
        entry["api_secret"] = _read(app)
    return {key: value for key, value in entry.items() if value != ""}


def _read(app: WecomApp) -> str:
    try:
        secret = app.secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise Wrong(f"{app.secret_file}: {why}", "write the application's secret into it") from None
    if not secret:
        raise Wrong(f"{app.secret_file} is empty", "write the application's secret into it")
    return secret


_SUBJECTS = {
    "zh": '{{ if eq .Status "firing" }}【告警】{{ else }}【恢复】{{ end }}'
    "{{ with index .Alerts 0 }}{{ .Annotations.summary_zh }}{{ end }}"
    "{{ if gt (len .Alerts) 1 }}，共 {{ len .Alerts }} 项{{ end }}",
    "en": '{{ if eq .Status "firing" }}[ALERT]{{ else }}[RESOLVED]{{ end }} '
    "{{ with index .Alerts 0 }}{{ .Annotations.summary }}{{ end }}"
    "{{ if gt (len .Alerts) 1 }} ({{ len .Alerts }} in all){{ end }}",
}
_TEXTS = {
    "zh": "{{ range .Alerts }}"
    '{{ if eq .Status "firing" }}【告警】{{ else }}【恢复】{{ end }}{{ .Annotations.summary_zh }}\n'
    "{{ .Annotations.description_zh }}\n"
    "看板：{{ .Annotations.dashboard_url_zh }}\n"
    "处置：{{ .Annotations.runbook_url }}?lang=zh\n\n"
    "{{ end }}",
    "en": "{{ range .Alerts }}"
    '{{ if eq .Status "firing" }}[ALERT]{{ else }}[RESOLVED]{{ end }} {{ .Annotations.summary }}\n'
    "{{ .Annotations.description }}\n"
    "Dashboard: {{ .Annotations.dashboard_url }}\n"
    "What to do: {{ .Annotations.runbook_url }}?lang=en\n\n"
    "{{ end }}",
}
