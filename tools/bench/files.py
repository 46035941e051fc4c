"""Whole files of a small trained network: HEMP's container, NNCodec's bit stream, raw LZMA."""

from __future__ import annotations

import importlib.util
import lzma
from collections.abc import Sequence

import hemp_codec
from tools.bench.codecs import NNCODEC, OPERATING_POINTS, XZ_PRESET
from tools.bench.datasets import IndexTensor


def sizes(tensors: Sequence[IndexTensor]) -> dict[str, int]:
    """Bytes of each kind of file; HEMP's and NNCodec's hold names, shapes and what the weights are rebuilt from."""
    quantized = {tensor.name: hemp_codec.QuantizedTensor(tensor.unsigned, tensor.levels) for tensor in tensors}
    found = {name: len(hemp_codec.encode(quantized, coder=coder)) for name, coder in OPERATING_POINTS.items()}
    if importlib.util.find_spec("nncodec") is not None:
        found[NNCODEC] = _nncodec_size(tensors)
    found["lzma -9e, no header"] = _raw_lzma_size(tensors)
    return found


def _nncodec_size(tensors: Sequence[IndexTensor]) -> int:
    """What ``nncodec.nnc.compress`` writes for integer tensors, by its own steps; it imports its training code."""
    from nncodec import nnc_core

    parameters = {tensor.name: tensor.signed for tensor in tensors}
    model = nnc_core.nnr_model.NNRModel(parameters).model_info
    settings = {
        "cabac_unary_length_minus1": 10,
        "param_opt_flag": True,
        "partial_data_counter": 0,
        "general_profile_idc": 1,
        "node_id_present_flag": 1,
        "device_id": 0,
        "mps_parent_signalling_enabled_flag": 0,
        "parent_node_id_present_flag": 0,
        "temporal_context_modeling_flag": 0,
        "row_skip_enabled_flag": 1,
        "pre_signalling": 0,
    }
    data = nnc_core.approximator.init_approx_data(parameters, model, qp_density=2, scan_order=0)
    info = nnc_core.approximator.ApproxInfo(data, model, "uniform", 0, -38, False, True, 10, 0)
    quantized = nnc_core.approximator.approx(info.approx_info, model, data, settings)
    stream, _ = nnc_core.coder.encode(
        enc_info=settings,
        model_info=model,
        approx_data=quantized,
        approx_param_base=None,
        update_base_param=False,
        tool_if=None,
    )
    return len(stream)


def _raw_lzma_size(tensors: Sequence[IndexTensor]) -> int:
    """One stream of all tensors, a byte an index; no names, shapes and levels."""
    contents = b"".join(tensor.unsigned.tobytes() for tensor in tensors)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": XZ_PRESET}]
    return len(lzma.compress(contents, lzma.FORMAT_RAW, filters=filters))
