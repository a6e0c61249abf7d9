"""From a sentence to stages: the state machine, its recoveries and its stop causes."""
