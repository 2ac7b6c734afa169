"""Consignease: a user directory whose every change reaches your application.

Importing this package loads nothing but itself. What an application that
receives events needs is in :mod:`consignease.webhooks` and in the module
named after its framework (:mod:`consignease.fastapi`, ...).
"""

__version__ = "0.2.0"

__all__ = ["__version__"]
