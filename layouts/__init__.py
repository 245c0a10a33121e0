"""Layouts: pure functions from cards and state to components. No workspace, no engine, no arrays of size N.

Controls carry what they mean in `data-change`: a JSON change, sent by `assets/changes.js` when a person acts. So state
flows one way (state, layout, gesture, change, state) and Dash's callback graph has no circle.
"""
