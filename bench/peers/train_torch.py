#!/usr/bin/env python3
"""Trains the PyTorch example (or the MLP GAN) on the same images as clgan, for the comparison of
image quality: same nets, initial distribution, Adam, batch and preprocessing; the order of the
images is its own.

    train_torch.py --data /usr/share/datasets/fashion-mnist --size 32 --steps 2000 --out /tmp/peer
    frechet.py /tmp/peer/samples.npy ours.npy /usr/share/datasets/fashion-mnist

--out gets samples.npy (float32 [--count,H,W,C] in [-1,1], generator in eval mode), grid.png,
netG.pth and netD.pth (state_dicts, as convert.py takes them) and log.csv. Options: --model dcgan |
mnist-mlp, --batch 64, --seed 1, --count 10000, --threads N, --channels-last, --log-every 50.
The counterpart: clgan train --model dcgan --size 32 --steps 2000 --out RUN, then
clgan sample RUN --count 10000 --out ours.npy.
"""
import argparse
import os
import time

import numpy as np
import torch

import images
import nets

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--data", required=True)
p.add_argument("--out", required=True)
p.add_argument("--model", default="dcgan", choices=sorted(nets.BETA1))
p.add_argument("--size", type=int)
p.add_argument("--steps", type=int, required=True)
p.add_argument("--batch", type=int, default=64)
p.add_argument("--seed", type=int, default=1)
p.add_argument("--count", type=int, default=10000)
p.add_argument("--threads", type=int, default=0)
p.add_argument("--log-every", type=int, default=50)
p.add_argument("--channels-last", action="store_true")
a = p.parse_args()
if a.threads:
    torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
size = a.size or (64 if a.model == "dcgan" else 28)
data = torch.from_numpy(images.resize(images.read_split(a.data, test=False), size).transpose(0, 3, 1, 2).copy())
netg, netd = nets.make(a.model, size=size, channels=data.shape[1])
layout = torch.channels_last if a.channels_last else torch.contiguous_format
if a.channels_last:
    netg, netd = netg.to(memory_format=layout), netd.to(memory_format=layout)
optg, optd = nets.optimisers(a.model, netg, netd)
os.makedirs(a.out, exist_ok=True)
log = open(os.path.join(a.out, "log.csv"), "w")
log.write("step,loss_d,loss_g,d_real,d_fake_before,d_fake_after,images_per_s\n")

step, last, start = 0, 0, time.time()
while step < a.steps:
    order = torch.randperm(len(data))
    for rows in order.split(a.batch):
        if step == a.steps or (len(rows) == 1 and a.model == "dcgan"):
            break
        real = (data[rows].float() * (2 / 255) - 1).contiguous(memory_format=layout)
        values = nets.step(netg, netd, optg, optd, real, torch.randn(len(rows), 100))
        step += 1
        if step % a.log_every == 0 or step == a.steps:
            rate = (step - last) * a.batch / (time.time() - start)
            last, start = step, time.time()
            log.write(f"{step}," + ",".join(f"{float(v):.6f}" for v in values) + f",{rate:.2f}\n")
            log.flush()
            print(f"step {step}/{a.steps}  Loss_D {values[0]:.4f} Loss_G {values[1]:.4f} D(x) {values[2]:.4f} "
                  f"D(G(z)) {values[3]:.4f} / {values[4]:.4f}  {rate:.1f} images/s", flush=True)

netg.eval()
with torch.no_grad():
    drawn = [netg(z).numpy() for z in torch.randn(a.count, 100).split(250)]
samples = np.ascontiguousarray(np.concatenate(drawn).transpose(0, 2, 3, 1), np.float32)
np.save(os.path.join(a.out, "samples.npy"), samples)
images.write_grid(os.path.join(a.out, "grid.png"), samples)
for name, net in (("netG", netg), ("netD", netd)):
    torch.save(net.state_dict(), os.path.join(a.out, name + ".pth"))
print(f"{a.out}: {len(samples)} samples of {size}x{size}x{samples.shape[3]}")
