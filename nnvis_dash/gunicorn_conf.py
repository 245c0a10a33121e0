"""How gunicorn runs NNVis: several workers, threads for waiting, no preloading (each connects to the engine itself)."""

from nnvis_dash.settings import Settings

_settings = Settings.from_environment()

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_workers
threads = _settings.web_threads
worker_class = "gthread"
timeout = 60
graceful_timeout = 10
keepalive = 30
max_requests = 20000
max_requests_jitter = 2000
preload_app = False
control_socket_disable = True
umask = 0o077
loglevel = "warning"
