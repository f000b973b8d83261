"""The SOAP texts of a simulated camera. Values are plain numbers, addresses and the city's own words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.sax.saxutils import escape

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
SUB_SIZE = (640, 360)
FIRMWARE = "1.0.0 simulated"

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<s:Envelope xmlns:s="{ENVELOPE}" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
    ' xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>'
)
_TAIL = "</s:Body></s:Envelope>"


def envelope(body: str) -> bytes:
    return (_HEAD + body + _TAIL).encode()


def fault(subcode: str, text: str) -> bytes:
    return envelope(
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value>"
        f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{escape(text)}</s:Text></s:Reason></s:Fault>'
    )


def date_and_time(utc: datetime, local: datetime) -> str:
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
        "<tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
        "<tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone>"
        f"<tt:UTCDateTime>{_moment(utc)}</tt:UTCDateTime><tt:LocalDateTime>{_moment(local)}</tt:LocalDateTime>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def _moment(at: datetime) -> str:
    return (
        f"<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute>"
        f"<tt:Second>{at.second}</tt:Second></tt:Time>"
        f"<tt:Date><tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day></tt:Date>"
    )


def information(vendor: str, model: str, serial: str) -> str:
    return (
        f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{escape(vendor)}</tds:Manufacturer>"
        f"<tds:Model>{escape(model)}</tds:Model><tds:FirmwareVersion>{FIRMWARE}</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{escape(serial)}</tds:SerialNumber><tds:HardwareId>simulated</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


def capabilities(base: str) -> str:
    return (
        "<tds:GetCapabilitiesResponse><tds:Capabilities>"
        f"<tt:Device><tt:XAddr>{base}/onvif/device_service</tt:XAddr></tt:Device>"
        f"<tt:Media><tt:XAddr>{base}/onvif/media_service</tt:XAddr><tt:StreamingCapabilities>"
        "<tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>false</tt:RTP_TCP>"
        "<tt:RTP_RTSP_TCP>false</tt:RTP_RTSP_TCP></tt:StreamingCapabilities></tt:Media>"
        "</tds:Capabilities></tds:GetCapabilitiesResponse>"
    )


def services(base: str) -> str:
    return "<tds:GetServicesResponse>{}</tds:GetServicesResponse>".format(
        "".join(
            f"<tds:Service><tds:Namespace>http://www.onvif.org/ver10/{name}/wsdl</tds:Namespace>"
            f"<tds:XAddr>{base}/onvif/{name}_service</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
            for name in ("device", "media")
        )
    )


def network(address: str, hardware: str) -> str:
    return (
        '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled>'
        f"<tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>{hardware}</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info>"
        "<tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config>"
        f"<tt:Manual><tt:Address>{address}</tt:Address><tt:PrefixLength>8</tt:PrefixLength></tt:Manual>"
        "<tt:DHCP>false</tt:DHCP></tt:Config></tt:IPv4>"
        "</tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
    )


def sources(channels: Sequence[tuple[int, int, int]]) -> str:
    """`channels`: (number, width, height in pixels)."""
    return "<trt:GetVideoSourcesResponse>{}</trt:GetVideoSourcesResponse>".format(
        "".join(
            f'<trt:VideoSources token="source_{number}"><tt:Framerate>25</tt:Framerate>'
            f"<tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>"
            "</trt:VideoSources>"
            for number, width, height in channels
        )
    )


def profiles(channels: Sequence[tuple[int, int, int]]) -> str:
    """A main and a sub profile of each channel; `channels`: (number, width, height of main in pixels)."""
    return "<trt:GetProfilesResponse>{}</trt:GetProfilesResponse>".format(
        "".join(
            _profile("main", number, (width, height), (width, height))
            + _profile("sub", number, SUB_SIZE, (width, height))
            for number, width, height in channels
        )
    )


def _profile(name: str, number: int, size: tuple[int, int], bounds: tuple[int, int]) -> str:
    return (
        f'<trt:Profiles token="{name}_{number}" fixed="true"><tt:Name>{name}_{number}</tt:Name>'
        f'<tt:VideoSourceConfiguration token="source_config_{number}"><tt:Name>source_{number}</tt:Name>'
        f"<tt:UseCount>2</tt:UseCount><tt:SourceToken>source_{number}</tt:SourceToken>"
        f'<tt:Bounds x="0" y="0" width="{bounds[0]}" height="{bounds[1]}"/></tt:VideoSourceConfiguration>'
        f'<tt:VideoEncoderConfiguration token="encoder_{name}_{number}"><tt:Name>{name}_{number}</tt:Name>'
        "<tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>"
        f"<tt:Resolution><tt:Width>{size[0]}</tt:Width><tt:Height>{size[1]}</tt:Height></tt:Resolution>"
        "<tt:Quality>4</tt:Quality><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit>"
        "<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>"
        "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
        "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
        "<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration></trt:Profiles>"
    )


def on_picture(channels: Sequence[tuple[int, str]]) -> str:
    """The name and the time on each channel's picture; `channels`: (number, name); "": only the time."""
    return "<trt:GetOSDsResponse>{}</trt:GetOSDsResponse>".format(
        "".join(
            (_annotation(number, "Plain", f"<tt:PlainText>{escape(name)}</tt:PlainText>") if name else "")
            + _annotation(number, "DateAndTime", "<tt:DateFormat>yyyy-MM-dd</tt:DateFormat>")
            for number, name in channels
        )
    )


def _annotation(number: int, kind: str, text: str) -> str:
    return (
        f'<trt:OSDs token="osd_{kind.lower()}_{number}">'
        f"<tt:VideoSourceConfigurationToken>source_config_{number}</tt:VideoSourceConfigurationToken>"
        "<tt:Type>Text</tt:Type><tt:Position><tt:Type>UpperLeft</tt:Type></tt:Position>"
        f"<tt:TextString><tt:Type>{kind}</tt:Type>{text}</tt:TextString></trt:OSDs>"
    )


def snapshot(uri: str) -> str:
    return (
        f"<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
        "<tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetSnapshotUriResponse>"
    )
