"""Filters between subscriptions and callbacks: caches and synchronizers."""

from ._cache import Cache
from ._filter import SimpleFilter, Subscriber
from ._synchronizers import ApproximateTimeSynchronizer, TimeSynchronizer

__all__ = [
    "ApproximateTimeSynchronizer",
    "Cache",
    "SimpleFilter",
    "Subscriber",
    "TimeSynchronizer",
]
