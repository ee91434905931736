"""A clgan model file, or the resolved config of a checkpoint or trace, as the dict that sheets.py
makes: sections with numbers as numbers. Needs yaml (Debian: python3-yaml)."""
import re

import yaml

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def numbers(v):
    """YAML 1.1 reads 1e-4 as text; a model file means a number."""
    if isinstance(v, dict):
        return {k: numbers(w) for k, w in v.items()}
    if isinstance(v, list):
        return [numbers(w) for w in v]
    return float(v) if isinstance(v, str) and NUMBER.match(v) else v


def parse(text):
    desc = numbers(yaml.safe_load(text))
    for net in ("generator", "discriminator"):
        desc[net].setdefault("prefix", "main")
    return desc
