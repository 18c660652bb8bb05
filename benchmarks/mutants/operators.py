"""Mutants of a module: its syntax tree with one node changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Mutant", "module_mutants", "mutated"]

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
SWAPPED_CALLS = {"min": "max", "any": "all", "argmin": "argmax", "floor": "ceil"}
SWAPPED_CALLS |= {new: old for old, new in SWAPPED_CALLS.items()}
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
NOT_RUN = frozenset({"annotation", "returns", "decorator_list", "format_spec"})
"""Parts of a tree that say nothing of what the code computes."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module.

    Attributes:
        path: The module, relative to the root of the repository.
        node: Number of the changed node in the order of the tree.
        variant: Number among the changes of this node.
        line: Line of the node.
        operator: Kind of change.
        before, after: The node as code.
    """

    path: str
    node: int
    variant: int
    line: int
    operator: str
    before: str
    after: str


def module_mutants(path: str) -> list[Mutant]:
    """All mutants of a module, in the order of its lines."""
    return [
        Mutant(path, place, i, node.lineno, operator, ast.unparse(node), ast.unparse(changed))
        for place, node in enumerate(_nodes(ast.parse(Path(path).read_text(encoding="utf-8"))))
        for i, (operator, changed) in enumerate(_variants(node))
    ]


def mutated(mutant: Mutant) -> ast.Module:
    """The tree of the module with the change."""
    tree = ast.parse(Path(mutant.path).read_text(encoding="utf-8"))
    node = list(_nodes(tree))[mutant.node]
    changed = list(_variants(node))[mutant.variant][1]
    _Exchange(node, changed).visit(tree)
    return ast.fix_missing_locations(tree)


class _Exchange(ast.NodeTransformer):
    """Puts one node in place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, ast.copy_location(new, old)

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else super().visit(node)


def _nodes(tree: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Expressions and statements that run, parents first."""
    for name, value in ast.iter_fields(tree):
        if name in NOT_RUN:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.expr | ast.stmt):
                yield child
            if isinstance(child, ast.AST):
                yield from _nodes(child)


def _variants(node: ast.expr | ast.stmt) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    """Changes of a node: their kind, and what stands in its place."""
    yield from _of_operators(node)
    yield from _of_values(node)
    yield from _of_flow(node)


def _of_operators(node: ast.expr | ast.stmt) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    match node:
        case ast.Compare(left, ops, rights):
            for i in range(len(ops)):
                swapped = [_swap(op) if k == i else op for k, op in enumerate(ops)]
                yield "comparison", ast.Compare(left, swapped, rights)
            if len(ops) == 1 and isinstance(ops[0], ORDER):
                yield "condition", _not(node)
        case ast.BinOp(left, op, right) if type(op) in SWAPPED:
            yield "arithmetic", ast.BinOp(left, _swap(op), right)
        case ast.AugAssign(target, op, value) if type(op) in SWAPPED:
            yield "arithmetic", ast.AugAssign(target, _swap(op), value)
        case ast.BoolOp(op, values):
            yield "boolean", ast.BoolOp(_swap(op), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield "boolean", operand
        case ast.UnaryOp(ast.USub() | ast.Invert(), operand):
            yield "arithmetic", operand


def _of_values(node: ast.expr | ast.stmt) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    match node:
        case ast.Constant(bool() as value):
            yield "constant", ast.Constant(not value)
        case ast.Constant(int() as value):
            yield "constant", ast.Constant(value + 1)
        case ast.Constant(float() as value):
            yield "constant", ast.Constant(value * 2 if value else 1.0)
        case ast.Call(ast.Name(name, ctx), args, keywords) if name in SWAPPED_CALLS:
            yield "call", ast.Call(ast.Name(SWAPPED_CALLS[name], ctx), args, keywords)
        case ast.Call(ast.Attribute(owner, name, ctx), args, keywords) if name in SWAPPED_CALLS:
            function = ast.Attribute(owner, SWAPPED_CALLS[name], ctx)
            yield "call", ast.Call(function, args, keywords)


def _of_flow(node: ast.expr | ast.stmt) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    match node:
        case ast.IfExp(test, body, orelse) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield "condition", ast.IfExp(_not(test), body, orelse)
        case ast.If(test, body, orelse) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield "condition", ast.If(_not(test), body, orelse)
        case ast.Return(ast.expr() as value) if not _is_none(value):
            yield "return", ast.Return(ast.Constant(None))
        case ast.Expr(ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield "statement", ast.Pass()


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _swap(op: ast.AST) -> Any:
    return SWAPPED[type(op)]()
