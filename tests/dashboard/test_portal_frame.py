"""How the portal looks, which sites may frame it, and that nothing else can be."""

import base64
from typing import Any

import pytest

from tests.helpers.dashboard import Admin
from tests.helpers.portal import Customer
from tests.helpers.server import Answer, RunningServer

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
LOGO = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
BRAND = "/api/v1/portal-brand"


@pytest.fixture
def customer(server: RunningServer) -> Customer:
    made = Customer(server)
    branded(made)
    return made


def branded(customer: Customer, **brand: Any) -> Answer:
    return customer.call("PUT", BRAND, brand)


def ancestors(answer: Answer) -> str:
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.count("frame-ancestors") == 1
    return policy.partition("frame-ancestors ")[2]


def test_no_site_may_frame_the_portal_unless_it_is_listed(customer: Customer, admin: Admin) -> None:
    """By default none; then those of the list, and of no other instance; the Dashboard never."""
    foreign = Customer(customer.server, "production")
    place = f"/portal/{customer.app}"
    before = admin.call("GET", place)
    assert ancestors(before) == "'none'"
    assert before.headers["x-frame-options"] == "DENY"
    origins = ["https://app.example.com", "https://*.example.org", "http://localhost:3000"]
    assert branded(customer, origins=origins).status == 200
    for path in (place, f"{place}/endpoints", f"{place}/endpoints/none"):
        answer = admin.call("GET", path)
        assert ancestors(answer) == " ".join(origins)
        assert "x-frame-options" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
    for path in (
        f"/portal/{foreign.app}",
        "/portal/app_none",
        f"{place}/logo",
        f"{place}/brand.css",
        "/dashboard",
        "/dashboard/sign-in",
        "/dashboard/development/endpoints",
        "/dashboard/development/settings/portal",
    ):
        answer = admin.call("GET", path)
        assert ancestors(answer) == "'none'", path
        assert answer.headers["x-frame-options"] == "DENY", path


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*",
        "https:",
        "'self'",
        "http://app.example.com",
        "https://a.example; script-src *",
        "https://a.example https://b.example",
        "https://a.example/path",
        "https://a.example:0",
        "https://user@a.example",
        "https://a.example\r\nx-evil: 1",
        "data:",
        "",
    ],
)
def test_an_origin_cannot_say_more_than_a_site(customer: Customer, origin: str) -> None:
    """No wildcard for everybody, no second directive, no header; nothing is kept."""
    refused = branded(customer, name="Kept?", origins=["https://ok.example", origin])
    assert refused.status == 422
    assert customer.call("GET", BRAND).json["name"] == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"accent": "red"},
        {"accent": "#12345g"},
        {"accent": "#fff} body{display:none"},
        {"theme": "sepia"},
        {"name": "x" * 65},
        {"name": "two\nlines"},
        {"logo": "https://cdn.example.com/logo.png"},
        {"logo": "data:image/svg+xml;base64,PHN2Zz4="},
        {"logo": "data:image/png;base64,PHNjcmlwdD4="},
        {"logo": "data:image/png;base64,***"},
        {"logo": f"data:image/png;base64,{base64.b64encode(PIXEL + bytes(65536)).decode()}"},
        {"origins": [f"https://a{n}.example" for n in range(21)]},
    ],
)
def test_what_cannot_be_a_brand_is_refused(customer: Customer, wrong: dict[str, Any]) -> None:
    """Colours, names, themes and pictures are checked before they are kept."""
    answer = branded(customer, **wrong)
    assert answer.status == 422
    assert next(iter(wrong)) in answer.body.decode()
    assert customer.call("GET", BRAND).json == {
        "name": "",
        "logo": "",
        "accent": "",
        "theme": "auto",
        "origins": [],
    }


def test_the_frame_carries_the_brand_and_no_data(customer: Customer, admin: Admin) -> None:
    """Name, colours and logo for whoever has the address; nothing of the application."""
    given = {"name": "<Acme> & Sons", "accent": "#FFD400", "theme": "dark", "logo": LOGO}
    kept = branded(customer, **given).json
    assert kept == {**given, "accent": "#ffd400", "origins": []}
    stranger = Admin(customer.server)
    place = f"/portal/{customer.app}"
    frame = stranger.get(place)
    assert "&lt;Acme&gt; &amp; Sons" in frame
    assert customer.endpoint not in frame
    assert "customer-" not in frame
    style = stranger.call("GET", f"{place}/brand.css")
    assert style.headers["content-type"].startswith("text/css")
    assert b"color-scheme: dark" in style.body
    assert b"#ffd400" in style.body
    logo = stranger.call("GET", f"{place}/logo")
    assert (logo.body, logo.headers["content-type"]) == (PIXEL, "image/png")
    assert logo.headers["x-content-type-options"] == "nosniff"
    page = customer.holder().get()
    assert "&lt;Acme&gt; &amp; Sons" in page
    assert f'src="{place}/logo?v=' in page
    for path in ("/portal/app_none", "/portal/x/y", "/portal/"):
        assert stranger.call("GET", path).status == 404
    assert stranger.call("POST", place).status == 401
    for name in ("../portal.py", "..%2fportal.py"):
        assert stranger.call("GET", f"/portal/static/{name}").status in {401, 404}


def test_the_brand_is_set_in_the_dashboard_too(customer: Customer, admin: Admin) -> None:
    """A form under Instance settings; what cannot be comes back; who did it is noted."""
    here = "/dashboard/development/settings/portal"
    form: dict[str, object] = {"name": "Acme", "accent": "#0b7a75", "theme": "light"}
    form |= {"origins": "https://a.example\r\nhttps://b.example", "logo": LOGO}
    assert admin.post(here, form).status == 303
    assert customer.call("GET", BRAND).json["origins"] == ["https://a.example", "https://b.example"]
    assert f'src="{LOGO}"' in admin.get(here)
    wrong = admin.post(here, {**form, "origins": "http://a.example", "name": "Other"})
    assert wrong.status == 422
    assert b'id="error-origins"' in wrong.body
    assert b'value="Other"' in wrong.body
    assert customer.call("GET", BRAND).json["name"] == "Acme"
    assert "portal.brand" in admin.get("/dashboard/audit")
    assert admin.post(here, {**form, "forget": "1"}).status == 303
    assert customer.call("GET", BRAND).json["logo"] == ""
    other = Customer(customer.server, "production")
    assert other.call("GET", BRAND).json["name"] == ""


def test_a_portal_token_does_not_change_the_brand(customer: Customer) -> None:
    """That is for the instance's own keys."""
    from tests.helpers.server import Client

    client = Client(customer.server.base_url, customer.link()["token"])
    assert client.call("PUT", BRAND, {}).status == 403
    assert client.call("GET", BRAND).status == 403
    client.close()
