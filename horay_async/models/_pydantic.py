"""Models in pydantic's world: fields of its models, and responses of FastAPI's endpoints.

Loaded when pydantic asks for a schema, never before.
"""

from __future__ import annotations

from typing import Any, cast, get_type_hints

import attrs
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from horay_async._class_docs import ClassDoc


def schema(cls: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
    """What pydantic validates and serialises `cls` by: an instance, or a mapping of its known fields."""
    hints = get_type_hints(cls)
    fields = attrs.fields(cast(Any, cls))
    known = core_schema.typed_dict_schema(
        {
            field.name: core_schema.typed_dict_field(
                handler.generate_schema(hints[field.name]),
                required=field.default is attrs.NOTHING and field.init,
            )
            for field in fields
        }
    )
    made = core_schema.no_info_after_validator_function(lambda given: _instance(cls, given), known)
    return core_schema.json_or_python_schema(
        json_schema=made,
        python_schema=core_schema.union_schema(
            [core_schema.is_instance_schema(cls), made], mode="left_to_right"
        ),
        serialization=core_schema.plain_serializer_function_ser_schema(
            lambda value: attrs.asdict(value, recurse=False), return_schema=known
        ),
        ref=f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
    )


def json_schema(cls: type[Any], given: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
    """The JSON schema of `cls`, under its name and with its description."""
    made = handler.resolve_ref_schema(shown := handler(given))
    made["title"] = cls.__name__
    text = cls.__dict__.get("__doc__")
    if text := text.text if isinstance(text, ClassDoc) else text:
        made["description"] = text.strip()
    return shown


def _instance(cls: type[Any], given: dict[str, Any]) -> Any:
    # A part's discriminator, such as its `type`, is set by the class itself.
    init = {field.name for field in attrs.fields(cast(Any, cls)) if field.init}
    return cls(**{name: value for name, value in given.items() if name in init})
