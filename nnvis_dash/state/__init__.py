"""What a page shows and has chosen, as frozen values: ids, session, selection, view, the changes to them, the codec.

Invariant: nothing here knows Dash, a file or a model, and every function is pure.
"""
