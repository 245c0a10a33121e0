"""Every component id, `<view>-<thing>`, in one place."""

# Stores that hold the state; `callbacks/selection.py` is the one writer of each.
SESSION = "session"
SELECTION = "selection"
VIEW = "view"
LINK = "link"
APPLIED = "applied"

# Written by the browser alone.
URL = "url"
CHANGES = "changes"
WORKSPACE_VERSION = "workspace-version"

# Derived in the browser, so that a view is asked only for what changed.
FILTER_REQUEST = "filter-request"
STRIP_REQUEST = "strip-request"
TESTING_FORM = "testing-form"

# Derived by the server.
CATALOG = "catalog"
INDEX_REQUEST = "index-request"
INDEXED = "index-ready"
INDEX_ANSWER = "index-answer"
INDEX_DONE = "index-done"  # written by the browser alone: the last answer
INDEX_PROGRESS = "index-progress"

# Regions that show the state: their components go into a store, and `assets/regions.js` draws them.
WORKSPACE_REGION = "rail-workspace-region"
FILTER_REGION = "rail-filter-region"
CONTROLS_REGION = "embedding-controls-region"
FORM_REGION = "testing-controls-region"
STRIP_REGION = "embedding-strip-region"
SAMPLE_REGION = "testing-sample-region"
BARS_REGION = "testing-bars-region"
TITLE_REGION = "title-region"
REGIONS_DRAWN = "regions-drawn"

PAGE = "page"
INTAKE = "intake"
NETWORK_JOBS = ("effect", "campaign", "smallest", "visualisation", "redrawn")
SIMULATION_JOBS = ("simulation", "battery", "breaking", "pairs")
SUGGESTION_JOBS = ("suggestion", "reasons")
MODELS_JOBS = ("similarity", "aligned")
COMPARISON_JOBS = ("compare",)
EMBEDDING_JOBS = ("honesty",)
REVIEW_JOBS = ("review", "twins")
TRUST_JOBS = ("badges", "trust")
VIEW_JOBS = (
    *(*NETWORK_JOBS, *SIMULATION_JOBS, *SUGGESTION_JOBS, *MODELS_JOBS),
    *(*REVIEW_JOBS, *COMPARISON_JOBS, *EMBEDDING_JOBS, *TRUST_JOBS),
)
TRAY = (
    *("index", "embedding", "testing", "difference", "responses", "attack", "evidence"),
    *VIEW_JOBS,
)
PAGE_TITLE = "page-title"
PAGE_SHARE = "page-share"
PAGE_NOTICE = "page-notice"
PAGE_PERSON = "page-person"
PAGE_REFUSED = "page-refused"
NOTICED = "page-noticed"
JOB_CANCEL = "job-cancel"  # written by the browser alone: the key of the job
JOB_CANCELLED = "job-cancelled"

RAIL_WORKSPACE = "rail-workspace"
RAIL_FILTER = "rail-filter"
RAIL_TRAY = "rail-tray"
RAIL_TRAY_DRAWN = "rail-tray-drawn"

EMBEDDING_CONTROLS = "embedding-controls"
EMBEDDING_GRAPH = "embedding-graph"
EMBEDDING_REQUEST = "embedding-request"
EMBEDDING_MAP = "embedding-map"
EMBEDDING_PROGRESS = "embedding-progress"
EMBEDDING_PLACE = "embedding-place"
EMBEDDING_PLACED = "embedding-placed"
EMBEDDING_STRIP = "embedding-strip"
EMBEDDING_BARS = "embedding-bars"
EMBEDDING_FIND = "embedding-find"
EMBEDDING_PATH = "embedding-path"
EMBEDDING_PATHED = "embedding-pathed"
EMBEDDING_PATH_DRAWN = "embedding-path-drawn"
EMBEDDING_OUTSIDE = "embedding-outside"
EMBEDDING_DRAWN = "embedding-drawn"
EMBEDDING_HONESTY = "embedding-honesty"  # written by the browser alone: of which map the honesty is there
EMBEDDING_HONESTY_WANTED = "embedding-honesty-wanted"
EMBEDDING_PLAYED = "embedding-played"

TESTING_SAMPLE = "testing-sample"
TESTING_CONTROLS = "testing-controls"
TESTING_BARS = "testing-bars"
TESTING_REQUEST = "testing-request"
TESTING_PROGRESS = "testing-progress"
TESTING_ATTRIBUTION = "testing-attribution"
TESTING_SHOWN = "testing-shown"
TESTING_DRAWN = "testing-drawn"

# What is tested and how it is changed, while the what-if lens is looked through; derived in the browser.
WHATIF_REQUEST = "whatif-request"
WHATIF_SHOWN = "whatif-shown"
RESPONSES_REQUEST = "responses-request"  # written by the browser alone
RESPONSES_PROGRESS = "responses-progress"
RESPONSES = "responses"
RESPONSES_SHOWN = "responses-shown"
RESPONSES_REPORTED = "responses-reported"
RESPONSES_FINISHED = "responses-finished"
ATTACK_FORM = "attack-form-request"
ATTACK_REGION = "attack-form-region"
ATTACK_SHOWN = "attack-form-shown"
ATTACK_RUN = "attack-run"  # written by the browser alone
ATTACK_PROGRESS = "attack-progress"
ATTACK_RESULT = "attack-found"
ATTACK_REPORTED = "attack-reported"
ATTACK_FINISHED = "attack-finished"
EVIDENCE_RUN = "evidence-run"  # written by the browser alone
EVIDENCE_PROGRESS = "evidence-progress"
EVIDENCE = "evidence"
EVIDENCE_SHOWN = "evidence-shown"
EVIDENCE_REPORTED = "evidence-reported"
EVIDENCE_FINISHED = "evidence-finished"

# The network view, drawn by the browser from the state.
NETWORK_SHOWN = "network-shown"

# The simulation view, drawn by the browser from the state.
SIMULATION_SHOWN = "simulation-shown"
# The suggestion view, drawn by the browser from the state.
SUGGESTION_SHOWN = "suggestion-shown"
# The table of samples, drawn by the browser from the state.
TABLE_SHOWN = "table-shown"
# The view of two classifiers, drawn by the browser from the state.
MODELS_SHOWN = "models-shown"
# Samples by classifiers and methods, drawn by the browser from the state.
COMPARISON_SHOWN = "comparison-shown"
# The review, drawn by the browser from the state.
REVIEW_SHOWN = "review-shown"
# The trust view, and the badges of heatmaps, drawn by the browser from the state.
TRUST_SHOWN = "trust-shown"

DIFFERENCE_REQUEST = "difference-request"
DIFFERENCE_KNOWN = "difference-known"
DIFFERENCE_COST = "difference-cost"
DIFFERENCE_COSTED = "difference-costed"
DIFFERENCE_RUN = "difference-run"  # written by the browser alone
DIFFERENCE_PROGRESS = "difference-progress"
DIFFERENCE_RESULT = "difference-result"
DIFFERENCE_ERASE = "difference-erase"  # written by the browser alone
DIFFERENCE_ERASED = "difference-erased"
DIFFERENCE_SHOWN = "difference-shown"
DIFFERENCE_WANTED = "difference-wanted"
DIFFERENCE_DRAWN = "difference-drawn"
DIFFERENCE_REPORTED = "difference-reported"
DIFFERENCE_FINISHED = "difference-finished"
DIFFERENCE_CLEARED = "difference-cleared"


def tray(name: str, what: str) -> str:
    """Return the store for what was drawn of a line of the job tray."""
    return f"tray-{name}-{what}"


def network(name: str, what: str) -> str:
    """Return a store or button of one of `VIEW_JOBS`.

    `what`: "run" (written by the browser alone), "progress", "found", "cancel", or "reported" and "finished", which
    follow them.
    """
    return f"network-{name}-{what}"
