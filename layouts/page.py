"""The page's frame: header, left rail and the panels, with the stores and the job tray."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from layouts import embedding, ids, intake, network, simulation, sketchpad, testing, tray

STORES = (
    ids.SESSION,
    ids.SELECTION,
    ids.VIEW,
    ids.LINK,
    ids.APPLIED,
    ids.CHANGES,
    ids.WORKSPACE_VERSION,
    ids.CATALOG,
    ids.WORKSPACE_REGION,
    ids.FILTER_REGION,
    ids.CONTROLS_REGION,
    ids.FORM_REGION,
    ids.STRIP_REGION,
    ids.SAMPLE_REGION,
    ids.BARS_REGION,
    ids.TITLE_REGION,
    ids.REGIONS_DRAWN,
    ids.NOTICED,
    ids.JOB_CANCEL,
    ids.JOB_CANCELLED,
    ids.RAIL_TRAY_DRAWN,
    ids.FILTER_REQUEST,
    ids.STRIP_REQUEST,
    ids.TESTING_FORM,
    ids.INDEX_REQUEST,
    ids.INDEXED,
    ids.INDEX_ANSWER,
    ids.INDEX_DONE,
    ids.INDEX_PROGRESS,
    ids.EMBEDDING_REQUEST,
    ids.EMBEDDING_MAP,
    ids.EMBEDDING_PROGRESS,
    ids.EMBEDDING_PLACE,
    ids.EMBEDDING_PLACED,
    ids.EMBEDDING_PATH,
    ids.EMBEDDING_PATHED,
    ids.EMBEDDING_PATH_DRAWN,
    ids.EMBEDDING_DRAWN,
    ids.EMBEDDING_HONESTY,
    ids.EMBEDDING_HONESTY_WANTED,
    ids.EMBEDDING_PLAYED,
    *(ids.tray(name, what) for name in ids.TRAY for what in ("asked", "answered")),
    ids.TESTING_REQUEST,
    ids.TESTING_PROGRESS,
    ids.TESTING_ATTRIBUTION,
    ids.TESTING_SHOWN,
    ids.TESTING_DRAWN,
    ids.WHATIF_REQUEST,
    ids.WHATIF_SHOWN,
    ids.RESPONSES_REQUEST,
    ids.RESPONSES_PROGRESS,
    ids.RESPONSES,
    ids.RESPONSES_SHOWN,
    ids.RESPONSES_REPORTED,
    ids.RESPONSES_FINISHED,
    ids.ATTACK_FORM,
    ids.ATTACK_REGION,
    ids.ATTACK_SHOWN,
    ids.ATTACK_RUN,
    ids.ATTACK_PROGRESS,
    ids.ATTACK_RESULT,
    ids.ATTACK_REPORTED,
    ids.ATTACK_FINISHED,
    ids.EVIDENCE_RUN,
    ids.EVIDENCE_PROGRESS,
    ids.EVIDENCE,
    ids.EVIDENCE_SHOWN,
    ids.EVIDENCE_REPORTED,
    ids.EVIDENCE_FINISHED,
    ids.NETWORK_SHOWN,
    ids.SIMULATION_SHOWN,
    ids.SUGGESTION_SHOWN,
    ids.TABLE_SHOWN,
    ids.MODELS_SHOWN,
    ids.COMPARISON_SHOWN,
    ids.REVIEW_SHOWN,
    ids.TRUST_SHOWN,
    *(
        ids.network(name, what)
        for name in ids.VIEW_JOBS
        for what in ("run", "progress", "found", "reported", "finished")
    ),
    ids.DIFFERENCE_REQUEST,
    ids.DIFFERENCE_KNOWN,
    ids.DIFFERENCE_COST,
    ids.DIFFERENCE_COSTED,
    ids.DIFFERENCE_RUN,
    ids.DIFFERENCE_PROGRESS,
    ids.DIFFERENCE_RESULT,
    ids.DIFFERENCE_ERASE,
    ids.DIFFERENCE_ERASED,
    ids.DIFFERENCE_SHOWN,
    ids.DIFFERENCE_WANTED,
    ids.DIFFERENCE_DRAWN,
    ids.DIFFERENCE_REPORTED,
    ids.DIFFERENCE_FINISHED,
    ids.DIFFERENCE_CLEARED,
)

_JOBS = (
    ("index", "Indexing"),
    ("embedding", "Projecting"),
    ("honesty", "Checking the map"),
    ("testing", "Explaining"),
    ("difference", "Analysing"),
    ("responses", "Responses"),
    ("attack", "Attacking"),
    ("evidence", "Searching"),
    ("effect", "Freezing"),
    ("campaign", "Campaign"),
    ("smallest", "Searching units"),
    ("visualisation", "Visualising"),
    ("redrawn", "Redrawing"),
    ("simulation", "Simulating"),
    ("battery", "Simulating"),
    ("breaking", "Breaking points"),
    ("pairs", "Pairing changes"),
    ("suggestion", "Comparing answers"),
    ("reasons", "Comparing reasons"),
    ("similarity", "Comparing layers"),
    ("aligned", "Projecting both"),
    ("compare", "Comparing methods"),
    ("review", "Reviewing"),
    ("twins", "Looking for twins"),
    ("badges", "Checking heatmaps"),
    ("trust", "Judging methods"),
    ("intake", "Adding"),
)


def page() -> Any:
    """Return what Dash itself has of the page: the address and the stores.

    All that is seen stands in `frame`: Dash's renderer looks at each of its components at every change of any store.
    """
    return html.Div([dcc.Location(id=ids.URL, refresh=False), *(dcc.Store(id=name) for name in STORES)], hidden=True)


def frame() -> Any:
    """Return the whole page as it is seen, with nothing of a workspace in it: the same for everyone.

    It is drawn once, by `assets/regions.js`, from the page's source.
    """
    return [
        html.Header(
            [
                html.H1(["NN", html.Span("Vis")], className="brand"),
                html.Div(id=ids.PAGE_TITLE, className="page-title"),
                html.Div(
                    [job(name, label) for name, label in _JOBS],
                    className="tray",
                    role="status",
                    **{"aria-label": "jobs"},
                ),
                html.Button(
                    "Copy link",
                    id=ids.PAGE_SHARE,
                    type="button",
                    className="act share",
                    title="Copy the link to what this page shows",
                ),
                html.Div(
                    [html.Span(className="person-name"), html.Button("Sign out", type="button", className="act quiet")],
                    id=ids.PAGE_PERSON,
                    className="person",
                    hidden=True,
                ),
            ],
            className="page-header",
        ),
        html.Div(id=ids.PAGE_REFUSED, className="notice", role="alert", hidden=True),
        html.Div(id=ids.PAGE_NOTICE, className="notice", role="alert", hidden=True),
        html.Main(
            [
                html.Aside(
                    [html.Div(id=ids.RAIL_WORKSPACE), html.Div(id=ids.RAIL_FILTER), tray.frame()],
                    className="rail card",
                    **{"aria-label": "workspace and filters"},
                ),
                embedding.panel(),
                testing.panel(),
                network.panel(),
                simulation.panel(),
                *(_splitter(name, column) for name, column in (("bench", "left"), ("testing", "right"))),
            ],
            className="bench",
        ),
        html.Div(id="hover-card", className="hover-card", hidden=True),
        html.Div(id="badge-card", className="hover-card badge-card", role="tooltip", hidden=True),
        intake.dialog(),
        sketchpad.dialog(),
        tray.dialog(),
    ]


def _splitter(name: str, column: str) -> Any:
    """The bar between the two views of a column, which `assets/bench.js` moves."""
    return html.Div(
        id=f"{name}-splitter",
        className="splitter",
        role="separator",
        tabIndex="0",
        title="Drag to give one of the two views more room",
        **{"aria-label": f"share of the {column} views", "aria-orientation": "horizontal"},
    )


def job(name: str, label: str) -> Any:
    """One line of the job tray: what runs, how far it is, and how to stop it. `assets/clientside.js` fills it."""
    return html.Div(
        [
            html.Span(label, className="job-label"),
            html.Span(html.Span(className="job-done"), className="job-bar"),
            html.Span("", className="job-share"),
            html.Button(
                "×",
                id=f"{name}-cancel",
                type="button",
                className="job-cancel",
                title=f"Cancel: {label.lower()}",
                **{"aria-label": f"cancel {label.lower()}"},
            ),
        ],
        id=f"tray-{name}",
        className="job",
        hidden=True,
    )
