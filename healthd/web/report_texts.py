"""The words of the page of reports: part of `texts`."""

REPORTS_ZH = {
    "reports": "报表",
    "reports_none": "尚无已生成的报表。可在配置文件 reports 一节设定自动生成，或用 healthd report --keep 生成。",
    "reports_shown": "共 {n} 份，列出最近 {shown} 份。",
    "report_title": "报表",
    "report_kind": "类型",
    "report_kind_monthly": "月报",
    "report_kind_weekly": "周报",
    "report_kind_daily": "日报",
    "report_kind_worklist": "维修任务单",
    "report_period": "期间",
    "report_made": "生成时间",
    "report_files": "文件",
    "report_mailed": "邮件",
    "report_not_mailed": "待发送",
    "report_mail_failed": "发送失败 {n} 次",
    "report_sums": "校验值",
}
REPORTS_EN = {
    "reports": "Reports",
    "reports_none": "No report was made yet. Schedule them under reports in the configuration, or make one with "
    "healthd report --keep.",
    "reports_shown": "{n} in all; the latest {shown} are listed.",
    "report_title": "Report",
    "report_kind": "Kind",
    "report_kind_monthly": "monthly",
    "report_kind_weekly": "weekly",
    "report_kind_daily": "daily",
    "report_kind_worklist": "work list",
    "report_period": "Period",
    "report_made": "Made",
    "report_files": "Files",
    "report_mailed": "Mailed",
    "report_not_mailed": "waiting",
    "report_mail_failed": "failed {n} times",
    "report_sums": "checksums",
}
