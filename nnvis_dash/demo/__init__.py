"""The demo's data and networks: what a first start shows, and what tests take as ground truth."""

from nnvis_dash.demo.build import build

__all__ = ["build"]
