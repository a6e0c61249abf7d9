"""One door to every model: pointers, trace planners, policies and progress estimators."""
