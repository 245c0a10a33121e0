"""What is said to someone who may not come in: JSON to programs and scripts, a small page to a person."""

from __future__ import annotations

import math
from urllib.parse import urlencode

import flask
from markupsafe import Markup

from nnvis_dash.access.limits import Limit, seconds_in_words
from nnvis_dash.person import Person

_PAGE = Markup(
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>NNVis</title>
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: #eceff3; color: #1f2733;
  font: 14px/1.5 "Inter", "Segoe UI", "DejaVu Sans", Arial, sans-serif; }}
main {{ width: 25rem; max-width: calc(100vw - 5rem); background: #fff; border: 1px solid #dfe3e9; border-radius: 10px;
  padding: 1.75rem; }}
h1 {{ font-size: 18px; letter-spacing: -0.02em; margin: 0 0 0.75rem; }}
h1 span, a {{ color: #1f6feb; }}
p {{ margin: 0.5rem 0; }}
.problem {{ color: #7a4a00; background: #fff3e0; border: 1px solid #f3d19c; border-radius: 6px;
  padding: 0.4rem 0.6rem; }}
input {{ box-sizing: border-box; width: 100%; font: inherit; padding: 0.45rem 0.6rem; border: 1px solid #c9ced6;
  border-radius: 6px; margin: 0.5rem 0 0.75rem; }}
button {{ font: inherit; padding: 0.45rem 1rem; border: 0; border-radius: 6px; background: #1f6feb; color: #fff; }}
code {{ font-size: 13px; background: #f4f6f9; padding: 1px 4px; border-radius: 4px; }}
</style></head><body><main><h1>NN<span>Vis</span></h1>{body}</main></body></html>
"""
)


def note(action: str, outcome: str = "ok", person: Person | None = None) -> None:
    """Have the door write into the audit log what this request came to: by whom, where that isn't who asked."""
    flask.g.noted = (action, outcome, person)


def page(body: Markup, status: int = 200) -> flask.Response:
    """Return a page of its own that needs nothing from behind the door."""
    response = flask.Response(_PAGE.format(body=body), status, mimetype="text/html")
    response.headers["Cache-Control"] = "no-store"
    return response


def problem(text: str) -> Markup:
    """Return a line that says what is wrong."""
    return Markup('<p class="problem" role="alert">{}</p>').format(text)


def refused(status: int, text: str, again: bool = False) -> flask.Response:
    """Refuse a request with a reason; `again`: the same request may succeed later."""
    if wants_page():
        return page(problem(text), status)
    record = {"problem": text, "again": True} if again else {"problem": text}
    response = flask.jsonify(record)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def too_many(limit: Limit, wait: float) -> flask.Response:
    """Refuse one of too many, and say when to try again."""
    response = refused(429, f"Too many {limit.what}. Try again in {seconds_in_words(wait)}.", again=True)
    response.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return response


def wants_page() -> bool:
    """Whether a person's browser asks for a page to show."""
    return flask.request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def to_sign_in() -> flask.Response:
    """Send a person to the sign-in, from where they come back to what they asked for."""
    return moved(sign_in_address(flask.request.full_path.removesuffix("?")))


def sign_in_address(back: str, wrong: bool = False) -> str:
    """Return the address of the sign-in that leads back to a page; `wrong`: it says that the token was not right."""
    return "/sign-in?" + urlencode({"next": local_path(back)} | ({"wrong": "1"} if wrong else {}))


def moved(address: str) -> flask.Response:
    """Send a browser to another address, which is never kept."""
    response = flask.make_response(flask.redirect(address, 303))
    response.headers["Cache-Control"] = "no-store"
    return response


def local_path(text: str) -> str:
    """Return an address of this server's own pages; the front page where it is anything else."""
    plain = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if plain and text.isprintable() and " " not in text else "/"
