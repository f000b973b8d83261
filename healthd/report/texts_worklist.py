"""The words of the work list, in Chinese and English; the same keys in both, a test says so."""

WORKLIST = {
    "zh": {
        "worklist_intro": "截至 {at}，共有待修复故障 {n} 起，其中已超期 {overdue} 起，24 小时内到期 {soon} 起。按"
        "修复后恢复的摄像机台数由多到少排列。",
        "worklist_none": "截至 {at}，没有待修复的故障。",
        "worklist": "{maintainer}",
        "worklist_table": "待修复故障",
        "worklist_empty": "没有待修复的故障。",
        "contact": "联系方式：{contact}",
        "left": "剩余时间",
        "left_overdue": "已超期 {span}",
        "no_limit": "不限期",
        "state": "状态",
        "state_open": "待处理",
        "state_soon": "24 小时内到期",
        "state_overdue": "已超期",
        "acknowledged": "受理人",
        "evidence": "判断依据",
        "address": "安装地址",
    },
    "en": {
        "worklist_intro": "On {at} there are {n} repairs to be done: {overdue} overdue, {soon} due within 24 "
        "hours. Those that bring back the most cameras come first.",
        "worklist_none": "On {at} there is nothing to be repaired.",
        "worklist": "{maintainer}",
        "worklist_table": "To be repaired",
        "worklist_empty": "There is nothing to be repaired.",
        "contact": "Contact: {contact}",
        "left": "Time left",
        "left_overdue": "overdue by {span}",
        "no_limit": "no limit",
        "state": "State",
        "state_open": "open",
        "state_soon": "due within 24 h",
        "state_overdue": "overdue",
        "acknowledged": "Taken by",
        "evidence": "Evidence",
        "address": "Address",
    },
}
