"""Gunicorn's door: ``gunicorn -c nnvis_dash/gunicorn_conf.py nnvis_dash.wsgi:server``."""

from nnvis_dash.app import create_app, render_once

app = create_app()
render_once(app)
server = app.server
