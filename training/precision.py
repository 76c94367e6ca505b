"""Mixed precision where the hardware multiplies it natively."""

from __future__ import annotations

import torch


def native_bfloat16(device: str = "cpu") -> bool:
    """Whether ``device`` has instructions for bfloat16.

    A CPU that emulates it is six times slower than with float32.
    """
    return device != "cpu" or (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


def autocast(device: str = "cpu") -> torch.autocast:
    """bfloat16 where it is native, plain float32 elsewhere."""
    return torch.autocast(device, torch.bfloat16, enabled=native_bfloat16(device))
