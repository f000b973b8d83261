"""healthd itself: whether it keeps up, sees, writes and was understood, and what that costs."""

from __future__ import annotations

from typing import Any

from healthd.dashboards.board import Site, asked, board, datasource, hint
from healthd.dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Panel,
    graph,
    null_mapping,
    of_field,
    of_query,
    query,
    row,
    stat,
    thresholds,
    words_for,
)
from healthd.words import REASONS

_ME = 'instance=~"$instance"'
_RATE = "[$__rate_interval]"


def healthd(site: Site) -> dict[str, Any]:
    """The board `healthd`."""
    say = site.say
    instance = asked(
        "instance",
        say("实例", "Instance"),
        "label_values(healthd_build_info, instance)",
        multi=True,
        everything=".*",
    )
    return board(
        "healthd",
        site,
        say(
            "healthd 自身：探测量、滞后、跳过、结果原因、耗时、失明、存储、重新加载、内存与处理器，以及 "
            "Prometheus 抓取开销。",
            "healthd itself: turns, lag, skipped, outcomes by reason, durations, blindness, store, reloads, "
            "memory, CPU; what a scrape costs.",
        ),
        [datasource(say), instance],
        [
            _state(site),
            _versions(site),
            row(say("探测", "Asking")),
            *_asking(site),
            row(say("存储与配置", "Store and configuration")),
            *_store(site),
            *_messages(site),
            row(say("资源与抓取", "Resources and scrapes")),
            *_resources(site),
        ],
        since="now-6h",
    )


def _state(site: Site) -> Panel:
    say = site.say
    up = words_for({"0": (say("不可达", "down"), RED), "1": (say("运行", "up"), GREEN)})
    ready = words_for({"0": (say("首轮探测中", "not yet"), ORANGE), "1": (say("就绪", "ready"), GREEN)})
    blind = words_for({"0": (say("正常", "sees"), GREEN), "1": (say("失明", "blind"), RED)})
    taken = words_for({"0": (say("被拒绝", "refused"), RED), "1": (say("成功", "taken"), GREEN)})
    return stat(
        say("运行状态", "State"),
        say(
            "取所选实例中最差的。失明：收不到任何应答（包括参照目标），状态记为未知而非离线。",
            "The worst of the chosen instances. Blind: nothing answers, the reference targets included; states "
            "are unknown then, not "
            "offline.",
        )
        + " "
        + hint(say),
        (16, 4),
        [
            query(
                f"min(up{{{_ME}}} and on (job) group by (job) (healthd_build_info))", "healthd", shape="instant"
            ),
            query(f"min(healthd_ready{{{_ME}}})", say("首轮探测", "first round"), shape="instant"),
            query(f"max(healthd_blind{{{_ME}}})", say("监测能力", "sight"), shape="instant"),
            query(
                f"min(healthd_config_last_reload_successful{{{_ME}}})",
                say("配置加载", "configuration"),
                shape="instant",
            ),
            query(
                f"max(time() - process_start_time_seconds{{{_ME}}} and on (instance) healthd_build_info)",
                say("已运行", "up for"),
                shape="instant",
            ),
            query("healthd:data_age_seconds", say("数据时延", "age of data"), shape="instant"),
        ],
        say=say,
        overrides=[
            of_query("A", mappings=[up, *null_mapping(say)]),
            of_query("B", mappings=[ready, *null_mapping(say)]),
            of_query("C", mappings=[blind, *null_mapping(say)]),
            of_query("D", mappings=[taken, *null_mapping(say)]),
            of_query("E", unit="s", decimals=1),
            of_query("F", unit="s", decimals=0, thresholds=thresholds((None, GREEN), (120, ORANGE), (300, RED))),
        ],
    )


def _versions(site: Site) -> Panel:
    say = site.say
    return stat(
        say("在册摄像机", "Cameras in the inventory"),
        say("台账中的摄像机按生命周期状态。", "By lifecycle."),
        (8, 4),
        [query(f"max by (lifecycle) (healthd_inventory_cameras{{{_ME}}}) > 0", "{{lifecycle}}", shape="instant")],
        say=say,
        defaults={"decimals": 0, "unit": "none"},
        overrides=[
            of_field(value, displayName=word)
            for value, word in {
                "planned": say("规划", "planned"),
                "trial": say("试运行", "trial"),
                "in_service": say("在用", "in service"),
                "suspended": say("停用", "suspended"),
                "retired": say("报废", "retired"),
            }.items()
        ],
    )


def _quantile(metric: str, by: str, share: float) -> str:
    return f"histogram_quantile({share}, sum by ({by}le) (rate({metric}_bucket{{{_ME}}}{_RATE})))"


def _asking(site: Site) -> list[Panel]:
    say = site.say
    reasons = [of_field(value, displayName=word) for value, word in REASONS[site.language].items()]
    return [
        graph(
            say("探测结果", "Results a second"),
            say("每秒得到的结果，按探测种类。", "By check."),
            (12, 8),
            [query(f"sum by (check) (rate(healthd_check_results_total{{{_ME}}}{_RATE}))", "{{check}}")],
            say=say,
            defaults={"unit": "cps", "min": 0},
        ),
        graph(
            say("未成功的原因", "Why results were not ok"),
            say(
                "每秒的失败与未知结果，按原因；“监测端自身原因、过载”不计入摄像机。",
                "Failed and unknown results a second by reason; local and overload never count against a camera.",
            ),
            (12, 8),
            [
                query(
                    f'topk(15, sum by (reason) (rate(healthd_check_results_total{{{_ME},outcome!="ok"}}{_RATE} @ '
                    f"end())) > 0)"
                    f" * 0 + on (reason) sum by (reason) "
                    f'(rate(healthd_check_results_total{{{_ME},outcome!="ok"}}{_RATE}))',
                    "{{reason}}",
                )
            ],
            say=say,
            defaults={"unit": "cps", "min": 0},
            overrides=reasons,
        ),
        graph(
            say("滞后", "Lag"),
            say(
                "实际发问晚于应发问的时间，99 分位。持续增大说明跟不上。",
                "Asked after it was due, 99th percentile. If it keeps growing, healthd does not keep up.",
            ),
            (8, 8),
            [query(_quantile("healthd_check_lag_seconds", "check, ", 0.99), "{{check}}")],
            say=say,
            defaults={"unit": "s", "min": 0},
        ),
        graph(
            say("耗时", "Durations"),
            say("从发问到判定的时间，95 分位。", "From asking to deciding, 95th percentile."),
            (8, 8),
            [query(_quantile("healthd_check_duration_seconds", "check, ", 0.95), "{{check}}")],
            say=say,
            defaults={"unit": "s", "min": 0},
        ),
        graph(
            say("跳过与丢弃", "Skipped and dropped"),
            say(
                "每秒跳过的探测（来得太晚）与未采用的 ICMP 包。",
                "Turns a second that came too late, and ICMP packets not used.",
            ),
            (8, 8),
            [
                query(
                    f"sum by (check) (rate(healthd_check_turns_skipped_total{{{_ME}}}{_RATE}))",
                    say("跳过 ", "skipped ") + "{{check}}",
                ),
                query(f"sum by (reason) (rate(healthd_icmp_dropped_total{{{_ME}}}{_RATE}))", "ICMP {{reason}}"),
            ],
            say=say,
            defaults={"unit": "cps", "min": 0},
        ),
        graph(
            say("探测对象", "Subjects asked in turn"),
            say("轮流探测的摄像机、设备与参照目标数。", "Cameras, devices and reference targets."),
            (12, 7),
            [query(f"sum by (check) (healthd_checks_scheduled{{{_ME}}})", "{{check}}")],
            say=say,
            defaults={"decimals": 0, "min": 0},
        ),
        graph(
            say("失明", "Blind"),
            say("1 表示该时刻收不到任何应答。", "1 while nothing answers."),
            (12, 7),
            [query(f"max by (instance, prober) (healthd_blind{{{_ME}}})", "{{instance}} {{prober}}")],
            say=say,
            defaults={"decimals": 0, "min": 0, "max": 1},
        ),
    ]


def _store(site: Site) -> list[Panel]:
    say = site.say
    return [
        graph(
            say("写入耗时", "Store: time to write"),
            say("每次事务的耗时，99 分位。", "Each transaction, 99th percentile."),
            (8, 7),
            [query(_quantile("healthd_store_write_seconds", "", 0.99), "p99")],
            say=say,
            defaults={"unit": "s", "min": 0},
        ),
        graph(
            say("等待写入与失败", "Store: waiting and failed"),
            say(
                "等待写入的批次；过去 5 分钟失败的事务。",
                "Batches that wait; transactions that failed in 5 minutes.",
            ),
            (8, 7),
            [
                query(f"sum(healthd_store_pending{{{_ME}}})", say("等待写入", "waiting")),
                query(f"sum(increase(healthd_store_errors_total{{{_ME}}}[5m]))", say("失败", "failed")),
            ],
            say=say,
            defaults={"decimals": 0, "min": 0},
            overrides=[of_field(say("失败", "failed"), color={"mode": "fixed", "fixedColor": RED})],
        ),
        graph(
            say("重新加载与定时任务", "Reloads and calendar jobs"),
            say("过去一小时的加载次数与失败的定时任务。", "Loads and failed calendar jobs in the hour before."),
            (8, 7),
            [
                query(
                    f'sum(increase(healthd_config_reloads_total{{{_ME},outcome="ok"}}[1h]))',
                    say("加载成功", "taken"),
                ),
                query(
                    f'sum(increase(healthd_config_reloads_total{{{_ME},outcome="refused"}}[1h]))',
                    say("加载被拒", "refused"),
                ),
                query(f"sum(increase(healthd_jobs_failed_total{{{_ME}}}[1h]))", say("任务失败", "jobs failed")),
            ],
            say=say,
            defaults={"decimals": 0, "min": 0},
        ),
    ]


def _messages(site: Site) -> list[Panel]:
    """What the webhook bridge sends on, and whether Alertmanager's routes are those of the inventory."""
    say = site.say
    current = words_for({"0": (say("过期", "stale"), RED), "1": (say("一致", "current"), GREEN)})
    hour = "[1h]"
    return [
        graph(
            say("告警消息转发", "Messages sent on"),
            say(
                "过去一小时经 healthd 转发的告警消息：已送达、失败、重试；以及等待中的条数。未配置转发时无数据。",
                "Alert messages that healthd sent on in the hour before, failed, retried; and those that wait. "
                "No data "
                "where no hook is configured.",
            ),
            (18, 7),
            [
                query(f"sum(increase(healthd_hook_messages_sent_total{{{_ME}}}{hour}))", say("已送达", "sent")),
                query(f"sum(increase(healthd_hook_messages_failed_total{{{_ME}}}{hour}))", say("失败", "failed")),
                query(f"sum(increase(healthd_hook_retries_total{{{_ME}}}{hour}))", say("重试", "retried")),
                query(f"sum(healthd_hook_pending{{{_ME}}})", say("等待", "waiting")),
            ],
            say=say,
            defaults={"decimals": 0, "min": 0},
        ),
        stat(
            say("告警路由", "Alert routes"),
            say(
                "Alertmanager 的路由是否与台账一致（healthd alerting generate --check）。未配置时无数据。",
                "Whether Alertmanager's routes are those of the inventory (healthd alerting generate --check). "
                "No data "
                "where that is not configured.",
            ),
            (6, 7),
            [query(f"min(healthd_alerting_routes_current{{{_ME}}})", say("路由", "routes"), shape="instant")],
            say=say,
            overrides=[of_query("A", mappings=[current, *null_mapping(say)])],
        ),
    ]


def _resources(site: Site) -> list[Panel]:
    say = site.say
    mine = "and on (instance, job) healthd_build_info"
    return [
        graph(
            say("处理器", "CPU"),
            say("占用的处理器核数。", "Cores in use."),
            (8, 7),
            [query(f"rate(process_cpu_seconds_total{{{_ME}}}{_RATE}) {mine}", "{{instance}}")],
            say=say,
            defaults={"decimals": 2, "min": 0},
        ),
        graph(
            say("内存", "Memory"),
            say("进程常驻内存。", "Resident memory of the process."),
            (8, 7),
            [query(f"process_resident_memory_bytes{{{_ME}}} {mine}", "{{instance}}")],
            say=say,
            defaults={"unit": "bytes", "min": 0},
        ),
        graph(
            say("文件描述符", "File descriptors"),
            say("已打开的数量与上限。", "Open ones, and how many there may be."),
            (8, 7),
            [
                query(f"process_open_fds{{{_ME}}} {mine}", say("已打开 ", "open ") + "{{instance}}"),
                query(f"process_max_fds{{{_ME}}} {mine}", say("上限 ", "limit ") + "{{instance}}"),
            ],
            say=say,
            defaults={"decimals": 0, "min": 0},
        ),
        graph(
            say("抓取耗时", "Scrape duration"),
            say("Prometheus 每次抓取 healthd 的耗时。", "How long Prometheus takes to scrape healthd."),
            (8, 7),
            [query(f"scrape_duration_seconds{{{_ME}}} {mine}", "{{instance}}")],
            say=say,
            defaults={"unit": "s", "min": 0},
        ),
        graph(
            say("抓取的样本", "Samples a scrape"),
            say("每次抓取的样本数，即本机指标的总量。", "Samples of each scrape: the size of the page."),
            (8, 7),
            [query(f"scrape_samples_scraped{{{_ME}}} {mine}", "{{instance}}")],
            say=say,
            defaults={"decimals": 0, "min": 0, "color": {"mode": "fixed", "fixedColor": BLUE}},
        ),
        graph(
            say("新序列", "New series a scrape"),
            say(
                "每次抓取新出现的序列数；持续偏高会撑大 Prometheus。",
                "Series that are new in each scrape; if it stays high, Prometheus grows.",
            ),
            (8, 7),
            [query(f"scrape_series_added{{{_ME}}} {mine}", "{{instance}}")],
            say=say,
            defaults={"decimals": 0, "min": 0},
        ),
    ]
