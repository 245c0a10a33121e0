"""Pictures: arrays in, a plotly figure or a PNG out. No state, no files, no Dash."""
