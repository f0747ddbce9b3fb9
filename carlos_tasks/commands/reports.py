"""`carlos report`: what people sign, file and archive, as a folder of page, PDF, tables and JSON."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carlos_tasks.commands.command import add_command, print_rows
from carlos_tasks.console import print_json, print_table
from carlos_tasks.settings import load_settings


def add_report_commands(commands: Any) -> None:
    """Add them to the subparsers of `carlos`."""
    command: argparse.ArgumentParser = commands.add_parser(
        "report", help="write a report: moderation, attribution or transparency", description="Write a report."
    )
    reports = command.add_subparsers(metavar="REPORT", required=True)

    report = _add(reports, "moderation", _moderation, "what is new, what waits and why, what was decided and refused")
    report.add_argument(
        "--since", type=_moment, metavar="DATE", help="what came after it is new (default: the last kept report)"
    )

    report = _add(reports, "transparency", _transparency, "a month's notices, decisions, appeals and statements")
    report.add_argument("--month", metavar="YYYY-MM", help="default: the last month that is over")

    report = _add(reports, "attribution", _attribution, "how near each LoRA comes to a reference set, with evidence")
    report.add_argument(
        "reference", metavar="SET", nargs="?", help="folder or s3:// prefix of pictures with a reference.toml"
    )
    for name, metavar, help_text in (
        ("text", "TEXT", "an effect in words; may be given more than once"),
        ("lora", "LORA_ID", "a LoRA of the index as the reference; may be given more than once"),
    ):
        report.add_argument(f"--{name}", dest=f"{name}s", metavar=metavar, action="append", default=[], help=help_text)
    report.add_argument(
        "--image", dest="images", metavar="FILE", nargs="+", type=Path, default=[], help="pictures of the reference"
    )
    for name, help_text in (
        ("title", "what the reference set is called"),
        ("rights-holder", "who claims it"),
        ("provenance", "where the pictures come from"),
        ("licence", "the licence of the pictures"),
    ):
        report.add_argument(f"--{name}", default="", metavar="TEXT", help=help_text)
    report.add_argument("-k", type=int, default=20, metavar="N", help="LoRAs that are shown (default: 20)")
    report.add_argument("--snapshot", type=int, metavar="N", help="the lake as it was then")
    report.add_argument("--with-pictures", action="store_true", help="copy the reference pictures into the report")

    check = add_command(reports, "check", _check, "whether a report is still what was written and approved")
    check.add_argument("place", metavar="DIR", help="its folder or s3:// prefix")


def _add(reports: Any, name: str, run: Any, help_text: str) -> argparse.ArgumentParser:
    report = add_command(reports, name, run, help_text)
    report.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the report")
    return report


def _moderation(options: argparse.Namespace) -> int:
    from carlos_tasks.reports.moderation.report import write_moderation

    return _print_manifest(options, write_moderation(load_settings(), options.out, options.since))


def _transparency(options: argparse.Namespace) -> int:
    from carlos_tasks.reports.transparency.report import write_transparency

    return _print_manifest(options, write_transparency(load_settings(), options.out, options.month))


def _attribution(options: argparse.Namespace) -> int:
    from carlos_tasks.attribution.reference import make_reference
    from carlos_tasks.reports.attribution.report import write_attribution

    reference = make_reference(
        options.reference,
        texts=options.texts,
        lora_ids=options.loras,
        images=options.images,
        title=options.title,
        rights_holder=options.rights_holder,
        provenance=options.provenance,
        licence=options.licence,
    )
    choices = {"k": options.k, "snapshot": options.snapshot, "with_pictures": options.with_pictures}
    return _print_manifest(options, write_attribution(load_settings(), reference, options.out, **choices))


def _check(options: argparse.Namespace) -> int:
    from carlos_tasks.reports.bundles.check import check_report

    facts, faults = check_report(options.place)
    if options.json:
        print_json([facts | {"faults": faults}])
    elif faults:
        print_rows(options, faults, ("path", "fault"))
    else:
        approved = f", approved by {facts['approved_by']} at {facts['approved_at']}" if "approved_by" in facts else ""
        print(f"report {facts['report']} is what was written: {facts['n_files']} files{approved}")
        print(f"SHA-256 of its manifest: {facts['manifest_sha256']}")
    return 1 if faults else 0


def _print_manifest(options: argparse.Namespace, manifest: dict[str, Any]) -> int:
    """Say what was written: the whole manifest for programs, the page and the figures for people."""
    if options.json:
        print_json([manifest])
        return 0
    if summary := manifest.get("summary"):
        print_table([{"what": name, "value": value} for name, value in summary.items()], ("what", "value"))
    for missing in manifest["left_out"]:
        print(f"{missing['path']} was left out: {missing['reason']}")
    print(f"\n{len(manifest['files'])} files lie in {options.out}; read {options.out / manifest['report']}.html")
    return 0


def _moment(text: str) -> datetime:
    """A day or a time; UTC where it names no other zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"not a day: {text!r} (write 2026-01-31)") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
