"""
The C++ core of lpusim, one submodule a room.
"""
from __future__ import annotations
from . import base
from . import chip
from . import net
from . import moe
from . import model
from . import device
from . import lower
from . import serve
from . import timeline
__all__: list[str] = ['base', 'chip', 'device', 'lower', 'model', 'moe', 'net', 'serve', 'timeline']
