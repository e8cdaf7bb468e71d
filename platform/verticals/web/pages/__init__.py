"""The platform's pages and the frame around every page, built with NiceGUI."""

from .mount import mount

__all__ = ["mount"]
