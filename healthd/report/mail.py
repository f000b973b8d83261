"""Reports by mail: one message with the files of a kept report. Blocking, so for a thread."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import smtplib
import ssl
import zipfile
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from pathlib import Path

from healthd.kept import Kept
from healthd.options.reports import MailOptions

_TIMEOUT_SECONDS = 30.0
_LARGEST_BYTES = 20_000_000  # of all attachments; most servers refuse more
_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".csv": "text/csv",
}
_TEXTS = {
    "zh": {
        "hello": "您好：\n\n现发送《{title}》，请查收附件。\n",
        "left": "以下文件过大，未随信附上，请在 healthd 的“报表”页面下载：{names}\n",
        "foot": "\n本邮件由 healthd 自动发送。\n",
    },
    "en": {
        "hello": "Please find attached: {title}\n",
        "left": "Too large to be attached, to be had from healthd's page “Reports”: {names}\n",
        "foot": "\nSent by healthd.\n",
    },
}


def compose(kept: Kept, folder: Path, options: MailOptions) -> EmailMessage:
    """The message. CSV files go as one zip. Raises OSError where a file can't be read."""
    texts = _TEXTS[kept.lang]
    message = EmailMessage()
    message["Subject"] = kept.title
    message["From"] = _address(options.sender)
    message["To"] = [_address(one) for one in kept.mail]
    message["Date"] = formatdate(kept.made / 1000, localtime=True)
    # The same for every try: a server that took it and did not say so shows it once.
    message["Message-ID"] = f"<{hashlib.sha256(kept.id.encode()).hexdigest()[:32]}@healthd>"
    message["Auto-Submitted"] = "auto-generated"
    attached, left, size = [], [], 0
    for name, content in _attachments(kept, folder):
        size += len(content)
        if size > _LARGEST_BYTES:
            left.append(name)
            size -= len(content)
        else:
            attached.append((name, content))
    body = texts["hello"].format(title=kept.title)
    if left:
        body += texts["left"].format(names=", ".join(left))
    message.set_content(body + texts["foot"])
    for name, content in attached:
        kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message


def send(message: EmailMessage, options: MailOptions) -> None:
    """Hands it to the server. Raises OSError or smtplib.SMTPException; a refusal of one recipient is one, too."""
    context = ssl.create_default_context(cafile=options.ca_file) if options.tls or options.starttls else None
    with _connected(options, context) as server:
        if options.starttls:
            server.starttls(context=context)
        if options.username:
            server.login(options.username, options.secret)
        refused = server.send_message(message)
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)


def explained(error: Exception, options: MailOptions | None) -> str:
    """Why a message was not taken, with the remedy where there is one. Never tells the password."""
    if options is None:
        return str(error)
    said = str(error)
    match error:
        case smtplib.SMTPAuthenticationError():
            answer = _answer(error)
            said = f"refuses the login of {options.username}: {answer} (correct mail.username or its password)"
        case UnicodeEncodeError():  # said in its own words it would tell a letter of the password
            said = "takes no such password: it has letters that a login by SMTP cannot carry (choose another one)"
        case ssl.SSLCertVerificationError():
            said = f"is not trusted: {error.verify_message} (name its authority in mail.ca_file)"
        case ssl.SSLError():
            said = f"does not speak TLS as expected: {said} (port 465 takes tls, others starttls)"
        case smtplib.SMTPNotSupportedError():
            said = f"does not do what is asked: {said} (correct starttls, tls or username in mail)"
        case smtplib.SMTPResponseException():
            said = f"refuses: {_answer(error)}"
        case smtplib.SMTPException():
            said = f"broke off: {said}"
        case OSError():
            said = f"cannot be reached: {error.strerror or said}"
    return f"{options.server}:{options.port} {said}"


def _answer(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
    return f"{error.smtp_code} {' '.join(text.split())[:200]}"


def _connected(options: MailOptions, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if options.tls:
        return smtplib.SMTP_SSL(options.server, options.port, timeout=_TIMEOUT_SECONDS, context=context)
    return smtplib.SMTP(options.server, options.port, timeout=_TIMEOUT_SECONDS)


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    return Address(name, addr_spec=address)


def _attachments(kept: Kept, folder: Path) -> Iterator[tuple[str, bytes]]:
    tables = sorted(name for name in kept.files if "/" in name)
    for name in kept.files:
        if name not in tables:
            yield name, (folder / kept.id / name).read_bytes()
    if tables:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for name in tables:
                file.writestr(name, (folder / kept.id / name).read_bytes())
        yield f"{Path(tables[0]).parts[0]}.zip", packed.getvalue()
