#!/usr/bin/env python3
"""PyTorch checkpoints <-> clgan's safetensors, both ways.

    convert.py to-clgan netG.pth [netD.pth] out.safetensors
    convert.py to-torch step-00001000.safetensors netG.pth [netD.pth]

The .pth files hold plain state_dicts, as the DCGAN example saves them.
"""
import sys

import numpy as np
import torch

import tensors

if len(sys.argv) not in (4, 5) or sys.argv[1] not in ("to-clgan", "to-torch"):
    sys.exit(__doc__)
if sys.argv[1] == "to-clgan":
    out = {}
    for prefix, path in zip(("netG.", "netD."), sys.argv[2:-1]):
        for name, t in torch.load(path, map_location="cpu").items():
            name = name[7:] if name.startswith("module.") else name  # DataParallel's prefix
            a = t.detach().cpu().numpy()
            out[prefix + name] = a if a.dtype == np.int64 else a.astype(np.float32)
    tensors.save(sys.argv[-1], out, {"format": "pt"})
else:
    every, _ = tensors.load(sys.argv[2])
    for prefix, path in zip(("netG.", "netD."), sys.argv[3:]):
        state = {k[len(prefix):]: torch.from_numpy(v) for k, v in every.items() if k.startswith(prefix)}
        if not state:
            sys.exit(f"convert.py: {sys.argv[2]} has no tensors under {prefix}")
        torch.save(state, path)
