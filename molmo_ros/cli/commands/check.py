"""Check that checkpoint, robot, cameras and joints fit together."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    contracts: Annotated[
        list[str] | None,
        typer.Argument(help="Contracts: names of files in config/contracts, or paths; all by default."),
    ] = None,
    robot: Annotated[str, typer.Option("--robot", help="Compare with this robot instead of the contract's own.")] = "",
    checkpoint: Annotated[str, typer.Option("--checkpoint", help="Folder of the checkpoint to compare with.")] = "",
    live: Annotated[
        bool, typer.Option("--live", help="Compare with joint_states and camera_info of a running graph.")
    ] = False,
    cameras: Annotated[
        str,
        typer.Option(
            "--cameras", help="Topic prefix of each camera as YAML: {exo_camera_1: camera}; its own name by default."
        ),
    ] = "{}",
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for a running graph.", min=0.1)] = 5.0,
    use_sim_time: Annotated[bool, typer.Option("-s", "--use-sim-time", help="Use the time of /clock.")] = False,
) -> None:
    """Check that checkpoint, robot, cameras and joints fit together, every mismatch in words.

    Exit code 1 when a named contract does not fit, or a running graph stays silent. Without a name, an overview of all.
    """
    from rich.console import Console
    from rich.markup import escape

    from molmo_ros.cli.contracts import find, judge, metadata_of
    from molmo_ros.cli.ros.embodiment import look
    from molmo_ros.cli.ros.messages import read_values

    console = Console(highlight=False, soft_wrap=True)
    chosen = list(find(contracts or []))
    metadata = metadata_of(checkpoint) if checkpoint else None
    topics = {str(k): str(v) for k, v in read_values(cameras).items()}
    joint_names, seen = None, None
    silent: list[str] = []
    if live:
        wanted = {c.name: topics.get(c.name, c.name) for contract in chosen for c in contract.cameras}
        joint_names, seen, silent = look(wanted, wait, use_sim_time)
    bad = 0
    for contract in chosen:
        finding = judge(contract, robot=robot, metadata=metadata, joint_state_names=joint_names, cameras=seen)
        bad += bool(finding.mismatches)
        state = "[green]fits[/]     " if finding.looked_at else "[yellow]unchecked[/]"
        state = "[red]mismatch[/] " if finding.mismatches else state
        compared = ", ".join(finding.looked_at) or "nothing"
        console.print(f"{state} {contract.name} {contract.hash[:12]} (compared with: {escape(compared)})")
        for sentence in finding.mismatches:
            console.print(f"    {escape(sentence)}")
        for sentence in finding.skipped:
            console.print(f"    not compared: {escape(sentence)}")
        for sentence in contract.notes if len(chosen) == 1 else ():
            console.print(f"    note: {escape(sentence)}")
    for topic in silent:
        console.print(f"[yellow]silent[/]   nothing came on {escape(topic)} within {wait:g} s")
    if silent or (bad and contracts):
        raise typer.Exit(1)
