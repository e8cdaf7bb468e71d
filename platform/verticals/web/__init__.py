"""The web application: every vertical's endpoints, the platform's own API, health, metrics and pages.

`create_app` assembles it from a host, `serve` runs it. Plugins use two modules of this room: `current`, whose
`CurrentVertical` hands an endpoint its vertical, and `ui`, the building blocks of pages. Importing this package
imports neither FastAPI nor NiceGUI; the modules do, and NiceGUI is loaded only when pages are mounted.
"""
