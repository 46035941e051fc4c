"""Parameters that several processes share: replicated (DDP) or sharded (FSDP2), and the sums over them.

Under DDP every process has the whole of each parameter and the same gradients, computes the same, and nothing is sent.
Under FSDP2 a parameter is a DTensor: a process has some of its rows.  What is summed over all weights is summed over
the shards; what needs neighbours across shards is computed on the gathered tensor by every process alike.
"""

from __future__ import annotations

from typing import Any, cast

import torch.distributed as dist
from torch import Tensor, nn

try:
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor, Shard, distribute_tensor
except ImportError:  # a torch built without distributed
    DTensor = FSDPModule = None  # type: ignore[assignment,misc]


def is_sharded(tensor: Tensor) -> bool:
    """Whether this process has only its part of ``tensor``."""
    return DTensor is not None and isinstance(tensor, DTensor)


def local(tensor: Tensor) -> Tensor:
    """The part of ``tensor`` that this process has, sharing its memory."""
    return cast(Tensor, tensor.to_local()) if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def full(tensor: Tensor) -> Tensor:
    """The whole of ``tensor``, gathered if it is sharded: every process must take part."""
    return cast(Tensor, tensor.full_tensor()) if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def part_of(whole: Tensor, like: Tensor) -> Tensor:
    """The part of ``whole``, the same in every process, that this process has of ``like``."""
    if not is_sharded(like):
        return whole
    mesh, placements = _layout(like)
    return local(distribute_tensor(whole, mesh, placements, src_data_rank=None))


def as_part(part: Tensor, like: Tensor) -> Tensor:
    """A tensor that is sharded as ``like`` is, of the parts that the processes have."""
    if not is_sharded(like):
        return part
    mesh, placements = _layout(like)
    return cast(Tensor, DTensor.from_local(part, mesh, placements, shape=like.shape, stride=like.stride()))


def _layout(tensor: Tensor) -> tuple[Any, Any]:
    """Mesh of the processes, and how ``tensor`` lies on them."""
    return tensor.device_mesh, tensor.placements  # type: ignore[attr-defined]


def notice(model: nn.Module) -> None:
    """Let FSDP notice that sharded parameters were changed: it may still hold them gathered, as they were before."""
    for module in model.modules():
        if FSDPModule is not None and isinstance(module, FSDPModule):
            module.reshard()


def rows_from(tensor: Tensor) -> int | None:
    """Elements of each process's piece, all but the last, if ``tensor`` is cut into rows; None if cut otherwise."""
    if not is_sharded(tensor):
        return None
    mesh, placements = _layout(tensor)
    if mesh.ndim != 1 or not isinstance(placements[0], Shard) or placements[0].dim != 0:
        return None
    return int(-(-tensor.shape[0] // mesh.size()) * (tensor.numel() // max(tensor.shape[0], 1)))


def all_sum(value: Tensor, like: Tensor) -> Tensor:
    """Sum of ``value`` over the processes among which ``like`` is sharded."""
    return _reduce(value, like, "sum")


def all_max(value: Tensor, like: Tensor) -> Tensor:
    """Largest of ``value`` over the processes among which ``like`` is sharded."""
    return _reduce(value, like, "max")


def _reduce(value: Tensor, like: Tensor, operation: str) -> Tensor:
    if not is_sharded(like):
        return value
    mesh, placements = _layout(like)
    result = value.clone()
    kind = dist.ReduceOp.SUM if operation == "sum" else dist.ReduceOp.MAX
    for dimension, placement in enumerate(placements):
        if isinstance(placement, Shard):
            dist.all_reduce(result, kind, group=mesh.get_group(dimension))
    return result


def from_first(tensor: Tensor) -> Tensor:
    """The ``tensor`` of the first process, in every process; its shape must be the same in all."""
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.broadcast(tensor, src=0)
    return tensor


def is_first() -> bool:
    """Whether this is the process that writes files: the only one, or the first."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


def barrier() -> None:
    """Wait for the other processes, if there are any."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
