"""`carlos report`: what people approve, file and archive, as a folder of page, PDF, tables and JSON."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings, print_rows
from carlos_tasks.console import print_json, print_table, printable, say

if TYPE_CHECKING:
    from carlos_tasks.reports.check import Verdict

Out = Annotated[Path, typer.Option(metavar="DIR", help="folder of the report")]

app = typer.Typer()


def _moment(text: str) -> datetime:
    """A day or a time; UTC where it names no other zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"not a day: {text!r} (write 2026-01-31)") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@app.command(cls=LakeCommand)
def moderation(
    out: Out,
    since: Annotated[
        datetime | None,
        typer.Option(metavar="DATE", parser=_moment, help="what came after it is new (default: the last kept report)"),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Report what is new, what waits and why.

    Also what was decided and refused. Page, PDF, tables, JSON and manifest: docs/moderation.md#reports.
    """
    from carlos_tasks.reports.moderation.report import write_moderation

    return _print_manifest(write_moderation(load_settings(), out, since), out, as_json)


@app.command(cls=LakeCommand)
def transparency(
    out: Out,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="default: the last month that is over")] = None,
    as_json: AsJson = False,
) -> int:
    """Report a month's notices, decisions and appeals.

    It holds the statements of reasons; its files are those of the moderation report.
    """
    from carlos_tasks.reports.transparency.report import write_transparency

    return _print_manifest(write_transparency(load_settings(), out, month), out, as_json)


@app.command(cls=LakeCommand)
def attribution(
    out: Out,
    reference: Annotated[
        str | None,
        typer.Argument(metavar="SET", help="folder or s3:// prefix of pictures with a reference.toml"),
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="TEXT", help="an effect in words; may be given more than once"),
    ] = None,
    loras: Annotated[
        list[str] | None,
        typer.Option(
            "--lora", metavar="LORA_ID", help="a LoRA of the index as the reference; may be given more than once"
        ),
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Option("--image", metavar="FILE…", help="pictures of the reference")
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="what the reference set is called")] = "",
    rights_holder: Annotated[str, typer.Option(metavar="TEXT", help="who claims it")] = "",
    provenance: Annotated[str, typer.Option(metavar="TEXT", help="where the pictures come from")] = "",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="the licence of the pictures")] = "",
    k: Annotated[int, typer.Option("-k", metavar="N", help="LoRAs that are shown")] = 20,
    snapshot: Annotated[int | None, typer.Option(metavar="N", help="the lake as it was then")] = None,
    with_pictures: Annotated[
        bool, typer.Option("--with-pictures", help="copy the reference pictures into the report")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Report how near each LoRA comes to a reference set.

    With its evidence, in the same files: docs/moderation.md#attribution-to-a-reference.
    """
    from carlos_tasks.attribution.reference import make_reference
    from carlos_tasks.reports.attribution.report import write_attribution

    shown = make_reference(
        reference,
        texts=texts or [],
        lora_ids=loras or [],
        images=images or [],
        title=title,
        rights_holder=rights_holder,
        provenance=provenance,
        licence=licence,
    )
    manifest = write_attribution(load_settings(), shown, out, k=k, snapshot=snapshot, with_pictures=with_pictures)
    return _print_manifest(manifest, out, as_json)


@app.command(cls=LakeCommand)
def check(
    place: Annotated[str, typer.Argument(metavar="DIR", help="its folder or s3:// prefix")],
    offline: Annotated[bool, typer.Option("--offline", help="without the lake: its ledger is not asked")] = False,
    key: Annotated[
        Path | None, typer.Option(metavar="PUB", help="public key of the deployment, or a folder of them")
    ] = None,
    head: Annotated[
        str | None, typer.Option(metavar="HASH", help="head of the ledger that was kept elsewhere, or POSITION:HASH")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="SET", help="the reference set of an attribution report, to make it again")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check that a report is what was written and approved.

    In a folder or at an s3:// prefix; exits with 1 where it is not. The ledger of the lake says what was written, and
    the lake gives the report again: docs/moderation.md#checking-a-report.
    """
    from carlos_tasks.reports.check import check_report

    verdict = check_report(place, None if offline else load_settings(), keys=key, head=head, reference=reference)
    if as_json:
        print_json([verdict.row()])
    elif verdict.faults:
        print_rows(verdict.faults, as_json, ("path", "fault"))
    else:
        _print_verdict(verdict)
    return 1 if verdict.faults else 0


@app.command(cls=LakeCommand)
def redact(as_json: AsJson = False) -> int:
    """Hide the pictures of LoRAs that were taken down.

    In contact sheets and reports that the store keeps. `carlos decide takedown` does it by itself, unless it is
    interrupted.
    """
    from carlos_tasks.reports.takedowns import hide_pictures

    hidden = hide_pictures(load_settings())
    rows = [{"what": "contact sheet", "key": key} for key in hidden.sheets]
    return print_rows(rows + [{"what": "report", "key": key} for key in hidden.reports], as_json, ("what", "key"))


def _print_verdict(verdict: "Verdict") -> None:
    """Say what a report without faults is, by whose word, and what was not looked at."""
    facts = verdict.facts
    if verdict.vouched_by:
        approved = (
            f", approved by {printable(facts['approved_by'])} at {facts['approved_at']}"
            if "approved_by" in facts
            else ""
        )
        say(f"report {printable(facts['report'])} is what was written: {facts['n_files']} files{approved}")
        say(f"by: {printable('; '.join(verdict.vouched_by))}")
    else:
        say(f"the files match the manifest of report {printable(facts['report'])}: {facts['n_files']} files")
        say("nobody vouches for the manifest: neither a signature nor the ledger of the lake was asked")
    if "recomputed_from" in facts:
        say(f"the lake at snapshot {facts['recomputed_from']} gives the same tables and the same page")
    say(f"SHA-256 of its manifest: {facts['manifest_sha256']}")
    for sentence in verdict.redacted:
        say(printable(sentence))
    for lora_id in facts.get("taken_down_since", ()):
        say(f"LoRA {printable(lora_id)} was taken down since: this copy still shows its pictures")
    for sentence in verdict.not_checked:
        say(f"not checked: {printable(sentence)}")


def _print_manifest(manifest: dict[str, Any], out: Path, as_json: bool) -> int:
    """Say what was written: the whole manifest for programs, the page and the figures for people."""
    from carlos_tasks.reports.bundles.document import entered_in_words

    if as_json:
        print_json([manifest])
        return 0
    if summary := manifest.get("summary"):
        print_table([{"what": name, "value": value} for name, value in summary.items()], ("what", "value"))
    for missing in manifest["left_out"]:
        say(f"{printable(missing['path'])} was left out: {printable(missing['reason'])}")
    say(f"\n{len(manifest['files'])} files lie in {out}; read {out / manifest['report']}.html")
    say(entered_in_words(manifest))
    return 0
