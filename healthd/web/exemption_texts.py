"""The words of the page of exemptions: part of `texts`."""

from __future__ import annotations

from healthd.words import EXEMPT_REASONS

EXEMPTIONS_ZH = {
    "exemptions": "报备",
    "exemptions_note": "报备时段不计入考核，也不派发告警。所有记录永久留存、不得修改；更正与提前终止均另行登记。",
    "exemptions_open": "生效中与待生效的报备",
    "exemptions_open_none": "当前没有生效中或待生效的报备。",
    "exemptions_past": "历史报备",
    "exemptions_past_none": "没有历史报备。",
    "exemptions_count": "共 {n} 条。",
    "exemptions_shown": "共 {n} 条，列出 {shown} 条。",
    "exempt_scope": "报备范围",
    "exempt_scope_camera": "摄像机",
    "exempt_scope_region": "区域（含下级）",
    "exempt_scope_device": "设备（含下挂摄像机）",
    "exempt_from": "开始时间",
    "exempt_to": "结束时间",
    "exempt_reason": "事由",
    "exempt_approver": "批准人",
    "exempt_filed": "登记人、登记时间",
    "exempt_evidence": "附件",
    "exempt_late": "逾期补报",
    "exempt_state_planned": "待生效",
    "exempt_state_in_force": "生效中",
    "exempt_state_over": "已到期",
    "exempt_state_ended": "已提前终止",
    "exempt_state_withdrawn": "生效前撤回",
    "exempt_state_corrected": "已被更正",
    **{f"exempt_{code}": word for code, word in EXEMPT_REASONS["zh"].items()},
}

EXEMPTIONS_EN = {
    "exemptions": "Exemptions",
    "exemptions_note": "Exempt time is not assessed, and nobody is alerted. Every record is kept for ever as it "
    "was written; corrections and early endings are records of their own.",
    "exemptions_open": "In force and planned",
    "exemptions_open_none": "No exemption is in force or planned.",
    "exemptions_past": "Past",
    "exemptions_past_none": "No past exemptions.",
    "exemptions_count": "{n} in all.",
    "exemptions_shown": "{n} in all; {shown} are listed.",
    "exempt_scope": "Scope",
    "exempt_scope_camera": "camera",
    "exempt_scope_region": "region with all below",
    "exempt_scope_device": "device with all that hangs on it",
    "exempt_from": "From",
    "exempt_to": "To",
    "exempt_reason": "Reason",
    "exempt_approver": "Approved by",
    "exempt_filed": "Filed by, at",
    "exempt_evidence": "Evidence",
    "exempt_late": "filed late",
    "exempt_state_planned": "planned",
    "exempt_state_in_force": "in force",
    "exempt_state_over": "over",
    "exempt_state_ended": "ended early",
    "exempt_state_withdrawn": "withdrawn before it began",
    "exempt_state_corrected": "corrected by",
    **{f"exempt_{code}": word for code, word in EXEMPT_REASONS["en"].items()},
}
