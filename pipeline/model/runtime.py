"""Where a training runs: devices, processes, number format, threads; the one home of accelerate.

On the CPU or one GPU a training is this process. With more GPUs, `launch` starts one process for each
through torch's own launcher (what `torchrun` calls), so the stage's command never changes. Over several
machines `torchrun` itself starts the stage in all processes. Each computes the gradients of its part of a
batch; how they are added up, and when their number changes no bit, is said in gradients.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import os
import re
import signal
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from pipeline.errors import BusyError, GristmillError, ParamsError, ResourceError, is_out_of_memory
from pipeline.parentage import end_with_parent
from pipeline.ranks import launched_rank
from pipeline.settings.training import RuntimeParams

PROCESSES_VARIABLE = "GRISTMILL_MODEL_PROCESSES"
MACHINE_VARIABLE = "GROUP_RANK"  # in which torch's launcher numbers the machines
_AGAIN = "run it again to go on from its last checkpoint"
_STOPPED = f"training was told to stop; {_AGAIN}"
_DIED = f"a training process died or froze; most often memory ran out (its lines are above); {_AGAIN}"
ANSWER_SECONDS = 30.0  # that processes wait for one another within a step
PATIENT_MINUTES = 60.0  # for the one that writes a checkpoint
_UNANSWERED = re.compile(r"timed? ?out", re.IGNORECASE)
_UNREACHED = re.compile(r"gloo|nccl|connection (closed|reset)|timed? ?out", re.IGNORECASE)
_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """The process at hand among all that train: `rank` of `processes`."""

    device: torch.device
    precision: Literal["bf16", "fp32"]
    gradients: Literal["canonical", "fast"]
    rank: int
    processes: int
    accelerator: Accelerator
    sharded: bool = False  # each process holds a part of every weight (see sharding.py)
    patient: ProcessGroup | None = None  # of all processes, for waits that may be long; None for a single one
    others: tuple[int, ...] = ()  # the ids of the other processes on this machine

    @property
    def dtype(self) -> torch.dtype:
        """The format of matrix products."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Computes matrix products in the runtime's precision; weights stay fp32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def gathered(self, values_N: Tensor) -> Tensor:
        """The 1-D values of every process, by rank: (processes, N)."""
        if self.processes == 1:
            return values_N[None]
        with self.answered():
            everyone: Tensor = self.accelerator.gather(values_N)
            return everyone.view(self.processes, -1)

    def summed(self, pieces: list[Tensor]) -> list[Tensor]:
        """The pieces, each added up over all processes, in one all-reduce; the same shapes."""
        if self.processes == 1:
            return pieces
        flat_N = torch.cat([piece.reshape(-1) for piece in pieces])
        with self.answered():
            everyone: Tensor = self.accelerator.reduce(flat_N, reduction="sum")
        sizes = [piece.numel() for piece in pieces]
        return [
            part.view(piece.shape)
            for part, piece in zip(everyone.split_with_sizes(sizes), pieces, strict=True)
        ]

    def summed_count(self, count: int) -> int:
        """The counts of all processes added up; all processes must ask."""
        return int(self.gathered(torch.tensor([count], device=self.device)).sum())

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all processes must ask."""
        return bool(self.gathered(torch.tensor([float(flag)], device=self.device)).any())

    def agree(self, text: str) -> bool:
        """Whether all processes gave the same text; all must ask."""
        numbers = self.gathered(torch.tensor([zlib.crc32(text.encode())], device=self.device))
        return bool((numbers == numbers[0]).all())

    def wait(self) -> None:
        """Returns when all processes have come here, however long the others take."""
        if self.patient is not None:
            with self.answered():
                torch.distributed.barrier(group=self.patient)

    @contextlib.contextmanager
    def answered(self) -> Iterator[None]:
        """Around an exchange with the others: ends this machine's processes when one does not answer, for a
        frozen one would outlast every request to end.
        """
        try:
            yield
        except RuntimeError as error:
            if _UNANSWERED.search(str(error)):
                _log.error("a training process did not answer for %d seconds", ANSWER_SECONDS)
                for process in self.others:
                    with contextlib.suppress(OSError):
                        os.kill(process, signal.SIGKILL)
            raise


def start_runtime(params: RuntimeParams) -> Runtime:
    """Sets this process up for a training: threads, deterministic algorithms, device, place among others."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic products on CUDA
    os.environ.setdefault("OMP_NUM_THREADS", str(params.threads))  # else accelerate warns and sets 1
    answering = InitProcessGroupKwargs(timeout=datetime.timedelta(seconds=ANSWER_SECONDS))
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[answering])
    torch.set_num_threads(params.threads)
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms would import a compiler first
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # 3 % faster
    device = accelerator.device
    runtime = Runtime(
        device=device,
        precision=effective_precision(params.precision, device),
        gradients=params.gradients,
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
        accelerator=accelerator,
        sharded=params.sharded and accelerator.num_processes > 1,
    )
    return runtime if runtime.processes == 1 else _acquainted(runtime)


def _acquainted(runtime: Runtime) -> Runtime:
    """The runtime with what the processes need to know of one another."""
    patience = datetime.timedelta(minutes=PATIENT_MINUTES)
    group: ProcessGroup = torch.distributed.new_group(backend="gloo", timeout=patience)
    machine = int(os.environ.get(MACHINE_VARIABLE, -1 - runtime.rank))  # unknown: each one is a machine alone
    mine = [machine, os.getpid()]
    everyone = runtime.gathered(torch.tensor(mine, device=runtime.device)).tolist()
    others = tuple(process for where, process in everyone if where == machine and process != os.getpid())
    return dataclasses.replace(runtime, patient=group, others=others)


def effective_precision(
    asked: Literal["auto", "bf16", "fp32"], device: torch.device
) -> Literal["bf16", "fp32"]:
    """What `auto` means on this device: bf16 where its products are faster than those in fp32.

    On processors that is: with AMX, or AVX512-BF16 made by AMD (Zen 5: 490 against 105 GFLOP/s a core).
    Intel's AVX512-BF16 without AMX is slower than its fp32 (Emerald Rapids: 100 against 170).
    """
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("amx_bf16"):
        return "bf16"
    by_amd = str(capabilities.get("cpu_name", "")).startswith("AMD")
    return "bf16" if capabilities.get("avx512_bf16") and by_amd else "fp32"


def processes_to_start() -> int:
    """One per GPU, one without any; GRISTMILL_MODEL_PROCESSES asks for another number.

    ParamsError when that is not a number from 1 up.
    """
    asked = os.environ.get(PROCESSES_VARIABLE)
    if not asked:
        return max(1, torch.cuda.device_count())
    if not (asked.isascii() and asked.isdigit() and int(asked)):
        raise ParamsError(f"{PROCESSES_VARIABLE}: is {asked!r}; must be a whole number from 1 up")
    return int(asked)


def launch(function: Callable[..., _Result], *args: Any) -> _Result:
    """`function(*args)` in every training process; what the first one returns.

    With more than one process, function, arguments and result are pickled: the function must be one of a
    module. Raises the error of the first process that fails with one a person can act on, ResourceError
    when memory runs out or a process dies, BusyError when it is told to stop.

    Where a launcher has started this process among others, it is one of them. All but the first one end here,
    with code 0: what is left to do with the result is to publish it.
    """
    rank = launched_rank()
    if rank is not None:
        result = _among_launched(function, args)
        if rank > 0:
            raise SystemExit(0)
        return result
    processes = processes_to_start()
    if processes == 1:
        with _memory_named():
            return function(*args)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id="gristmill",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
        start_method="spawn",
    )
    try:
        outcomes = elastic_launch(config, _in_process)(function, args)
    except SignalException as error:
        raise BusyError(_STOPPED) from error
    except ChildFailedError as error:
        if any(failure.exitcode == BusyError.exit_code for failure in error.failures.values()):
            raise BusyError(_STOPPED) from error
        raise ResourceError(_DIED) from error
    for outcome in outcomes.values():
        if isinstance(outcome, GristmillError):
            raise outcome
    first: _Result = outcomes[0]
    return first


def _among_launched(function: Callable[..., _Result], args: tuple[Any, ...]) -> _Result:
    """The function in this process, one of those that a launcher started.

    ResourceError when another one has died, which torch notices by the connection to it.
    """
    try:
        with _memory_named():
            return function(*args)
    except RuntimeError as error:
        if not (isinstance(error, torch.distributed.DistError) or _UNREACHED.search(str(error))):
            raise
        raise ResourceError(f"{_DIED} ({str(error).splitlines()[0]})") from error
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


@contextlib.contextmanager
def _memory_named() -> Iterator[None]:
    """Turns torch's errors for no memory, on a GPU or not, into a ResourceError that says what to lower."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        remedy = (
            "lower unit_blocks or unit_rows (fast gradients: micro_batch_ of them), else width or num_layers"
        )
        raise ResourceError(f"out of memory ({str(error).splitlines()[0]}); {remedy}") from error


def _in_process(function: Callable[..., _Result], args: tuple[Any, ...]) -> _Result | GristmillError | None:
    """One training process: an error a person can act on is a value for the parent, as is rank 0's result."""
    end_with_parent(signal.SIGKILL)
    os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which passes it on: a second signal would kill
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        with _memory_named():
            result = function(*args)
        return result if os.environ["RANK"] == "0" else None
    except BusyError as error:
        if os.environ["RANK"] == "0":
            _log.info("%s", error)
        raise SystemExit(error.exit_code) from error  # the parent that stops us takes no more results
    except GristmillError as error:
        return error
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
