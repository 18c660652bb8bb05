import ast

MAX_MODULE_LINES = 400  # beyond, there are two subjects in it
MAX_BODY_LINES = 50


def test_a_module_is_short(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


def test_a_function_body_is_short(tree):
    too_long = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            if lines > MAX_BODY_LINES:
                too_long[node.name] = lines
    assert not too_long
