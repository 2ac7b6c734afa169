"""Event types from an OpenAPI document; and the catalogue's own examples fit its schemas."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from svix.api import EventTypeDeleteOptions, Svix, SvixOptions
from svix.exceptions import HTTPValidationError
from svix.models import EventTypeImportOpenApiIn

from consignease.wire.events import EVENT_TYPES
from consignease.wire.examples import example_body
from tests.helpers.server import RunningServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]

SPEC: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "x", "version": "1"},
    "webhooks": {
        "pet.new": {
            "post": {
                "description": "A new pet.",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}
                    }
                },
            }
        },
        "pet.gone": {"post": {"summary": "A pet left.", "deprecated": True}},
        "user.created": {"post": {"description": "Not ours to change."}},
    },
    "components": {
        "schemas": {
            "Pet": {
                "type": "object",
                "properties": {"owner": {"$ref": "#/components/schemas/Owner"}},
            },
            "Owner": {"type": "string"},
            "Other": {"type": "integer"},
        }
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def svix(server: RunningServer) -> Iterator[Any]:
    yield Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    gc.collect()


def test_event_types_come_from_an_openapi_document(svix: Any) -> None:
    """A dry run changes nothing; a second import changes nothing; the rest can be archived."""
    imports = svix.event_type.import_openapi
    dry = imports(EventTypeImportOpenApiIn(spec=SPEC, dry_run=True)).data
    assert dry.modified == []
    assert [(one.name, one.deprecated) for one in dry.to_modify] == [
        ("pet.gone", True),
        ("pet.new", False),
    ]
    names = [one.name for one in svix.event_type.list().data]
    assert "pet.new" not in names
    done = imports(EventTypeImportOpenApiIn(spec=SPEC)).data
    assert done.modified == ["pet.gone", "pet.new"]
    schema = svix.event_type.get("pet.new").schemas["1"]
    assert set(schema["components"]["schemas"]) == {"Pet", "Owner"}
    jsonschema.validate({"owner": "me"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"owner": 1}, schema)
    text = yaml.safe_dump(SPEC)
    assert imports(EventTypeImportOpenApiIn(spec_raw=text)).data.modified == []
    assert imports(EventTypeImportOpenApiIn(spec_raw=json.dumps(SPEC))).data.modified == []
    del SPEC["webhooks"]["pet.gone"]
    last = imports(EventTypeImportOpenApiIn(spec=SPEC, replace_all=True)).data
    assert last.modified == ["pet.gone"]
    assert svix.event_type.get("pet.gone").archived is True
    assert svix.event_type.get("user.created").archived is False


def test_flags_and_group_come_from_the_document_or_stay(svix: Any) -> None:
    """The extensions of the original; what a document does not say stays as it was set."""
    imports = svix.event_type.import_openapi

    def spec(**operation: Any) -> EventTypeImportOpenApiIn:
        webhooks = {"flagged.one": {"post": {"description": "d", **operation}}}
        return EventTypeImportOpenApiIn(spec={"webhooks": webhooks})

    def kept() -> Any:
        found = svix.event_type.get("flagged.one")
        return found.feature_flags, found.group_name

    one = spec(**{"x-svix-feature-flag": "a", "x-svix-group-name": "g"})
    dry = imports(EventTypeImportOpenApiIn(spec=one.spec, dry_run=True)).data.to_modify[0]
    assert (dry.feature_flags, dry.group_name) == (["a"], "g")
    assert imports(one).data.modified == ["flagged.one"]
    assert kept() == (["a"], "g")
    assert imports(spec()).data.modified == []
    assert kept() == (["a"], "g")
    imports(spec(**{"x-svix-feature-flags": ["b", "c"]}))
    assert kept() == (["b", "c"], "g")
    imports(spec(**{"x-svix-feature-flags": []}))
    assert kept() == (None, "g")
    for wrong in ({"x-svix-feature-flags": "b"}, {"x-svix-feature-flag": "a b"}):
        with pytest.raises(HTTPValidationError):
            imports(spec(**wrong))
    svix.event_type.delete("flagged.one", EventTypeDeleteOptions(expunge=True))


def test_a_document_that_cannot_be_used_is_refused_whole(svix: Any) -> None:
    """Neither or both forms, no webhooks, a name that is none, text that is nothing."""
    bad = {"webhooks": {"a b": {}, "fine.one": {}}}
    for body in (
        EventTypeImportOpenApiIn(),
        EventTypeImportOpenApiIn(spec=SPEC, spec_raw="{}"),
        EventTypeImportOpenApiIn(spec={"paths": {}}),
        EventTypeImportOpenApiIn(spec=bad),
        EventTypeImportOpenApiIn(spec_raw="[1"),
        EventTypeImportOpenApiIn(spec_raw="just text"),
    ):
        with pytest.raises(HTTPValidationError):
            svix.event_type.import_openapi(body)
    assert "fine.one" not in [one.name for one in svix.event_type.list().data]


def test_every_example_of_the_catalogue_fits_its_published_schema(svix: Any) -> None:
    """All 46, as the API publishes them; and a schema refuses what does not fit."""
    assert len(EVENT_TYPES) == 46
    for name in EVENT_TYPES:
        schema = svix.event_type.get(name).schemas["1"]
        body = json.loads(example_body(name))
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(schema).validate(body)
        del body["data"]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate(body)
