"""A small, safe evaluator for `$(eval ...)`.

Only literals, arithmetic, comparisons, boolean logic, conditional expressions, indexing, the string methods and the
functions listed here are evaluated; there are no other names, attributes, imports or loops, and results are bounded.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

MAX_LENGTH = 1 << 16
MAX_EXPONENT = 1024

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_MATH: dict[str, Any] = {name: getattr(math, name) for name in dir(math) if not name.startswith("_")}
_UNBOUNDED_MATH = ("factorial", "comb", "perm")
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (abs, all, any, bool, float, int, len, list, max, min, round, set, sorted, str, sum, tuple)
}
_STRING_METHODS = frozenset(
    "capitalize count endswith find isalnum isalpha isdigit join lower lstrip removeprefix removesuffix replace rstrip "
    "split startswith strip title upper".split()
)


class ExpressionError(ValueError):
    """The expression cannot be evaluated; the message is one sentence."""


def evaluate(expression: str, names: Mapping[str, Any] | None = None) -> Any:
    """Evaluate an expression of a launch file.

    Args:
        expression: Python syntax, restricted as the module says.
        names: values that the expression may use; of a message also its fields.

    Returns:
        The value.

    Raises:
        ExpressionError: when the syntax is wrong, something is not allowed, or the evaluation fails.
    """
    if len(expression) > MAX_LENGTH:
        raise ExpressionError("the expression is too long")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return _Evaluator(names or {}).value(tree.body)
    except ExpressionError:
        raise
    except SyntaxError as error:
        raise ExpressionError(f"'{expression}' is not an expression ({error.msg})") from error
    except RecursionError as error:
        raise ExpressionError("the expression is nested too deeply") from error
    except Exception as error:
        raise ExpressionError(f"'{expression}' fails: {error}") from error


class _Evaluator:
    """Walks an expression's tree."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.names[name] if name in self.names else _named(name)
            case ast.BoolOp(op=op, values=values):
                return self._boolean(op, values)
            case ast.UnaryOp(op=op, operand=operand):
                return _UNARY[type(op)](self.value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return _binary(op, self.value(left), self.value(right))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._compare(self.value(left), ops, comparators)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body) if self.value(test) else self.value(orelse)
            case ast.List(elts=elements):
                return [self.value(element) for element in elements]
            case ast.Tuple(elts=elements):
                return tuple(self.value(element) for element in elements)
            case ast.Set(elts=elements):
                return {self.value(element) for element in elements}
            case ast.Dict(keys=keys, values=values) if all(key is not None for key in keys):
                pairs = zip(keys, values, strict=True)
                return {self.value(key): self.value(value) for key, value in pairs if key is not None}
            case ast.Subscript(value=value, slice=index):
                return self.value(value)[self._index(index)]
            case ast.Attribute(value=ast.Name(id="math"), attr=name):
                return _math(name)
            case ast.Attribute(value=owner, attr=name) if self.names:
                return _field(self.value(owner), name)
            case ast.Call(func=function, args=arguments, keywords=[]):
                return self._call(function, [self.value(argument) for argument in arguments])
            case _:
                raise ExpressionError(f"'{ast.unparse(node)}' is not allowed in $(eval ...)")

    def _boolean(self, op: ast.boolop, values: list[ast.expr]) -> Any:
        result: Any = None
        for value in values:
            result = self.value(value)
            if bool(result) is isinstance(op, ast.Or):
                break
        return result

    def _compare(self, left: Any, ops: list[ast.cmpop], comparators: list[ast.expr]) -> bool:
        for op, comparator in zip(ops, comparators, strict=True):
            right = self.value(comparator)
            if not _COMPARE[type(op)](left, right):
                return False
            left = right
        return True

    def _index(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Slice):
            return slice(*(None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)))
        return self.value(node)

    def _call(self, function: ast.expr, arguments: list[Any]) -> Any:
        match function:
            case ast.Name(id=name) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*arguments)
            case ast.Name(id=name) if name in _MATH:
                return _math(name)(*arguments)
            case ast.Attribute(value=ast.Name(id="math"), attr=name):
                return _math(name)(*arguments)
            case ast.Attribute(value=owner, attr=name) if name in _STRING_METHODS:
                text = self.value(owner)
                if isinstance(text, str):
                    return _bounded(getattr(text, name)(*arguments))
        raise ExpressionError(f"'{ast.unparse(function)}(...)' is not allowed in $(eval ...)")


def _field(owner: Any, name: str) -> Any:
    if name.startswith("_") or not hasattr(owner, "get_fields_and_field_types"):
        raise ExpressionError(f"'.{name}' is not a field of a message")
    if name not in owner.get_fields_and_field_types():
        raise ExpressionError(f"the message has no field '{name}'")
    return getattr(owner, name)


def _named(name: str) -> Any:
    if name in ("true", "false"):
        return name == "true"
    if name in _MATH:
        return _math(name)
    raise ExpressionError(f"the name '{name}' is not known in $(eval ...); write '{name}' in quotes if it is a word")


def _math(name: str) -> Any:
    if name not in _MATH or name in _UNBOUNDED_MATH:
        raise ExpressionError(f"'math.{name}' is not allowed in $(eval ...)")
    return _MATH[name]


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    function = _BINARY.get(type(op))
    if function is None:
        raise ExpressionError("bit shifts and matrix products are not allowed in $(eval ...)")
    if isinstance(op, ast.Pow) and (abs(right) > MAX_EXPONENT or abs(left) > 1e9):
        raise ExpressionError("the power is too large for $(eval ...)")
    if isinstance(op, ast.Mult):
        for sequence, times in ((left, right), (right, left)):
            if isinstance(sequence, str | list | tuple) and isinstance(times, int):
                if len(sequence) * times > MAX_LENGTH:
                    raise ExpressionError("the repetition is too long for $(eval ...)")
    if isinstance(op, ast.Mod) and isinstance(left, str | bytes):
        raise ExpressionError("text formatting with % is not allowed in $(eval ...)")
    return function(left, right)


def _bounded(result: Any) -> Any:
    if isinstance(result, str | list) and len(result) > MAX_LENGTH:
        raise ExpressionError("the text is too long for $(eval ...)")
    return result
