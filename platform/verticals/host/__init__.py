"""The host: finds and loads plugins, reads settings, and binds every vertical to the parts that all share.

Opening a host imports nothing heavy; each part (database, data sets, encoder, engine) is opened on first need.
"""

from .host import Host
from .loading import PluginState
from .served import ServedVertical
from .settings import Settings
from .vertical import Vertical

__all__ = ["Host", "PluginState", "ServedVertical", "Settings", "Vertical"]
