"""Grammars of model text: bounded, regular, read in linear time; shared by several families."""
