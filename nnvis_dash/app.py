"""The app factory: workspace and engine in, a Dash app out. No TensorFlow in this process, ever.

One factory serves the laptop and every gunicorn worker, so that any worker can answer any request.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from importlib import resources
from pathlib import Path

import dash
import flask
from flask_compress import Compress
from plotly.utils import PlotlyJSONEncoder

from callbacks import register_all
from callbacks.waiting import WaitingJobs
from layouts.page import frame, page
from nnvis_dash.access import Door, check
from nnvis_dash.access.callbacks import guard
from nnvis_dash.access.headers import on_every_response
from nnvis_dash.access.secret import signing_key
from nnvis_dash.comparison_routes import comparison_blueprint
from nnvis_dash.difference_routes import difference_blueprint
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.personal import PersonalEngine
from nnvis_dash.health_routes import health_blueprint, observe
from nnvis_dash.intake_routes import intake_blueprint
from nnvis_dash.map_routes import map_blueprint
from nnvis_dash.metrics import asked
from nnvis_dash.models_routes import models_blueprint
from nnvis_dash.network_freeze_routes import network_freeze_blueprint
from nnvis_dash.network_layers_routes import network_layers_blueprint
from nnvis_dash.network_maps_routes import network_maps_blueprint
from nnvis_dash.network_patterns_routes import network_patterns_blueprint
from nnvis_dash.network_units_routes import network_units_blueprint
from nnvis_dash.person import current_person
from nnvis_dash.result_routes import result_blueprint
from nnvis_dash.review_routes import review_blueprint
from nnvis_dash.routes import blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.simulation_routes import simulation_blueprint
from nnvis_dash.sketchpad_routes import sketchpad_blueprint
from nnvis_dash.suggestion_routes import suggestion_blueprint
from nnvis_dash.table_routes import table_blueprint
from nnvis_dash.tray_routes import tray_blueprint
from nnvis_dash.trust_routes import trust_blueprint
from nnvis_dash.whatif_routes import whatif_blueprint
from nnvis_dash.workspace.permissions import keep_private
from nnvis_dash.workspace.safe_cache import SafeCache
from nnvis_dash.workspace.store import Workspace

ROOT = Path(__file__).resolve().parent.parent
TITLE = "NNVis"


def create_app(settings: Settings | None = None) -> dash.Dash:
    """Return the app over the workspace and the engine that the settings name.

    Parameters
    ----------
    settings : Settings, optional
        From the environment where none are given. `settings.scheduler` must name a running engine for anything that is
        not computed yet; what is in the workspace is shown without one.

    Raises
    ------
    ParameterError
        The settings would leave the server open to whoever reaches it (`access.check`).
    """
    settings = settings or Settings.from_environment()
    check(settings)
    keep_private(settings.workspace_path)
    workspace = Workspace(
        settings.workspace_path, max_pixels=settings.max_pixels, quota=settings.quota_mb << 20, viewer=current_person
    )
    engine = PersonalEngine(Engine(workspace.path, settings.scheduler), workspace, settings.max_jobs)
    services = Services(settings, workspace, engine)
    cache = SafeCache(workspace.path / "cache" / "callbacks")
    server = flask.Flask("nnvis", static_folder=None)
    server.secret_key = signing_key(workspace.path)
    server.config["MAX_CONTENT_LENGTH"] = 32 * 2**20
    # The cookie that says who a browser is. Cookies know no ports, so each server's has a name of its own.
    server.config["SESSION_COOKIE_NAME"] = f"nnvis_{hashlib.sha256(server.secret_key).hexdigest()[:8]}"
    server.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    server.config["SESSION_REFRESH_EACH_REQUEST"] = False
    server.permanent_session_lifetime = timedelta(days=365)
    server.config["COMPRESS_MIMETYPES"] = [
        "text/html",
        "text/css",
        "application/json",
        "application/javascript",
        "text/javascript",
        "application/octet-stream",
    ]
    on_every_response(server, lambda: app.csp_hashes())
    observe(server)
    door = Door(server, settings, workspace.audit)
    app = dash.Dash(
        TITLE,
        server=server,
        title=TITLE,
        update_title=None,
        assets_folder=str(ROOT / "assets"),
        external_stylesheets=["/bootstrap.css"],
        background_callback_manager=WaitingJobs(cache),
        suppress_callback_exceptions=True,
        serve_locally=True,
    )
    app.layout = page
    app.index_string = _index()
    engine.whole.on_asked = asked
    server.register_blueprint(health_blueprint(services))
    server.register_blueprint(blueprint(services))
    server.register_blueprint(map_blueprint(services))
    server.register_blueprint(intake_blueprint(services))
    server.register_blueprint(difference_blueprint(services))
    server.register_blueprint(sketchpad_blueprint(services))
    server.register_blueprint(tray_blueprint(services))
    server.register_blueprint(whatif_blueprint(services))
    server.register_blueprint(result_blueprint(services))
    server.register_blueprint(network_freeze_blueprint(services))
    server.register_blueprint(network_layers_blueprint(services))
    server.register_blueprint(network_maps_blueprint(services))
    server.register_blueprint(network_units_blueprint(services))
    server.register_blueprint(network_patterns_blueprint(services))
    server.register_blueprint(simulation_blueprint(services))
    server.register_blueprint(suggestion_blueprint(services))
    server.register_blueprint(table_blueprint(services))
    server.register_blueprint(models_blueprint(services))
    server.register_blueprint(comparison_blueprint(services))
    server.register_blueprint(review_blueprint(services))
    server.register_blueprint(trust_blueprint(services))
    _serve_bootstrap(server)
    Compress(server)
    register_all(app, services)
    guard(app, door)
    return app


def _index() -> str:
    """Return the page's source: the frame as data, which `assets/regions.js` draws before Dash begins."""
    drawn = json.dumps(frame(), cls=PlotlyJSONEncoder).replace("<", "\\u003c").replace("{%", "{\\u0025")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>{{%metas%}}<title>{{%title%}}</title>{{%favicon%}}{{%css%}}</head>
<body>
<div id="page"></div>
<script type="application/json" id="page-frame">{drawn}</script>
<div hidden>{{%app_entry%}}</div>
<footer>{{%config%}}{{%scripts%}}{{%renderer%}}</footer>
</body>
</html>"""


def _serve_bootstrap(server: flask.Flask) -> None:
    """Serve the style sheet that dash-bootstrap-components needs from an installed package, not from a CDN."""
    sheet = resources.files("flask_bootstrap") / "static" / "bootstrap5" / "css" / "bootstrap.min.css"
    text = sheet.read_text(encoding="utf-8").replace("/*# sourceMappingURL=bootstrap.min.css.map */", "")

    @server.get("/bootstrap.css")
    def bootstrap() -> flask.Response:
        response = flask.Response(text, mimetype="text/css")
        response.headers["Cache-Control"] = "max-age=86400"
        return response


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def render_once(app: dash.Dash) -> None:
    """Make the app's page, so that this process knows every script that the page will ask for.

    A worker that has not rendered the page answers requests for Dash's own scripts with HTTP 500 (Dash 4.4.1).
    """
    with app.server.test_request_context("/"):
        app._setup_server()
        app.index()
        app.serve_layout()
        app.dependencies()
