"""What every engine worker imports: TensorFlow and all that is slow to load, once for all workers.

The engine's workers are forked from a process that has imported this module and run nothing of it. Importing starts no
thread that a fork would lose, and neither TensorFlow's runtime nor a GPU is touched before the fork: so a worker that
was killed is replaced within a second, and the workers share these libraries' pages of memory. A worker that was not
forked (`dask worker` on another machine; any where there is an NVIDIA driver) imports this module itself.
"""

from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.logs import without_lines

with without_lines(b"oneDNN custom operations", b"before absl::InitializeLog"):
    import keras  # noqa: F401
    import tensorflow as tf

import nnvis_dash.engine.client
import nnvis_dash.engine.worker  # noqa: F401

list(KINDS), list(QUESTIONS)  # which imports them all


def start_runtime() -> None:
    """Start TensorFlow's runtime by one operation; a process that has done so must not be forked."""
    tf.reduce_sum(tf.zeros((2, 2))).numpy()
