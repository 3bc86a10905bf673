"""`mmcare spec schema`: the JSON Schema of a spec, for editors."""

from __future__ import annotations

from mmcare.cli.options import PluginFiles

__all__ = ["schema"]


def schema(*, plugin: PluginFiles = None) -> None:
    """Print the JSON Schema (draft 2020-12) of a spec, made from the components that are installed here.

    Each `use:` allows the names that are there, and then exactly that component's keys. It describes a spec whose
    `extends` is laid out, as `mmcare spec show` prints it; a file that extends another may leave out more.

    Example:

        mmcare spec schema
    """
    import json

    from mmcare.registry import discover
    from mmcare.spec import json_schema

    print(json.dumps(json_schema(discover(plugin or ())), indent=2, ensure_ascii=False))
