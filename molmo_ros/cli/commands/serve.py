"""Serve a policy to robots over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    model: Annotated[
        str, typer.Argument(help="The policy as YAML: {backend: molmoact2, checkpoint: ..., norm_tag: ...}.")
    ],
    contract: Annotated[
        str, typer.Option("--contract", help="What it expects: a file of config/contracts, or a path.")
    ],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; beyond this machine a token is needed.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    token_env: Annotated[str, typer.Option("--token-env", help="Environment variable that holds the token.")] = "",
    warm_up: Annotated[bool, typer.Option("--warm-up/--no-warm-up", help="Load and run the policy once first.")] = True,
) -> None:
    """Serve a policy to robots over HTTP, as MolmoAct2's own servers do (POST /act); Ctrl-C ends it."""
    from rich.console import Console

    from molmo_ros.cli.contracts import find
    from molmo_ros.cli.ros.messages import read_values
    from molmo_ros.core.errors import ErrorCode, MolmoRosError
    from molmo_ros.models.protocols import Policy
    from molmo_ros.models.registry import ModelSpec, build_model
    from molmo_ros.models.servers.act_server import ActServer
    from molmo_ros.models.servers.address import may_listen, token_from

    expected = next(find([contract]))
    token = token_from({"token_env": token_env})
    may_listen(host, token)
    policy = build_model(ModelSpec.from_mapping(read_values(model)), {"contract": expected})
    if not isinstance(policy, Policy):
        raise MolmoRosError(ErrorCode.NOT_SUPPORTED, f'The backend "{policy.info.backend}" gives no actions.')
    console = Console(highlight=False, soft_wrap=True)
    if warm_up:
        with console.status("warming up"):
            policy.warm_up()
    server = ActServer(policy, expected, host=host, port=port, token=token)
    console.print(f"serving {expected.name} {expected.hash[:12]} at http://{host}:{server.port}/act")
    server.serve_forever()
