"""Whatever a launch file holds, it becomes a plan or is refused in one sentence."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molmo_ros.embedded.launch.document import ACTIONS, LaunchError
from molmo_ros.embedded.launch.evaluate import declared_arguments, make_plan

TAGS = [*[tag for tag in ACTIONS if tag != "include"] * 5, "include", "param", "keep", "nonsense"]
NAMES = sorted({name for schema in ACTIONS.values() for name in schema.required | schema.optional} | {"if", "unless"})
WORDS = [
    *("", "a", "1", "true", "0.5", "[1, 2]", "{a: 1}", "/", "/bin/true", "a/b", "x y", "'", "shutdown", "screen", "~"),
    *("$(var a)", "$(var a b)", "$(env HOME)", "$(eval '1 + 1')", "$(eval a)", "$(dirname)", "$(not 1)", "$(", "$(x)"),
    *("$(find-pkg-share molmo_ros)", "$(equals 1 1)", "$(if 1 a)", "$(anon a)", "$(file-content /)", "\\$(a)", "5$"),
]
GOOD = {
    "exec": ["/bin/true"],
    "cmd": ["/bin/true $(var x y)"],
    "default": ["$(env HOME)"],
    "filename": ["/dev/null"],
    "output": ["screen"],
    "cwd": ["/"],
    "on_exit": ["shutdown"],
    "type": ["str"],
    "pkg": ["demo_nodes_py"],
    "launch-prefix": ["nice -n 1"],
}
NUMBERS = {"if", "scoped", "forwarding", "period", "cancel_on_shutdown", "prepend", "shell", "emulate_tty"}


@st.composite
def tags(draw):
    """A tag with what it needs and some of what it may have; now and then with something else."""
    tag = draw(st.sampled_from(TAGS))
    schema = ACTIONS.get(tag)
    required = sorted(schema.required) if schema else ["name", "value"]
    optional = sorted(schema.optional) if schema else ["from", "to", "type"]
    names = required + draw(st.lists(st.sampled_from([*optional, "if"]), max_size=3))
    if draw(st.integers(0, 19)) == 0:
        names = draw(st.lists(st.sampled_from(NAMES), max_size=4))
    return tag, {name: draw(words(name)) for name in names}


def words(name: str):
    """Mostly what the attribute wants."""
    fits = name in NUMBERS or name.startswith("respawn") or name.endswith("timeout")
    good = ["1"] if fits else GOOD.get(name, ["a"])
    return st.sampled_from(good * (len(WORDS) * 9) + WORDS)


elements = st.recursive(
    st.tuples(tags(), st.just([])),
    lambda children: st.tuples(st.just(("group", {})), st.lists(children, max_size=3)),
    max_leaves=8,
)


def written(element) -> str:
    (tag, values), children = element
    quoted = "".join(f' {name}="{value.replace(chr(38), "&amp;")}"' for name, value in values.items())
    return f"<{tag}{quoted}>{''.join(map(written, children))}</{tag}>"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(elements, max_size=4))
def test_elements_in_any_order(tmp_path, found):
    judge(tmp_path, f"<launch>{''.join(map(written, found))}</launch>".encode())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_bytes(tmp_path, noise, place):
    text = b"""<launch><arg name="a" default="$(env HOME)"/>
      <node exec="/bin/true" name="n"><param name="p" value="1"/></node></launch>"""
    judge(tmp_path, text[:place] + noise + text[place:])


def judge(tmp_path, text: bytes) -> None:
    path = tmp_path / "hostile.launch.xml"
    path.write_bytes(text)
    for read in (make_plan, declared_arguments):
        try:
            read(path)
        except LaunchError as error:
            message = error.message
        else:
            message = "."
        assert "\n" not in message
