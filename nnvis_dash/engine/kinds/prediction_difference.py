"""`prediction_difference`: the evidence of every window of a sample, in rounds that many workers share."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from distributed import Future

from nnvis_dash.analysis.prediction_difference.question import Question, pool
from nnvis_dash.analysis.prediction_difference.schedule import Aim, Task, next_tasks, pieces
from nnvis_dash.analysis.prediction_difference.tally import Sums, Tally
from nnvis_dash.engine.chunks import AHEAD, Pace, outcome_of
from nnvis_dash.engine.job import describe
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.launch import BATCH, COORDINATOR, require
from nnvis_dash.errors import ParameterError
from nnvis_dash.state.references import Reference

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

TALLY = "tally"  # the part that a run goes on from
PUBLISH = 0.7  # seconds between two states that pages see
ROUND = 1.0  # seconds' worth of samples after which is asked anew what comes next
FIRST = 64  # samples of the first chunk


@dataclass(frozen=True)
class DifferenceParameters(KindParameters):
    """Which image and classifier, and how; see `nnvis.prediction_difference`."""

    batch: ClassVar[bool] = True
    dataset: str = ""  # fingerprint
    sample: int | str = 0  # as `state.references.Reference.plain` writes it
    model: str = ""  # fingerprint
    targets: list = field(default_factory=list)  # type: ignore[type-arg]  # classes; none: the most probable ones
    layer: str | None = None
    units: list = field(default_factory=list)  # type: ignore[type-arg]  # channels of the layer; none: the strongest ones
    reduce: str = "mean"
    window: int = 4
    outer: int = 8
    samples: int = 20
    sampler: str = "conditional"
    stride: int = 1
    seed: int = 0
    laplace: int = 100_000
    antithetic: bool = True
    live: bool = True  # a coarse map first
    adaptive: bool = True  # as precise as with `samples` independent ones, with fewer
    seconds: float = 0.0  # to stop after; 0: when all is done
    precision: float = 0.0  # standard error in the first map's unit that is enough; 0: all windows have all samples
    numbers: str = "float32"  # or "bfloat16", for a preview

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"prediction difference of {image_title(self.sample)} in {workspace.model(self.model).name}"

    @property
    def question(self) -> Question:
        """What the analysis is asked."""
        for name, value in (("precision", self.precision), ("seconds", self.seconds)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise ParameterError(f"The {name} is {value!r}", "Give a number, 0 or more; 0 is no limit.")
        if self.numbers not in ("float32", "bfloat16"):
            raise ParameterError(f"There are no numbers {self.numbers!r}", "Use float32, or bfloat16 for a preview.")
        names = ("window", "outer", "samples", "sampler", "stride", "seed", "laplace", "antithetic", "layer", "reduce")
        return Question(**{name: getattr(self, name) for name in names}, precision=self.numbers)


class _Evaluator:
    """What a worker needs to compute windows of one sample, kept between chunks."""

    def __init__(self, job: Job, parameters: DifferenceParameters, patches: str | None) -> None:
        from nnvis_dash.analysis.prediction_difference.maps import begun
        from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel

        self.question = question = parameters.question
        clf, dataset = job.classifier(parameters.model), job.dataset(parameters.dataset)
        question.check(clf.card)
        image = sample_of(job, parameters.model, parameters.dataset, parameters.sample)
        wanted = parameters.targets if parameters.layer is None else parameters.units
        self.chosen = question.chosen(clf, image, wanted)
        if patches is None:
            source: Any = pool(clf, dataset)
        else:
            source = PatchModel.from_artifact(job.workspace.artifacts.load(patches))
        self.sampler = question.make_sampler(source, image)
        self.run = question.plan(clf).begin(image)
        self.clf = clf
        self.empty = begun(clf, question, self.run, self.chosen)


@lru_cache(maxsize=4)
def _kept(path: str, text: str, patches: str | None) -> _Evaluator:
    from nnvis_dash.engine.job import Job

    request = Request.from_text("prediction_difference", text)
    return _Evaluator(Job(path, request, 0), request.read, patches)


def compute_piece(
    path: str, text: str, attempt: int, patches: str | None, places: Any, start: int, stop: int
) -> dict[str, Any]:
    """Sample some windows in a worker; return the sums, or the error in words."""
    from nnvis_dash.analysis.prediction_difference.maps import sampled
    from nnvis_dash.engine.job import Job

    try:
        Job(path, Request.from_text("prediction_difference", text), attempt).wanted()
        evaluator = _kept(path, text, patches)
        task = Task(places, start, stop)
        began = time.perf_counter()
        sums = sampled(evaluator.run, evaluator.sampler, evaluator.empty, task, evaluator.chosen)
        return {"seconds": time.perf_counter() - began, "sums": tuple(sums)}
    except Exception as error:
        return describe(error)


@KINDS.register(
    "prediction_difference",
    title="Prediction difference",
    reference="Zintgraf et al., ICLR 2017, arXiv:1702.04595",
    parameters=DifferenceParameters,
)
def prediction_difference(job: Job, parameters: DifferenceParameters) -> None:
    """Compute a map, coarse first, and keep what is known after every round.

    Keeps what `analysis.prediction_difference.stored` reads.
    """
    question = parameters.question
    card = job.workspace.model(parameters.model)
    question.check(card)
    patches = patches_of(job, parameters.model, parameters.dataset, question)
    evaluator = _kept(job.path, job.request.text, patches)
    tally = Tally(question.lattice(card), evaluator.empty.original, evaluator.empty.scale)
    _Rounds(job, parameters, patches, evaluator, tally).go()


class _Rounds:
    """One run of a map, taken up where the last one stopped."""

    def __init__(
        self, job: Job, parameters: DifferenceParameters, patches: str | None, evaluator: _Evaluator, tally: Tally
    ) -> None:
        self.job, self.parameters, self.patches = job, parameters, patches
        self.evaluator, self.tally = evaluator, tally
        question = evaluator.question
        self.aim = Aim(
            question.whole_samples, question.step, parameters.live, parameters.adaptive, parameters.precision
        )
        self.round, self.forwards, self.equivalents, self.taken = 0, 0, 0.0, 0.0
        if TALLY in job.parts.names():
            kept = job.parts.load(TALLY)
            tally.restore(kept)
            self.round, self.forwards = int(kept["progress"][0]), int(kept["progress"][1])
            self.equivalents, self.taken = float(kept["progress"][2]), float(kept["progress"][3])
        self._began = time.monotonic() - self.taken
        self._published = 0.0
        self._pace = Pace(FIRST)
        self._rate = 0.0  # seconds a sample, of one worker
        self._rates: deque[float] = deque(maxlen=9)
        self._workers = 1

    def go(self) -> None:
        """Compute until the aim or the time is reached, and save."""
        self.job.leave_thread()
        self._workers = max(1, len(self.job.client.nthreads()))
        arrived: queue.SimpleQueue[Future] = queue.SimpleQueue()
        flying: dict[str, tuple[Future, Task]] = {}
        self._publish(complete=False)
        try:
            for waiting in self._rounds():
                tasks = iter(waiting)
                following = next(tasks, None)
                while following is not None or flying:
                    while following is not None and len(flying) < (AHEAD * self._workers if self._rate else 1):
                        piece = next(pieces(following, self._pace.size))
                        future = self._submit(piece)
                        flying[future.key] = (future, piece)
                        future.add_done_callback(arrived.put)
                        rest = following.places[len(piece.places) :]
                        following = following._replace(places=rest) if len(rest) else next(tasks, None)
                    try:
                        future = arrived.get(timeout=0.1)
                    except queue.Empty:
                        self._tell()
                        continue
                    self._take(future, flying.pop(future.key)[1])
                    if self._over:
                        break
                if self._over:
                    break
        except BaseException:
            self._keep()
            raise
        finally:
            if flying and not self.job.stopping:
                self.job.client.cancel([future for future, _ in flying.values()])
        self._publish(complete=True)

    def _rounds(self) -> Iterator[list[Task]]:
        """Yield what comes next until nothing does: about a second's worth, so that what is found is used."""
        while tasks := next_tasks(self.tally, self.aim):
            if not (self.parameters.live or self.parameters.adaptive or self.parameters.precision):
                yield tasks
                continue
            n = max(int(ROUND * self._workers / self._rate) if self._rate else FIRST, self._pace.size)
            some: list[Task] = []
            for task in tasks:
                some.append(next(pieces(task, n)))
                n -= some[-1].n_samples
                if n <= 0:
                    break
            yield some

    @property
    def _over(self) -> bool:
        return bool(self.parameters.seconds) and time.monotonic() - self._began > self.parameters.seconds

    def _submit(self, task: Task) -> Future:
        return self.job.client.submit(
            compute_piece,
            self.job.path,
            self.job.request.text,
            self.job.attempt,
            self.patches,
            task.places,
            task.start,
            task.stop,
            pure=False,
            priority=COORDINATOR,
            resources=BATCH,
        )

    def _take(self, future: Future, task: Task) -> None:
        outcome = outcome_of(future)
        future.release()
        n = task.n_samples
        self.tally.add_sums(task.places, Sums(*outcome["sums"]))
        self.forwards += n
        self.equivalents += n * self.evaluator.run.plan.cost(*self.tally.lattice.corners(task.places))
        self._pace.saw(n, outcome["seconds"])
        self._rates.append(outcome["seconds"] / n)
        self._rate = float(np.quantile(self._rates, 0.25))  # chunks that trace a graph first take far longer
        self._tell()
        if time.monotonic() - self._published > PUBLISH:
            self._publish(complete=False)

    def _tell(self) -> None:
        known = int(self.tally.known.sum())
        done = int(self.tally.counts.sum())
        self.job.progress(
            done, self.tally.counts.size * self.aim.samples, f"{known:,} of {self.tally.counts.size:,} windows"
        )

    def _keep(self) -> None:
        taken = time.monotonic() - self._began
        progress = np.array([self.round, self.forwards, self.equivalents, taken])
        self.job.parts.save(TALLY, {**self.tally.arrays(), "progress": progress})

    def _publish(self, complete: bool) -> None:
        """Keep what is known where pages see it; as the artifact when it is complete."""
        from nnvis_dash.analysis.prediction_difference import stored
        from nnvis_dash.analysis.prediction_difference.maps import finished

        if not complete and self.round and not self.tally.known.any():
            return
        self.round += 1
        self._keep()
        question, plan = self.evaluator.question, self.evaluator.run.plan
        total = self.tally.counts.size * self.aim.samples
        done = int(self.tally.counts.sum())
        card = {
            **asdict(self.parameters),
            "kind": "prediction_difference",
            "patch_model": self.patches,
            "size": list(self.tally.lattice.size),
            "samples": question.samples,
            "forwards": self.forwards,
            "equivalents": self.equivalents,
            "complete": complete,
            "round": self.round,
            "done": done,
            "total": total,
            "seconds_taken": time.monotonic() - self._began,
            "estimate": {
                "seconds": (total - done) * self._rate / self._workers,
                "bytes": (plan.memory + plan.kept_bytes) * self._workers,
            },
        }
        arrays = stored.arrays_of(
            finished(self.tally, question, self.evaluator.chosen, self.forwards, self.equivalents)
        )
        if complete:
            self.job.save(arrays, card)
        else:
            self.job.parts.save(stored.STATE, {**arrays, "card": stored.packed(card)})
        self._published = time.monotonic()


def sample_of(job: Job, model: str, dataset: str, sample: int | str) -> Any:
    """Return an image fitted to a classifier (h, w, c); ParameterError where there is no such sample."""
    from nnvis_dash.analysis.references import batch_of

    card = job.workspace.model(model)
    return batch_of([sample], job.dataset(dataset), job.workspace.derived, card.input_shape, card.resize)[0]


def image_title(sample: int | str) -> str:
    """Return what the job tray calls an image."""
    reference = Reference.read(sample)
    base = "a derived image" if reference.derived else f"sample {reference.sample}"
    return f"{base}, edited" if reference.edits else base


def patches_of(job: Job, model: str, dataset: str, question: Question) -> str | None:
    """Return the key of the patch model that a question needs, fitted when it is wanted first; None where none is."""
    if question.sampler == "marginal":
        return None
    request = Request(
        "patch_model",
        {
            "model": model,
            "dataset": dataset,
            "outer": question.outer,
            "per_channel": question.per_channel,
        },
    )
    return require(job, request, "learning what patches look like").key
