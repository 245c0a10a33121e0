"""Prediction difference analysis: what the prediction would be, were a part of the image not known.

Zintgraf, Cohen, Adel and Welling, "Visualizing deep neural network decisions: prediction difference analysis", ICLR
2017, arXiv:1702.04595. Every window of the image is replaced by samples of what could stand there, the probabilities
are averaged, and the change of the log-odds is given to the window's pixels.

- `samplers`, `patch_model`: what could stand in a window,
- `evidence`, `tally`: from probabilities to evidence with its standard error,
- `lattice`, `schedule`: which windows, in which order, and from windows to pixels,
- `question`, `maps`: what is asked, and the whole of it,
- `region`: the same for a region of any shape.
"""

from nnvis_dash.analysis.prediction_difference.maps import PredictionDifference, prediction_difference

__all__ = ["PredictionDifference", "prediction_difference"]
