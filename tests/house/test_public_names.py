import ast


def listed_names(tree):
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            return ast.literal_eval(node.value)
    return None


def defined_names(tree):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        n.name
        for n in tree.body
        if isinstance(n, kinds) and not n.name.startswith("_") and not is_hook(n)
    }


def is_hook(node):
    """Hooks are found by their marker; nobody imports them."""
    marks = {
        getattr(d, "id", getattr(getattr(d, "func", None), "id", "")) for d in node.decorator_list
    }
    return bool(marks & {"hookimpl", "hookspec"})


def test_what_is_public_is_listed(tree):
    listed, defined = listed_names(tree), defined_names(tree)
    missing = defined - set(listed or ())
    assert not missing, f"public functions and classes that __all__ leaves out: {sorted(missing)}"


def test_what_is_listed_is_there_once_and_in_order(tree):
    def order(name):
        # constants, then classes, then the rest: the order that ruff keeps
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    listed = listed_names(tree) or []
    assert list(listed) == sorted(set(listed), key=order)


def test_each_listed_name_can_be_imported(root, module):
    import importlib

    folder = next(p for p in (root / "plugins", root / "conf", root) if module.is_relative_to(p))
    parts = module.relative_to(folder).with_suffix("").parts
    if parts[-1] == "__main__":
        return
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    loaded = importlib.import_module(name)
    for public in getattr(loaded, "__all__", ()):
        assert hasattr(loaded, public), public
